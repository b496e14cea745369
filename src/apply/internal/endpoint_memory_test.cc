#include "apply/internal/endpoint_memory.h"

#include <gtest/gtest.h>

#include "env/launch.h"
#include "store/meddled_testing.h"

namespace mullion::apply {
namespace {

class Remembering : public ::testing::Test {
 protected:
  template <typename T>
  T run(env::Task<T> task) {
    return env::run(runtime_, std::move(task));
  }
  std::string unfinished(const std::string& target) { return memory_.unfinished("E", target); }

  env::Runtime runtime_{2};
  std::unique_ptr<store::Store> store_ = store::open_memory_store();
  store::MeddledStore meddled_{*store_};
  EndpointMemory memory_{meddled_};
};

/// Two uploads to one endpoint, or an upload and a secret.
TEST_F(Remembering, WhatSomebodyElseNotedMeanwhileStays) {
  EndpointMemory other(*store_);
  meddled_.meddle = [&] {
    meddled_.meddle = nullptr;
    ASSERT_TRUE(run(other.remember_unfinished("E", "files/b", "bb")));
  };
  ASSERT_TRUE(run(memory_.remember_unfinished("E", "files/a", "aa")));
  EXPECT_EQ(unfinished("files/a"), "aa");
  EXPECT_EQ(unfinished("files/b"), "bb");
}

TEST_F(Remembering, ASecretIsTheSameWhenBothItsSidesAre) {
  ASSERT_TRUE(run(memory_.remember_secret("E", "Global/p", "wanted", "shown")));
  EXPECT_TRUE(memory_.same_secret("E", "Global/p", "wanted", "shown"));
  EXPECT_FALSE(memory_.same_secret("E", "Global/p", "another", "shown")) << "what is wanted has changed";
  EXPECT_FALSE(memory_.same_secret("E", "Global/p", "wanted", "another")) << "somebody changed it there";
  EXPECT_FALSE(memory_.same_secret("E", "Global/q", "wanted", "shown"));
}

}  // namespace
}  // namespace mullion::apply
