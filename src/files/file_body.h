// A range of a file as a body to be sent.
#pragma once

#include "files/file_handle.h"
#include "net/http.h"

namespace mullion::files {

class FileBody final : public net::BodySource {
 public:
  FileBody(InputFile file, uint64_t first, uint64_t size)
      : file_(std::move(file)), at_(first), left_(size), size_(size) {}

  /// kInternal when the file became shorter meanwhile.
  env::Task<Result<std::string_view>> next() override;
  std::optional<uint64_t> size() const override { return size_; }

 private:
  InputFile file_;
  uint64_t at_;
  uint64_t left_;
  uint64_t size_;
  std::string piece_;
};

/// The whole of a file as a body, read while it is sent. kNotFound.
Result<net::BodySourcePtr> stream_file(const env::Path& file);

}  // namespace mullion::files
