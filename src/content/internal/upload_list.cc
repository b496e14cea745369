#include "content/internal/upload_list.h"

namespace mullion::content {
namespace {

/// More would be a tree that nobody looks after by name.
constexpr size_t kMostEntries = 200'000;

}  // namespace

void UploadList::set(const std::string& name, const std::string& sha256) {
  const std::lock_guard lock(mutex_);
  if (!loaded_) return;  // the side tree knows
  if (sha256.empty()) {
    entries_.erase(name);
  } else if (entries_.size() < kMostEntries) {
    entries_[name] = sha256;
  }
}

/// An entry whose file was changed or removed behind our back is none.
void UploadList::load() {
  sums_.visit_uploads([this](const std::string& name) {
    const auto file = InputFile::open(root_ / name);
    if (!file) return true;
    const auto sha256 = sums_.remembered(name, *file);
    if (sha256) entries_[name] = *sha256;
    return entries_.size() < kMostEntries;
  });
  loaded_ = true;
}

std::map<std::string, std::string> UploadList::read(std::string_view without, size_t most) {
  const std::lock_guard lock(mutex_);
  if (!loaded_) load();
  std::map<std::string, std::string> out;
  for (const auto& [name, sha256] : entries_) {
    if (out.size() >= most) break;
    if (without.empty() || !name.starts_with(without)) out.emplace_hint(out.end(), name, sha256);
  }
  return out;
}

}  // namespace mullion::content
