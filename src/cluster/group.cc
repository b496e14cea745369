#include "cluster/group.h"

namespace mullion::cluster {
namespace {

constexpr char kVersion = 1;
constexpr size_t kSize = 8;

}  // namespace

/// u8 version, then for each command its length as u64, big-endian, and its bytes.
std::string encode_group(const std::vector<store::Command>& commands) {
  std::string out(1, kVersion);
  for (const store::Command& command : commands) {
    const std::string bytes = store::encode_command(command);
    for (int shift = 56; shift >= 0; shift -= 8) out.push_back(static_cast<char>(bytes.size() >> shift));
    out += bytes;
  }
  return out;
}

Result<std::vector<store::Command>> decode_group(std::string_view bytes) {
  const Error damaged(ErrorCode::kCorrupt, "a group of commands cannot be read");
  if (bytes.empty() || bytes.front() != kVersion) return damaged;
  bytes.remove_prefix(1);
  std::vector<store::Command> out;
  while (!bytes.empty()) {
    if (bytes.size() < kSize) return damaged;
    uint64_t size = 0;
    for (const char byte : bytes.substr(0, kSize)) size = size << 8 | static_cast<uint8_t>(byte);
    bytes.remove_prefix(kSize);
    if (size > bytes.size()) return damaged;
    Result<store::Command> command = store::decode_command(bytes.substr(0, size));
    if (!command.ok()) return command.error();
    out.push_back(std::move(*command));
    bytes.remove_prefix(size);
  }
  return out;
}

}  // namespace mullion::cluster
