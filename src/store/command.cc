#include "store/command.h"

#include "base/digest.h"
#include "store/internal/encoding.h"

namespace mullion::store {
namespace {

using internal::encode_u32;
using internal::encode_u64;
using internal::put_text;
using internal::Reader;

constexpr uint8_t kVersion = 1;
constexpr size_t kChecksumBytes = 8;
// The least that an entry of each list takes.
constexpr size_t kLeastWrite = 13;
constexpr size_t kLeastSecret = 9;
constexpr size_t kLeastDictionary = 12;
constexpr size_t kLeastDigest = 32;

uint64_t checksum_of(std::string_view bytes) { return hash128(bytes).low; }

void put_optional(std::string& out, const std::optional<std::string>& text) {
  out.push_back(text ? 1 : 0);
  if (text) put_text(out, *text);
}

bool read_optional(Reader& in, std::optional<std::string>& out) {
  bool present = false;
  if (!in.flag(present)) return false;
  return !present || in.text(out.emplace());
}

void put_header(std::string& out, const Command& command) {
  out += encode_u64(command.seq);
  out += encode_u64(static_cast<uint64_t>(command.time.time_since_epoch().count()));
  internal::put_origin(out, command.origin);
  put_text(out, command.forget_origin);
  put_text(out, command.principal);
  put_text(out, command.update_action);
  out += encode_u64(command.log_start);
}

bool read_header(Reader& in, Command& out) {
  uint64_t time = 0;
  if (!in.number(8, out.seq) || !in.number(8, time)) return false;
  out.time = env::WallTime(env::Duration(static_cast<int64_t>(time)));
  return internal::read_origin(in, out.origin) && in.text(out.forget_origin) && in.text(out.principal) &&
         in.text(out.update_action) && in.number(8, out.log_start);
}

void put_write(std::string& out, const Command::Write& write) {
  put_text(out, write.id.type);
  put_text(out, write.id.owner);
  put_text(out, write.id.key);
  put_optional(out, write.at_rest);
}

bool read_write(Reader& in, Command::Write& out) {
  return in.text(out.id.type) && in.text(out.id.owner) && in.text(out.id.key) &&
         read_optional(in, out.at_rest);
}

void put_secret(std::string& out, const SecretChange& secret) {
  put_text(out, secret.space);
  put_text(out, secret.key);
  put_optional(out, secret.value);
}

bool read_secret(Reader& in, SecretChange& out) {
  return in.text(out.space) && in.text(out.key) && read_optional(in, out.value);
}

void put_dictionary(std::string& out, const Command::Dictionary& dictionary) {
  out += encode_u32(dictionary.id);
  put_text(out, dictionary.type);
  put_text(out, dictionary.bytes);
}

bool read_dictionary(Reader& in, Command::Dictionary& out) {
  uint64_t id = 0;
  if (!in.number(4, id)) return false;
  out.id = static_cast<uint32_t>(id);
  return in.text(out.type) && in.text(out.bytes);
}

template <typename Entry>
void put_list(std::string& out, const std::vector<Entry>& list, void (*put)(std::string&, const Entry&)) {
  out += encode_u32(static_cast<uint32_t>(list.size()));
  for (const Entry& entry : list) put(out, entry);
}

template <typename Entry>
bool read_list(Reader& in, std::vector<Entry>& out, size_t smallest, bool (*read)(Reader&, Entry&)) {
  uint64_t count = 0;
  if (!in.count(smallest, count)) return false;
  for (uint64_t i = 0; i < count; ++i) {
    if (!read(in, out.emplace_back())) return false;
  }
  return true;
}

bool read_all(Reader& in, Command& out) {
  return read_header(in, out) && read_list(in, out.writes, kLeastWrite, read_write) &&
         read_list(in, out.secrets, kLeastSecret, read_secret) &&
         read_list(in, out.dictionaries, kLeastDictionary, read_dictionary) &&
         read_list(in, out.digests, kLeastDigest, internal::read_digest) && in.at_end();
}

}  // namespace

std::string encode_command(const Command& command) {
  std::string out(1, static_cast<char>(kVersion));
  put_header(out, command);
  put_list(out, command.writes, put_write);
  put_list(out, command.secrets, put_secret);
  put_list(out, command.dictionaries, put_dictionary);
  put_list(out, command.digests, internal::put_digest);
  return out.append(encode_u64(checksum_of(out)));
}

Result<Command> decode_command(std::string_view bytes) {
  const Error damaged(ErrorCode::kCorrupt, "command is damaged");
  if (bytes.size() < 1 + kChecksumBytes) return damaged;
  if (static_cast<uint8_t>(bytes[0]) != kVersion)
    return Error(ErrorCode::kCorrupt, "command is of a version that this program does not know");
  const std::string_view body = bytes.substr(0, bytes.size() - kChecksumBytes);
  if (internal::decode_number(bytes.substr(body.size())) != checksum_of(body)) return damaged;
  Command out;
  Reader in(body.substr(1));
  if (!read_all(in, out)) return damaged;
  return out;
}

}  // namespace mullion::store
