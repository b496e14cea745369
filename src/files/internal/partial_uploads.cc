#include "files/internal/partial_uploads.h"

#include <fmt/format.h>

#include "base/mutex.h"
#include "files/file_handle.h"
#include "files/internal/log.h"

namespace mullion::files {

namespace {

namespace fs = std::filesystem;

}  // namespace

PartialUploads::PartialUploads(env::Path directory, size_t most, env::Duration age)
    : directory_(std::move(directory)), most_(most), age_(age) {
  if (auto made = env::make_directories(directory_); !made) {
    kLog.error("cannot create the directory of unfinished uploads error={}", made.error().text());
  }
  sweep();
}

/// Flat names: paths of any depth and length fit.
env::Path PartialUploads::file(const std::string& name) const {
  env::Sha256 hash;
  hash.add(name);
  return directory_ / hash.hex();
}

size_t PartialUploads::count() const {
  std::error_code problem;
  size_t found = 0;
  for (fs::directory_iterator at(directory_, problem), end; !problem && at != end; at.increment(problem))
    ++found;
  return found;
}

void PartialUploads::sweep() const {
  const auto oldest = fs::file_time_type::clock::now() - age_;
  std::error_code problem;
  for (fs::directory_iterator at(directory_, problem), end; !problem && at != end; at.increment(problem)) {
    std::error_code ignored;
    if (at->last_write_time(ignored) < oldest) fs::remove(at->path(), ignored);
  }
}

Result<PartialUploads::Claim> PartialUploads::claim(const std::string& name) {
  const Lock lock(mutex_);
  if (!claimed_.insert(name).second) {
    return Error(ErrorCode::kConflict, "Another request is sending a piece of this file");
  }
  return Claim(*this, name);
}

Result<uint64_t> PartialUploads::size(const std::string& name) const {
  const auto found = InputFile::open(file(name));
  if (!found) return Error(ErrorCode::kNotFound, "No unfinished upload");
  return found->facts().size;
}

PartialUploads::Claim::~Claim() {
  if (uploads_ == nullptr) return;
  const Lock lock(uploads_->mutex_);
  uploads_->claimed_.erase(name_);
}

Result<OutputFile> PartialUploads::Claim::open(uint64_t offset) const {
  if (offset == 0) {
    uploads_->sweep();
    if (uploads_->count() >= uploads_->most_) {
      return Error(ErrorCode::kUnavailable,
                   fmt::format("There are {} unfinished uploads; finish or delete one", uploads_->most_));
    }
  }
  return OutputFile::resume(uploads_->file(name_), offset);
}

void PartialUploads::Claim::drop() const {
  std::error_code ignored;
  fs::remove(uploads_->file(name_), ignored);
}

}  // namespace mullion::files
