// For doubles of Blobs that offer files and take none.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "files/blobs.h"

namespace mullion::files::testing {

/// Whatever changes, lists or uploads files is refused; how files are found, read and told of is left to who
/// derives.
class OfferedFiles : public Blobs {
 public:
  Result<std::vector<std::string>> list(std::string_view, std::string_view, bool) override {
    return refusal();
  }
  Task<Result<Info>> put(std::string, std::string, net::BodySource&, UploadOptions) override {
    co_return refusal();
  }
  Task<Result<Progress>> append(std::string, std::string, net::BodySource&, net::ContentRange,
                                UploadOptions) override {
    co_return refusal();
  }
  Result<uint64_t> unfinished(std::string_view, std::string_view) override { return refusal(); }
  Result<void> drop_unfinished(std::string_view, std::string_view) override { return refusal(); }
  Uploads uploads(std::string_view, size_t) override { return {}; }
  Result<Info> move(std::string_view, std::string_view, std::string_view) override { return refusal(); }
  Result<void> remove(std::string_view, std::string_view) override { return refusal(); }

 private:
  static Error refusal() { return Error(ErrorCode::kInternal, "this double takes no files"); }
};

}  // namespace mullion::files::testing
