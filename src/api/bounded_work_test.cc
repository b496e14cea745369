// Work whose cost clients choose: where it is done, and what they are told when it is too much.
#include "model/bounded_work.h"

#include <gtest/gtest.h>

#include <thread>

#include "api/api_testing.h"
#include "env/launch.h"

namespace mullion::api {
namespace {

namespace json = boost::json;

using testing::Answer;
using testing::Fixture;

/// The threads on which work of so many steps was done, in order; the caller's comes first.
std::vector<std::thread::id> threads_of(uint64_t steps) {
  env::Runtime runtime(1);
  std::vector<std::thread::id> threads;
  const std::function<Result<bool>(model::Budget&)> work = [&](model::Budget& budget) {
    threads.push_back(std::this_thread::get_id());
    return budget.spend(steps);
  };
  const env::Caller ann{.name = "ann"};
  const auto task = [&]() -> env::Task<bool> {
    threads.push_back(std::this_thread::get_id());
    Result<bool> done = co_await model::within_budget<bool>(ann, 10, 1'000, work);
    co_return done&&* done;
  };
  const bool done = env::run(runtime, task());
  EXPECT_EQ(done, steps <= 1'000);
  return threads;
}

TEST(WithinBudget, ALittleIsDoneAtOnce) {
  const std::vector<std::thread::id> threads = threads_of(10);
  ASSERT_EQ(threads.size(), 2u);
  EXPECT_EQ(threads[0], threads[1]);
}

TEST(WithinBudget, MuchIsDoneOnAnotherThread) {
  for (uint64_t steps : {11, 1'000, 1'001}) {
    const std::vector<std::thread::id> threads = threads_of(steps);
    ASSERT_EQ(threads.size(), 3u) << steps;
    EXPECT_EQ(threads[0], threads[1]) << steps;
    EXPECT_NE(threads[0], threads[2]) << steps;
  }
}

class BoundedWork : public ::testing::Test {
 protected:
  Fixture fixture;

  Answer create_param(std::string_view name, const json::value& schema) {
    return fixture.call("POST", "/api/v3/params",
                        json::serialize(json::object{{"Name", name}, {"Schema", schema}}));
  }
};

/// Each definition applies the next one twice.
json::object doubling(int levels) {
  json::object definitions;
  const auto next = [](int level) { return json::object{{"$ref", fmt::format("#/definitions/d{}", level)}}; };
  for (int i = 0; i < levels; ++i) {
    definitions[fmt::format("d{}", i)] = json::object{{"allOf", {next(i + 1), next(i + 1)}}};
  }
  definitions[fmt::format("d{}", levels)] = json::object();
  json::object schema{{"allOf", {next(0)}}};
  schema["definitions"] = std::move(definitions);
  return schema;
}

TEST_F(BoundedWork, ASchemaThatCannotBeUsedIsRefusedWithItsParam) {
  const Answer endless = create_param("endless", json::parse(R"({"dependencies":{"a":{"$ref":"#"}}})"));
  EXPECT_EQ(endless.status, 422);
  EXPECT_EQ(endless.message(), "endless: Invalid schema: a reference leads back to itself");
  const Answer around = create_param("around", json::object{{"pattern", "^(?!a)"}});
  EXPECT_EQ(around.status, 422);
  EXPECT_TRUE(around.message().starts_with("around: Invalid schema: pattern `^(?!a)`: ")) << around.message();
}

TEST_F(BoundedWork, AValueThatTakesTooLongIsRefusedWithItsParamAndTheLimit) {
  ASSERT_EQ(create_param("doubling", doubling(60)).status, 201);
  ASSERT_EQ(fixture.call("POST", "/api/v3/profiles", R"({"Name":"p1"})").status, 201);
  const Answer answer = fixture.call("POST", "/api/v3/profiles/p1/params/doubling", "1");
  EXPECT_EQ(answer.status, 422);
  EXPECT_EQ(
      answer.message(),
      "Key 'doubling': invalid val '1': : (root): judging it by the schema takes more than 5000000 steps");
}

TEST_F(BoundedWork, WhatNeedsAnotherThreadIsJudgedTheSame) {
  ASSERT_EQ(create_param("numbers", json::parse(R"({"items":{"type":"integer"}})")).status, 201);
  ASSERT_EQ(fixture.call("POST", "/api/v3/profiles", R"({"Name":"p1"})").status, 201);
  json::array numbers(50'000, json::value(1));
  const std::string path = "/api/v3/profiles/p1/params/numbers";
  EXPECT_EQ(fixture.call("POST", path, json::serialize(numbers)).status, 200);
  numbers.back() = "x";
  const Answer answer = fixture.call("POST", path, json::serialize(numbers));
  EXPECT_EQ(answer.status, 422);
  EXPECT_TRUE(answer.message().ends_with(": 49999: Invalid type. Expected: integer, given: string"))
      << answer.message();
  EXPECT_LT(answer.message().size(), 500u) << "the value is not repeated";
}

TEST_F(BoundedWork, APatchIsNoLargerThanABody) {
  ASSERT_EQ(fixture.call("POST", "/api/v3/profiles", R"({"Name":"p1"})").status, 201);
  json::array patch{{{"op", "add"}, {"path", "/Params/a"}, {"value", std::string(1'000'000, 'x')}}};
  for (int i = 0; i < 300; ++i) {
    patch.push_back({{"op", "copy"}, {"from", "/Params/a"}, {"path", fmt::format("/Params/a{}", i)}});
  }
  const Answer answer = fixture.call("PATCH", "/api/v3/profiles/p1", json::serialize(patch));
  EXPECT_EQ(answer.status, 413);
  EXPECT_EQ(answer.json().at("Messages").at(0),
            "Patch error at line 16: the result is larger than 16777216 bytes");
  EXPECT_FALSE(fixture.call("GET", "/api/v3/profiles/p1").json().at("Params").as_object().contains("a"));
}

}  // namespace
}  // namespace mullion::api
