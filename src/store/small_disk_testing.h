// A small disk for tests of full ones.
#pragma once

#include <fmt/format.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include "env/file.h"

namespace mullion::store {

/// A file system of a few megabytes, seen by this process alone.
class SmallDisk {
 public:
  SmallDisk(const env::Path& where, int megabytes) : where_(where) {
    mounted_ = ::geteuid() == 0 && ::unshare(CLONE_NEWNS) == 0 &&
               ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
               ::mount("tmpfs", where.c_str(), "tmpfs", 0, fmt::format("size={}m", megabytes).c_str()) == 0;
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  ~SmallDisk() {
    if (mounted_) ::umount2(where_.c_str(), MNT_DETACH);
  }
  bool mounted() const { return mounted_; }

 private:
  env::Path where_;
  bool mounted_;
};

}  // namespace mullion::store
