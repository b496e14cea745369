// For tests of the API: a stand-in for what replaces the program.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "api/api.h"
#include "model/messages.h"

namespace mullion::api::testing {

/// Takes every package, and tells what the test puts in.
class FakeUpgrades final : public Upgrades {
 public:
  std::string why_not, failed;
  bool trial = false;
  std::vector<std::pair<std::string, bool>> packages;  // body, force
  std::vector<UpgradeWish> wishes;
  Task<Result<uint64_t>> upgrade(net::BodySource& body, UpgradeWish wish) override {
    Result<std::string> text = co_await net::read_all(body, 1 << 20);
    if (!text) co_return text.error();
    if (!why_not.empty()) co_return Error(ErrorCode::kInvalid, why_not);
    packages.emplace_back(*text, wish.force);
    wishes.push_back(std::move(wish));
    co_return text->size();
  }
  std::string staged;  // body of the package that is kept; "running" is the program that runs
  Task<Result<uint64_t>> stage(net::BodySource& body, bool) override {
    Result<std::string> text = co_await net::read_all(body, 1 << 20);
    if (!text) co_return text.error();
    if (!why_not.empty()) co_return Error(ErrorCode::kInvalid, why_not);
    staged = *text;
    co_return staged.size();
  }
  Task<Result<void>> unstage() override {
    if (!why_not.empty()) co_return Error(ErrorCode::kConflict, why_not);
    staged.clear();
    co_return Result<void>();
  }
  Task<Result<bool>> upgrade_to_staged(std::string) override {
    if (staged.empty()) co_return Error(ErrorCode::kNotFound, "No package is staged");
    if (staged == "running") co_return false;
    packages.emplace_back(std::exchange(staged, ""), true);
    co_return true;
  }
  model::UpgradeStatus status() const override { return {.state = "none"}; }
  void forget() override { failed.clear(); }
  std::string failure() const override { return failed; }
  bool on_trial() const override { return trial; }
};

}  // namespace mullion::api::testing
