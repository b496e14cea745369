// For tests of the API: a stand-in for what replaces the program.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "api/api.h"

namespace mullion::api::testing {

/// Takes every package, and tells what the test puts in.
class FakeUpgrades final : public Upgrades {
 public:
  std::string why_not, failed;
  bool trial = false;
  std::vector<std::pair<std::string, bool>> packages;  // body, force
  Task<Result<uint64_t>> upgrade(net::BodySource& body, bool force, std::string) override {
    Result<std::string> text = co_await net::read_all(body, 1 << 20);
    if (!text) co_return text.error();
    if (!why_not.empty()) co_return Error(ErrorCode::kInvalid, why_not);
    packages.emplace_back(*text, force);
    co_return text->size();
  }
  std::string status_json() const override { return R"({"State":"none"})"; }
  void forget() override { failed.clear(); }
  std::string failure() const override { return failed; }
  bool on_trial() const override { return trial; }
};

}  // namespace mullion::api::testing
