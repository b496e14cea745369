#include "cluster/internal/journal_bytes.h"

namespace mullion::cluster {
namespace {

constexpr uint8_t kFormat = 1;
constexpr size_t kChecksumSize = 16;

}  // namespace

void put_number(std::string& out, uint64_t number, int size) {
  for (int shift = 8 * (size - 1); shift >= 0; shift -= 8) out.push_back(static_cast<char>(number >> shift));
}

uint64_t number_at(std::string_view bytes, size_t at, size_t size) {
  uint64_t out = 0;
  for (const char c : bytes.substr(at, size)) out = out << 8 | static_cast<uint8_t>(c);
  return out;
}

std::string key_of(uint64_t index) {
  std::string out;
  put_number(out, index);
  return out;
}

std::string checksum(std::string_view key, std::string_view bytes) {
  const Digest digest = hash128(std::string(key).append(bytes));
  std::string out;
  put_number(out, digest.high);
  put_number(out, digest.low);
  return out;
}

bool unseal(std::string_view key, std::string_view& value) {
  if (value.size() < kChecksumSize) return false;
  const std::string_view bytes = value.substr(0, value.size() - kChecksumSize);
  if (checksum(key, bytes) != value.substr(bytes.size())) return false;
  value = bytes;
  return true;
}

std::string sealed_entry(const JournalEntry& entry) {
  std::string out;
  put_number(out, kFormat, 1);
  put_number(out, static_cast<uint64_t>(entry.entry.kind), 1);
  put_number(out, entry.entry.index);
  put_number(out, entry.entry.term);
  if (entry.entry.kind == EntryKind::kData) out += entry.payload;
  if (entry.entry.kind == EntryKind::kChange) out += entry.entry.change;
  return out + checksum(key_of(entry.entry.index), out);
}

bool open_entry(uint64_t index, std::string_view value, Entry& entry) {
  if (!unseal(key_of(index), value)) return false;
  if (value.size() < kEntryHead || number_at(value, 0, 1) != kFormat) return false;
  const uint64_t kind = number_at(value, 1, 1);
  if (kind > static_cast<uint64_t>(EntryKind::kEmpty) || number_at(value, 2) != index) return false;
  entry = {index, number_at(value, 10), static_cast<EntryKind>(kind), {}, {}};
  const std::string_view body = value.substr(kEntryHead);
  if (entry.kind == EntryKind::kData) entry.tag = tag_of(body);
  if (entry.kind == EntryKind::kChange) entry.change = body;
  return entry.kind != EntryKind::kEmpty || body.empty();
}

}  // namespace mullion::cluster
