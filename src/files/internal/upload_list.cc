#include "files/internal/upload_list.h"

#include "base/mutex.h"
#include "files/blobs.h"
#include "files/file_handle.h"

namespace mullion::files {

/// An entry whose file was changed or removed behind our back is none.
UploadList::UploadList(const env::Path& root, const Checksums& sums, size_t most) : most_(most) {
  sums.visit_uploads([&](const std::string& name) {
    const auto file = InputFile::open(root / name);
    if (!file) return true;
    if (const auto sha256 = sums.remembered(name, *file)) set(name, *sha256);
    const Lock lock(mutex_);
    return !full_;
  });
}

void UploadList::set(const std::string& name, const std::string& sha256) {
  const Lock lock(mutex_);
  if (sha256.empty()) {
    entries_.erase(name);
  } else if (entries_.size() < most_ || entries_.contains(name)) {
    entries_[name] = sha256;
  } else {
    full_ = true;
  }
}

Blobs::Uploads UploadList::read(std::string_view without, size_t most) const {
  const Lock lock(mutex_);
  Blobs::Uploads out;
  out.complete = !full_;
  for (const auto& [name, sha256] : entries_) {
    if (!without.empty() && name.starts_with(without)) continue;
    if (out.sums.size() >= most) {
      out.complete = false;
      break;
    }
    out.sums.emplace_hint(out.sums.end(), name, sha256);
  }
  return out;
}

}  // namespace mullion::files
