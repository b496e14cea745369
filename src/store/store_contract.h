// The fixture of the tests that every implementation of the store has to pass.
#pragma once

#include <string>

#include "store/store_testing.h"

namespace mullion::store {

class StoreContract : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (GetParam() == "Memory") {
      store_ = open_memory_store(clock_);
    } else {
      Options options = options_in(directory_.path());
      options.clock = &clock_;
      store_ = must_open(options);
    }
  }

  Error refusal(Batch batch) {
    const Cursor before = store_->newest();
    const Result<Cursor> result = store_->commit_sync(std::move(batch));
    EXPECT_FALSE(result.ok());
    EXPECT_EQ(store_->newest(), before) << "a refused batch took a number";
    return result ? Error() : result.error();
  }

  TempDirectory directory_;
  env::ManualClock clock_;
  std::unique_ptr<Store> store_;
};

inline auto every_engine() { return ::testing::Values("Lmdb", "Memory"); }
inline std::string engine_name(const ::testing::TestParamInfo<std::string>& info) { return info.param; }

}  // namespace mullion::store
