// Where archives are unpacked before anything of them counts.
#pragma once

#include <utility>

#include "env/file.h"

namespace mullion::content {

/// A directory below .uploads that goes away with everything in it.
class ScratchDirectory {
 public:
  explicit ScratchDirectory(env::Path path) : path_(std::move(path)) {}
  ~ScratchDirectory() { (void)env::remove_tree(path_); }
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;
  const env::Path& path() const { return path_; }

 private:
  env::Path path_;
};

}  // namespace mullion::content
