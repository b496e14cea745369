// A flat byte queue: filled at the end, read from the front.
#pragma once

#include <cstring>
#include <memory>
#include <string_view>

namespace mullion::net::internal {

/// What is asked of a socket at once, and of one in whose stream a body comes.
inline constexpr size_t kReadBytes = 16 * 1024;
inline constexpr size_t kBodyReadBytes = 64 * 1024;

class Buffer {
 public:
  std::string_view view() const { return {bytes_.get() + begin_, end_ - begin_}; }
  size_t size() const { return end_ - begin_; }
  bool empty() const { return begin_ == end_; }
  void consume(size_t count) {
    begin_ += count;
    if (begin_ == end_) begin_ = end_ = 0;
  }
  void append(std::string_view bytes) {
    std::memcpy(prepare(bytes.size()), bytes.data(), bytes.size());
    commit(bytes.size());
  }
  /// At least `wanted` free bytes after the content; moves or grows what is there.
  char* prepare(size_t wanted) {
    if (capacity_ - end_ >= wanted) return bytes_.get() + end_;
    if (capacity_ - size() >= wanted) {
      std::memmove(bytes_.get(), bytes_.get() + begin_, size());
    } else {
      move_to(capacity_for(size() + wanted));
    }
    end_ -= begin_;
    begin_ = 0;
    return bytes_.get() + end_;
  }
  size_t room() const { return capacity_ - end_; }
  void commit(size_t count) { end_ += count; }
  /// Gives back the memory that the content does not need: who waits for a peer should cost little.
  void release_unused() {
    if (empty()) {
      bytes_.reset();
      capacity_ = begin_ = end_ = 0;
    } else if (capacity_for(size()) < capacity_) {
      move_to(capacity_for(size()));
      end_ -= begin_;
      begin_ = 0;
    }
  }

 private:
  static size_t capacity_for(size_t bytes) {
    size_t capacity = 4096;
    while (capacity < bytes) capacity *= 2;
    return capacity;
  }
  void move_to(size_t capacity) {
    std::unique_ptr<char[]> bytes(new char[capacity]);
    if (!empty()) std::memcpy(bytes.get(), bytes_.get() + begin_, size());
    bytes_ = std::move(bytes);
    capacity_ = capacity;
  }

  std::unique_ptr<char[]> bytes_;
  size_t capacity_ = 0;
  size_t begin_ = 0;
  size_t end_ = 0;
};

}  // namespace mullion::net::internal
