#include "content/internal/checksums.h"

#include <fmt/format.h>

#include "base/digest.h"

namespace mullion::content {

namespace {

/// One line per file: size, time, inode, checksum, name. The name tells hash collisions of entries apart.
std::string line_of(const std::string& name, const FileFacts& facts, std::string_view sha256) {
  return fmt::format("{} {} {} {} {}\n", facts.size, facts.modified, facts.number, sha256, name);
}

}  // namespace

env::Path Checksums::entry(const std::string& name) const {
  const std::string id = hash128(name).hex();  // flat names cannot clash with directories of the tree
  return directory_ / id.substr(0, 2) / id.substr(2);
}

Result<std::string> Checksums::of(const std::string& name, const InputFile& file) const {
  constexpr size_t kHexSize = 64;
  const auto known = env::read_file(entry(name));
  const std::string prefix =
      fmt::format("{} {} {} ", file.facts().size, file.facts().modified, file.facts().number);
  if (known && known->starts_with(prefix) && known->size() > prefix.size() + kHexSize) {
    const std::string sha256 = known->substr(prefix.size(), kHexSize);
    if (*known == line_of(name, file.facts(), sha256)) return sha256;
  }
  auto sha256 = sha256_of(file);
  if (sha256) remember(name, file.facts(), *sha256);
  return sha256;
}

void Checksums::remember(const std::string& name, const FileFacts& facts, const std::string& sha256) const {
  const env::Path path = entry(name);
  // A sum that cannot be written is computed again: no reason to fail.
  if (env::make_directories(path.parent_path()))
    (void)env::write_file_atomic(path, line_of(name, facts, sha256));
}

void Checksums::forget(const std::string& name) const {
  std::error_code ignored;
  std::filesystem::remove(entry(name), ignored);
}

}  // namespace mullion::content
