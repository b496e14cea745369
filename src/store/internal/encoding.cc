#include "store/internal/encoding.h"

namespace mullion::store::internal {
namespace {

constexpr char kLogFormat = 1;

template <typename Number>
std::string big_endian(Number number) {
  std::string out(sizeof(Number), '\0');
  for (size_t i = 0; i < sizeof(Number); ++i)
    out[sizeof(Number) - 1 - i] = static_cast<char>(number >> (8 * i) & 0xff);
  return out;
}

void put_text(std::string& out, std::string_view text) {
  out += encode_u32(static_cast<uint32_t>(text.size()));
  out += text;
}

/// Reads what put_* wrote; every reader returns false at the end of the bytes.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  bool number(size_t size, uint64_t& out) {
    if (rest_.size() < size) return false;
    out = decode_number(rest_.substr(0, size));
    rest_.remove_prefix(size);
    return true;
  }
  bool text(std::string& out) {
    uint64_t size = 0;
    if (!number(4, size) || rest_.size() < size) return false;
    out.assign(rest_.substr(0, size));
    rest_.remove_prefix(size);
    return true;
  }

 private:
  std::string_view rest_;
};

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

bool read_digest(Reader& reader, TypeDigest& digest) {
  return reader.text(digest.type) && reader.text(digest.owner) && reader.number(8, digest.digest.low) &&
         reader.number(8, digest.digest.high) && reader.number(8, digest.count);
}

bool read_origin(Reader& reader, std::optional<Origin>& out) {
  uint64_t present = 0;
  if (!reader.number(1, present)) return false;
  if (present == 0) return true;
  Origin origin;
  if (!reader.text(origin.owner) || !reader.number(8, origin.cursor.epoch) ||
      !reader.number(8, origin.cursor.seq))
    return false;
  out = std::move(origin);
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

std::string encode_u16(uint16_t number) { return big_endian(number); }
std::string encode_u32(uint32_t number) { return big_endian(number); }
std::string encode_u64(uint64_t number) { return big_endian(number); }

uint64_t decode_number(std::string_view bytes) {
  uint64_t out = 0;
  for (const char c : bytes) out = out << 8 | static_cast<unsigned char>(c);
  return out;
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

std::string encode_log_entry(const LoggedCommit& commit,
                             const std::vector<std::optional<std::string>>& compressed) {
  std::string out(1, kLogFormat);
  out += encode_u64(static_cast<uint64_t>(commit.time.time_since_epoch().count()));
  out.push_back(commit.origin ? 1 : 0);
  if (commit.origin) {
    put_text(out, commit.origin->owner);
    out += encode_cursor(commit.origin->cursor);
  }
  out += encode_u32(static_cast<uint32_t>(commit.changes.size()));
  for (size_t i = 0; i < commit.changes.size(); ++i) {
    const ObjectId& id = commit.changes[i].id;
    out.push_back(compressed[i] ? 1 : 0);
    put_text(out, id.type);
    put_text(out, id.owner);
    put_text(out, id.key);
    if (compressed[i]) put_text(out, *compressed[i]);
  }
  out += encode_u32(static_cast<uint32_t>(commit.digests.size()));
  for (const TypeDigest& digest : commit.digests) {
    put_text(out, digest.type);
    put_text(out, digest.owner);
    out += encode_digest(digest.digest, digest.count);
  }
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
