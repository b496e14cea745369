// SHA-256 of what comes and goes.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "catalog/items.h"

struct evp_md_ctx_st;

namespace mullion::cli {

/// Of bytes as they come.
class Checksum {
 public:
  Checksum();
  void add(std::string_view bytes);
  /// Lower-case hex; ends the computation.
  std::string hex();

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const;
  };
  std::unique_ptr<evp_md_ctx_st, Free> context_;
};

/// What cannot be read has the checksum of nothing.
std::string checksum_of_file(const std::string& path);

/// kCorrupt "SOURCE: expected sha256 X, the bytes have Y". An artifact without checksum passes.
Result<void> check_sum(const catalog::Artifact& artifact, const std::string& sha256);
Result<void> check_bytes(const catalog::Artifact& artifact, std::string_view bytes);

}  // namespace mullion::cli
