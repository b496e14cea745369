// A file descriptor that is closed with its holder.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <utility>

namespace mullion::env {

/// Above the standard descriptors and those that the child shuffles.
inline constexpr int kLowestDescriptor = 10;

class Descriptor {
 public:
  explicit Descriptor(int number = -1) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  int get() const { return number_; }
  bool valid() const { return number_ >= 0; }
  int release() { return std::exchange(number_, -1); }
  /// Moved out of the way of the standard ones.
  Descriptor lifted() const { return Descriptor(::fcntl(number_, F_DUPFD_CLOEXEC, kLowestDescriptor)); }

 private:
  int number_;
};

}  // namespace mullion::env
