// Uploads that arrive in pieces: what has come so far, by the name it will have.
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "base/mutex.h"
#include "env/clock.h"
#include "files/file_handle.h"

namespace mullion::files {

/// Thread-safe. Pieces survive a restart; those nobody goes on with are dropped after a while.
class PartialUploads {
 public:
  PartialUploads(env::Path directory, size_t most, env::Duration age);

  /// The right to change one upload, until it goes out of scope.
  class Claim {
   public:
    Claim(PartialUploads& uploads, std::string name) : uploads_(&uploads), name_(std::move(name)) {}
    Claim(Claim&& other) noexcept
        : uploads_(std::exchange(other.uploads_, nullptr)), name_(std::move(other.name_)) {}
    Claim& operator=(Claim&&) = delete;
    ~Claim();
    /// The file to go on with at `offset`. Errors of OutputFile::resume(); kUnavailable when there are too
    /// many unfinished uploads to begin another.
    Result<OutputFile> open(uint64_t offset) const;
    void drop() const;

   private:
    PartialUploads* uploads_;
    std::string name_;
  };
  /// kConflict while somebody else has it.
  Result<Claim> claim(const std::string& name);
  /// How many bytes have come; kNotFound.
  Result<uint64_t> size(const std::string& name) const;
  /// Removes what has not grown for longer than the age.
  void sweep() const;

 private:
  env::Path file(const std::string& name) const;
  size_t count() const;

  const env::Path directory_;
  const size_t most_;
  const env::Duration age_;
  Mutex mutex_;
  std::set<std::string> claimed_ GUARDED_BY(mutex_);
};

}  // namespace mullion::files
