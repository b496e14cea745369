// SHA-256 in steps.
#pragma once

#include <memory>
#include <string>
#include <string_view>

struct evp_md_ctx_st;

namespace mullion::env {

/// OpenSSL's, because it uses what the processor has for it.
class Sha256 {
 public:
  Sha256();
  void add(std::string_view bytes);
  /// Lower-case hex; ends the computation.
  std::string hex();

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const;
  };
  std::unique_ptr<evp_md_ctx_st, Free> context_;
};

}  // namespace mullion::env
