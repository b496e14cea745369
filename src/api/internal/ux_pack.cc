#include "api/internal/ux_pack.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <optional>
#include <span>

#include "base/json.h"
#include "base/letters.h"
#include "base/text.h"
#include "env/sha256.h"
#include "files/archive.h"
#include "model/members.h"
#include "model/object.h"

namespace mullion::api {
namespace {

namespace json = boost::json;
constexpr std::string_view kMagic = "MUXPACK1";
constexpr std::string_view kFirstFile = "index.html";
constexpr std::string_view kGzipMagic = "\x1f\x8b";
constexpr size_t kLengthBytes = 4;
constexpr size_t kIndexDepth = 4;
constexpr size_t kLargestIndex = size_t{1} << 20;
constexpr size_t kMostFiles = 4096;
constexpr size_t kLongestName = 255, kLongestType = 100;
constexpr uint64_t kLargestFile = uint64_t{32} << 20;  // uncompressed: such a file is made in memory

Error broken_pack(std::string what) {
  return Error(ErrorCode::kCorrupt, "the web interface of this program is damaged: " + what);
}

Error broken_file(std::string_view name, std::string_view what) {
  return broken_pack(fmt::format("file {}: {}", escaped(name.substr(0, kLongestName)), what));
}

uint32_t little_endian(std::string_view bytes) {
  uint32_t value = 0;
  for (size_t i = 0; i < kLengthBytes; ++i)
    value |= uint32_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
  return value;
}

std::optional<uint64_t> count_member(const json::object& entry, std::string_view name) {
  const json::value* value = entry.if_contains(name);
  if (value == nullptr) return std::nullopt;
  boost::system::error_code failure;
  const auto number = value->to_number<uint64_t>(failure);
  return failure || value->is_double() ? std::nullopt : std::optional(number);
}

/// Names are compared with the segments of requests, so they have to be what a request can name.
bool is_plain_name(std::string_view name) {
  if (name.empty() || name.size() > kLongestName || !is_valid_utf8(name)) return false;
  if (std::ranges::any_of(name, [](unsigned char c) { return c < ' ' || c == 0x7f || c == '\\'; }))
    return false;
  while (true) {
    const std::string_view part = name.substr(0, name.find('/'));
    if (part.empty() || part == "." || part == "..") return false;
    if (part.size() == name.size()) return true;
    name.remove_prefix(part.size() + 1);
  }
}

/// What may stand in a header.
bool is_plain_type(std::string_view type) {
  return !type.empty() && type.size() <= kLongestType &&
         std::ranges::all_of(type, [](char c) { return c >= ' ' && c < 0x7f; });
}

Result<PackedFile> read_file_entry(const json::value& entry, std::string_view streams) {
  if (!entry.is_object()) return broken_pack("an entry of the index is no object");
  const json::object& object = entry.get_object();
  PackedFile file;
  file.name = model::text_member(object, "name");
  file.media_type = model::text_member(object, "type");
  file.sha256 = model::text_member(object, "sha256");
  if (!is_plain_name(file.name)) return broken_file(file.name, "this is no name of a file");
  if (!is_plain_type(file.media_type)) return broken_file(file.name, "its type is no media type");
  if (!is_sha256(file.sha256)) return broken_file(file.name, "its sha256 is not 64 hexadecimal digits");
  const std::optional<uint64_t> offset = count_member(object, "offset");
  const std::optional<uint64_t> stored = count_member(object, "stored");
  const std::optional<uint64_t> length = count_member(object, "length");
  if (!offset || !stored || !length) return broken_file(file.name, "offset, stored and length are no counts");
  // Compared without adding: sums of hostile numbers wrap around.
  if (*offset > streams.size() || *stored > streams.size() - *offset)
    return broken_file(file.name, "it ends behind the pack");
  if (*length > kLargestFile)
    return broken_file(file.name, fmt::format("it is larger than {} bytes", kLargestFile));
  file.gzip = streams.substr(*offset, *stored);
  file.length = *length;
  if (!file.gzip.starts_with(kGzipMagic)) return broken_file(file.name, "it is no gzip stream");
  return file;
}

Result<void> check_names(std::span<const PackedFile> files) {
  for (size_t i = 1; i < files.size(); ++i) {
    if (files[i - 1].name >= files[i].name)
      return broken_file(files[i].name, "the index is not sorted by name, or holds a name twice");
  }
  return {};
}

Result<void> check_places(std::span<const PackedFile> files) {
  std::vector<const PackedFile*> by_place;
  for (const PackedFile& file : files) by_place.push_back(&file);
  std::ranges::sort(by_place, {}, [](const PackedFile* file) { return file->gzip.data(); });
  for (size_t i = 1; i < by_place.size(); ++i) {
    const std::string_view before = by_place[i - 1]->gzip;
    if (by_place[i]->gzip.data() < before.data() + before.size())
      return broken_file(by_place[i]->name, fmt::format("it overlaps {}", by_place[i - 1]->name));
  }
  return {};
}

}  // namespace

Result<UxPack> UxPack::read(std::string_view bytes) {
  UxPack pack;
  if (bytes.empty()) return pack;
  if (!bytes.starts_with(kMagic)) return broken_pack("it does not begin with " + std::string(kMagic));
  bytes.remove_prefix(kMagic.size());
  if (bytes.size() < kLengthBytes) return broken_pack("it ends before its index");
  const size_t index_length = little_endian(bytes);
  bytes.remove_prefix(kLengthBytes);
  if (index_length > kLargestIndex || index_length > bytes.size())
    return broken_pack(fmt::format("its index has {} bytes, which is too much", index_length));
  const Result<json::value> index = parse_json(bytes.substr(0, index_length), kIndexDepth);
  if (!index) return broken_pack("its index is no JSON");
  if (!index->is_object()) return broken_pack("its index is no object");
  const json::array& entries = model::list_member(index->get_object(), "files");
  if (entries.size() > kMostFiles) return broken_pack(fmt::format("it has {} files", entries.size()));
  for (const json::value& entry : entries) {
    Result<PackedFile> file = read_file_entry(entry, bytes.substr(index_length));
    if (!file) return file.error();
    pack.files_.push_back(std::move(*file));
  }
  if (Result<void> sorted = check_names(pack.files_); !sorted) return sorted.error();
  if (Result<void> apart = check_places(pack.files_); !apart) return apart.error();
  if (pack.find(kFirstFile) == nullptr) return broken_file(kFirstFile, "it is not there");
  return pack;
}

const PackedFile* UxPack::find(std::string_view name) const {
  const auto found = std::ranges::lower_bound(files_, name, {}, &PackedFile::name);
  return found != files_.end() && found->name == name ? &*found : nullptr;
}

Result<std::string> unpacked(const PackedFile& file) {
  Result<std::string> bytes = files::gunzip(file.gzip, file.length);
  if (!bytes) return broken_file(file.name, bytes.error().messages.front());
  env::Sha256 hash;
  hash.add(*bytes);
  if (bytes->size() != file.length || hash.hex() != file.sha256)
    return broken_file(file.name, "its content is not the one that the index names");
  return bytes;
}

}  // namespace mullion::api
