#include "files/file_body.h"

#include <algorithm>

#include "env/runtime.h"
#include "files/file_handle.h"

namespace mullion::files {

env::Task<Result<std::string_view>> FileBody::next() {
  const auto wanted = static_cast<size_t>(std::min<uint64_t>(left_, kPieceSize));
  if (wanted == 0) co_return std::string_view();
  // Mostly the page cache has it; a slow disk must not hold up the other connections of this thread.
  if (!file_.read_cached(at_, wanted, piece_)) {
    Result<void> read;
    co_await env::run_blocking([&] { read = file_.read(at_, wanted, piece_); });
    if (!read) co_return read.error();
  }
  if (piece_.size() < wanted) co_return Error(ErrorCode::kInternal, "file became shorter while it was read");
  at_ += wanted;
  left_ -= wanted;
  co_return std::string_view(piece_);
}

Result<net::BodySourcePtr> stream_file(const env::Path& file) {
  auto input = InputFile::open(file);
  if (!input) return input.error();
  const uint64_t size = input->facts().size;
  return net::BodySourcePtr(std::make_unique<FileBody>(std::move(*input), 0, size));
}

}  // namespace mullion::files
