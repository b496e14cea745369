#include "files/internal/xz_input.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>

#include "env/file.h"

namespace mullion::files {

namespace {

constexpr std::string_view kMagic(
    "\xfd"
    "7zXZ\0",
    6);

Error refusal(lzma_ret why) {
  if (why == LZMA_MEMLIMIT_ERROR)
    return Error(ErrorCode::kTooLarge,
                 fmt::format("Cannot explode: it takes more than {} bytes of memory", XzInput::kMostMemory));
  return Error(ErrorCode::kInvalid, "Cannot explode: it is damaged, or cut off");
}

}  // namespace

Result<std::unique_ptr<XzInput>> XzInput::open(int descriptor) {
  char first[kMagic.size()];
  const ssize_t got = ::pread(descriptor, first, sizeof(first), 0);
  if (got < 0) return env::error_from_errno(errno, "archive");
  if (std::string_view(first, static_cast<size_t>(got)) != kMagic) return std::unique_ptr<XzInput>();
  std::unique_ptr<XzInput> input(new XzInput(descriptor));
  const lzma_ret begun = lzma_stream_decoder(&input->stream_, kMostMemory, LZMA_CONCATENATED);
  if (begun != LZMA_OK) return Error(ErrorCode::kInternal, "Cannot explode: no memory for xz");
  return input;
}

XzInput::~XzInput() { lzma_end(&stream_); }

Result<void> XzInput::refill() {
  const ssize_t got = ::pread(descriptor_, packed_.data(), packed_.size(), static_cast<off_t>(offset_));
  if (got < 0) return env::error_from_errno(errno, "archive");
  offset_ += static_cast<uint64_t>(got);
  stream_.next_in = reinterpret_cast<const uint8_t*>(packed_.data());
  stream_.avail_in = static_cast<size_t>(got);
  return {};
}

Result<size_t> XzInput::read(char* data, size_t size) {
  stream_.next_out = reinterpret_cast<uint8_t*>(data);
  stream_.avail_out = size;
  while (!ended_ && stream_.avail_out == size) {
    if (stream_.avail_in == 0) {
      if (auto filled = refill(); !filled) return filled.error();
    }
    // Concatenated ones end where the file does, which the decoder has to be told.
    const lzma_action action = stream_.avail_in == 0 ? LZMA_FINISH : LZMA_RUN;
    const lzma_ret step = lzma_code(&stream_, action);
    ended_ = step == LZMA_STREAM_END;
    if (step != LZMA_OK && !ended_) return refusal(step);
  }
  return size - stream_.avail_out;
}

}  // namespace mullion::files
