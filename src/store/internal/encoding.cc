#include "store/internal/encoding.h"

#include <algorithm>

namespace mullion::store::internal {
namespace {

constexpr char kLogFormat = 1;

bool read_change(Reader& reader, const Codec& codec, LoggedCommit::LoggedChange& change) {
  uint64_t has_body = 0;
  std::string compressed;
  if (!reader.number(1, has_body) || !reader.text(change.id.type) || !reader.text(change.id.owner) ||
      !reader.text(change.id.key)) {
    return false;
  }
  if (has_body == 0) return true;
  if (!reader.text(compressed)) return false;
  Result<std::string> body = codec.decompress(compressed);
  if (!body) return false;
  change.body = std::move(*body);
  return true;
}

bool read_entry(Reader& reader, const Codec& codec, LoggedCommit& commit) {
  uint64_t format = 0, time = 0, count = 0;
  if (!reader.number(1, format) || format != kLogFormat || !reader.number(8, time)) return false;
  commit.time = env::WallTime(env::Duration(static_cast<int64_t>(time)));
  if (!read_origin(reader, commit.origin) || !reader.number(4, count)) return false;
  for (uint64_t i = 0; i < count; ++i) {
    if (!read_change(reader, codec, commit.changes.emplace_back())) return false;
  }
  if (!reader.number(4, count)) return false;
  for (uint64_t i = 0; i < count; ++i) {
    if (!read_digest(reader, commit.digests.emplace_back())) return false;
  }
  return true;
}

}  // namespace

void put_digest(std::string& out, const TypeDigest& digest) {
  put_text(out, digest.type);
  put_text(out, digest.owner);
  out += encode_digest(digest.digest, digest.count);
}

bool read_digest(Reader& in, TypeDigest& out) {
  return in.text(out.type) && in.text(out.owner) && in.number(8, out.digest.low) &&
         in.number(8, out.digest.high) && in.number(8, out.count);
}

void put_origin(std::string& out, const std::optional<Origin>& origin) {
  out.push_back(origin ? 1 : 0);
  if (!origin) return;
  put_text(out, origin->owner);
  out += encode_cursor(origin->cursor);
}

bool read_origin(Reader& in, std::optional<Origin>& out) {
  bool present = false;
  if (!in.flag(present)) return false;
  if (!present) return true;
  Origin& origin = out.emplace();
  return in.text(origin.owner) && in.number(8, origin.cursor.epoch) && in.number(8, origin.cursor.seq);
}

std::string object_start(TypeId type, std::string_view key) { return encode_u16(type).append(key); }

std::string object_row(TypeId type, std::string_view key, OwnerId owner) {
  std::string out = object_start(type, key);
  out.push_back('\0');
  return out.append(encode_u32(owner));
}

ObjectRow decode_object_row(std::string_view row) {
  if (row.size() < 7) return {};  // not a row of ours
  return {static_cast<TypeId>(decode_number(row.substr(0, 2))), row.substr(2, row.size() - 7),
          static_cast<OwnerId>(decode_number(row.substr(row.size() - 4)))};
}

std::string owned_row(OwnerId owner, TypeId type, std::string_view key) {
  return encode_u32(owner).append(encode_u16(type)).append(key);
}

std::string digest_row(OwnerId owner, TypeId type) { return encode_u32(owner).append(encode_u16(type)); }

std::string secret_row(std::string_view space, std::string_view key) {
  std::string out(space);
  out.push_back('\0');
  return out.append(key);
}

std::string encode_digest(const Digest& digest, uint64_t count) {
  return encode_u64(digest.low).append(encode_u64(digest.high)).append(encode_u64(count));
}

void decode_digest(std::string_view bytes, Digest& digest, uint64_t& count) {
  if (bytes.size() != 24) return;
  digest.low = decode_number(bytes.substr(0, 8));
  digest.high = decode_number(bytes.substr(8, 8));
  count = decode_number(bytes.substr(16, 8));
}

std::string encode_cursor(const Cursor& cursor) {
  return encode_u64(cursor.epoch).append(encode_u64(cursor.seq));
}

Cursor decode_cursor(std::string_view bytes) {
  if (bytes.size() != 16) return {};
  return {decode_number(bytes.substr(0, 8)), decode_number(bytes.substr(8, 8))};
}

std::string encode_log_entry(const Command& command) {
  std::string out(1, kLogFormat);
  out += encode_u64(static_cast<uint64_t>(command.time.time_since_epoch().count()));
  put_origin(out, command.origin);
  out += encode_u32(static_cast<uint32_t>(std::ranges::count_if(command.writes, may_leave)));
  for (const Command::Write& write : command.writes) {
    if (!may_leave(write)) continue;
    out.push_back(write.at_rest ? 1 : 0);
    put_text(out, write.id.type);
    put_text(out, write.id.owner);
    put_text(out, write.id.key);
    if (write.at_rest) put_text(out, *write.at_rest);
  }
  out += encode_u32(static_cast<uint32_t>(command.digests.size()));
  for (const TypeDigest& digest : command.digests) put_digest(out, digest);
  return out;
}

std::string log_entry_mark(const ObjectId& id) {
  std::string out;
  put_text(out, id.type);
  put_text(out, id.owner);
  put_text(out, id.key);
  return out;
}

Result<LoggedCommit> decode_log_entry(const Cursor& cursor, std::string_view bytes, const Codec& codec) {
  LoggedCommit commit;
  commit.cursor = cursor;
  Reader reader(bytes);
  if (!read_entry(reader, codec, commit)) return Error(ErrorCode::kCorrupt, "commit log entry is damaged");
  return commit;
}

env::WallTime log_entry_time(std::string_view bytes) {
  if (bytes.size() < 9) return {};
  return env::WallTime(env::Duration(static_cast<int64_t>(decode_number(bytes.substr(1, 8)))));
}

}  // namespace mullion::store::internal
