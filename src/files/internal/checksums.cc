#include "files/internal/checksums.h"

#include <fmt/format.h>

#include <filesystem>

#include "base/digest.h"
#include "files/file_handle.h"

namespace mullion::files {

namespace {

constexpr std::string_view kOtherMark = "no upload\n";  // a line of its own
constexpr std::string_view kOtherEnd = "\nno upload\n";

/// The name in an entry of an upload; absent for other entries.
std::optional<std::string> upload_name(std::string_view entry) {
  constexpr size_t kFieldsBeforeName = 4;
  if (!entry.ends_with('\n') || entry.ends_with(kOtherEnd)) return std::nullopt;
  for (size_t field = 0; field < kFieldsBeforeName; ++field) {
    const size_t blank = entry.find(' ');
    if (blank == std::string_view::npos) return std::nullopt;
    entry.remove_prefix(blank + 1);
  }
  return std::string(entry.substr(0, entry.size() - 1));
}

/// One line per file: size, time, inode, checksum, name. The name tells hash collisions of entries apart.
std::string line_of(const std::string& name, const FileFacts& facts, std::string_view sha256) {
  return fmt::format("{} {} {} {} {}\n", facts.size, facts.modified, facts.number, sha256, name);
}

}  // namespace

env::Path Checksums::entry(const std::string& name) const {
  const std::string id = hash128(name).hex();  // flat names cannot clash with directories of the tree
  return directory_ / id.substr(0, 2) / id.substr(2);
}

std::optional<std::string> Checksums::remembered(const std::string& name, const InputFile& file) const {
  constexpr size_t kHexSize = 64;
  const auto known = env::read_file(entry(name));
  const std::string prefix =
      fmt::format("{} {} {} ", file.facts().size, file.facts().modified, file.facts().number);
  if (!known || !known->starts_with(prefix) || known->size() <= prefix.size() + kHexSize) return std::nullopt;
  std::string sha256 = known->substr(prefix.size(), kHexSize);
  const std::string line = line_of(name, file.facts(), sha256);
  if (*known != line && *known != line + std::string(kOtherMark)) return std::nullopt;
  return sha256;
}

Result<std::string> Checksums::of(const std::string& name, const InputFile& file) const {
  if (std::optional<std::string> known = remembered(name, file)) return std::move(*known);
  auto sha256 = sha256_of(file, stop_);
  if (sha256) remember(name, file.facts(), *sha256, Origin::kOther);
  return sha256;
}

void Checksums::remember(const std::string& name, const FileFacts& facts, const std::string& sha256,
                         Origin origin) const {
  const env::Path path = entry(name);
  // A sum that cannot be written is computed again: no reason to fail.
  if (env::make_directories(path.parent_path()))
    (void)env::write_file_atomic(
        path, line_of(name, facts, sha256) + std::string(origin == Origin::kUpload ? "" : kOtherMark));
}

void Checksums::visit_uploads(const std::function<bool(const std::string& name)>& visit) const {
  namespace fs = std::filesystem;
  std::error_code problem;
  for (fs::recursive_directory_iterator at(directory_, problem), end; !problem && at != end;
       at.increment(problem)) {
    std::error_code ignored;
    if (!at->is_regular_file(ignored)) continue;
    const auto text = env::read_file(at->path());
    const std::optional<std::string> name = text ? upload_name(*text) : std::nullopt;
    if (name && !visit(*name)) return;
  }
}

bool Checksums::is_upload(const std::string& name) const {
  const auto text = env::read_file(entry(name));
  return text && upload_name(*text) == name;
}

void Checksums::forget(const std::string& name) const {
  std::error_code ignored;
  std::filesystem::remove(entry(name), ignored);
}

}  // namespace mullion::files
