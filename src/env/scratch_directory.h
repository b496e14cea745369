// Where things are made before anything of them counts.
#pragma once

#include <utility>

#include "env/file.h"

namespace mullion::env {

/// A directory that goes away with everything in it, also when the one who uses it is cancelled. The
/// destructor blocks on the disk. Whoever uses it makes it.
class ScratchDirectory {
 public:
  explicit ScratchDirectory(Path path) : path_(std::move(path)) {}
  ~ScratchDirectory() { (void)remove_tree(path_); }
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;
  const Path& path() const { return path_; }

 private:
  Path path_;
};

}  // namespace mullion::env
