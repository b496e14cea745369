// Writes of many at once: what does not contradict is done, one after another.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <thread>

#include "api/api_testing.h"

namespace mullion::api {
namespace {

namespace json = boost::json;

using testing::Answer;
using ::testing::Each;
using testing::Fixture;

constexpr int kWriters = 32;

class BusyWrites : public ::testing::Test {
 protected:
  Fixture fixture;

  BusyWrites() { fixture.put_first_stage(); }
  /// The status of every writer's request, all sent at once.
  std::vector<int> together(int writers, const std::function<Answer(int writer)>& write) {
    std::vector<int> statuses(static_cast<size_t>(writers));
    std::vector<std::thread> threads;
    for (int i = 0; i < writers; ++i)
      threads.emplace_back([&, i] { statuses[static_cast<size_t>(i)] = write(i).status; });
    for (std::thread& thread : threads) thread.join();
    return statuses;
  }
  std::string make(const std::string& collection, const json::object& object) {
    const Answer made = fixture.call("POST", "/api/v3/" + collection, json::serialize(object));
    EXPECT_EQ(made.status, 201) << made.body;
    return made.body;
  }
};

TEST_F(BusyWrites, ParametersAndPatchesOfOneMachineAreAllDone) {
  const std::string uuid(json::parse(make("machines", {{"Name", "busy"}})).at("Uuid").as_string());
  const std::string path = "/api/v3/machines/" + uuid;
  EXPECT_THAT(together(kWriters,
                       [&](int i) {
                         if (i % 2 == 0)
                           return fixture.call("POST", fmt::format("{}/params/p{}", path, i), "1");
                         return fixture.call(
                             "PATCH", path,
                             fmt::format(R"([{{"op":"add","path":"/Meta/m{}","value":"x"}}])", i));
                       }),
              Each(200));
  const json::value machine = fixture.call("GET", path).json();
  EXPECT_EQ(machine.at("Params").as_object().size(), kWriters / 2u);
  for (int i = 1; i < kWriters; i += 2)
    EXPECT_TRUE(machine.at("Meta").as_object().contains(fmt::format("m{}", i))) << i;
}

// What a device may have alone is had alone in each subnet: others wait for the same name and are then right.
TEST_F(BusyWrites, WhatIsExclusiveIsWaitedFor) {
  constexpr int kSubnets = 8;
  for (int i = 0; i < kSubnets; ++i) {
    make("subnets", {{"Name", fmt::format("s{}", i)},
                     {"Subnet", fmt::format("10.0.{}.0/24", i)},
                     {"ActiveStart", fmt::format("10.0.{}.10", i)},
                     {"ActiveEnd", fmt::format("10.0.{}.20", i)},
                     {"ActiveLeaseTime", 60},
                     {"ReservedLeaseTime", 7200},
                     {"Strategy", "MAC"}});
  }
  const auto reserve = [&](int i) {
    const json::object reservation{{"Addr", fmt::format("10.0.{}.50", i % kSubnets)},
                                   {"Strategy", "MAC"},
                                   {"Token", "52:54:00:00:00:01"},
                                   {"Scoped", true}};
    return fixture.call("POST", "/api/v3/reservations", json::serialize(reservation));
  };
  EXPECT_THAT(together(kSubnets, reserve), Each(201));
}

TEST_F(BusyWrites, ContradictionsAreTold) {
  const std::string uuid(json::parse(make("machines", {{"Name", "wanted"}})).at("Uuid").as_string());
  std::vector<int> statuses = together(kWriters, [&](int i) {
    return fixture.call("PATCH", "/api/v3/machines/" + uuid,
                        fmt::format(R"([{{"op":"test","path":"/Description","value":""}},
                                        {{"op":"replace","path":"/Description","value":"{}"}}])",
                                    i));
  });
  EXPECT_EQ(std::ranges::count(statuses, 200), 1);
  EXPECT_EQ(std::ranges::count(statuses, 409), kWriters - 1);
}

/// Between the look at the object and the commit.
TEST_F(BusyWrites, WhatIsLockedMeanwhileStaysAsItIs) {
  const json::value made =
      json::parse(make("machines", {{"Name", "busy"}, {"Params", json::object{{"why", 1}}}}));
  const std::string uuid(made.at("Uuid").as_string());
  const store::ObjectId id{"machines", "", uuid};
  const std::string path = "/api/v3/machines/" + uuid;
  const std::string unlocked = *fixture.store->snapshot()->get(id);
  json::object locked = json::parse(unlocked).as_object();
  locked["Locked"] = true;
  for (const auto& [method, target, body] :
       {std::tuple("DELETE", path, ""),
        std::tuple("PATCH", path, R"([{"op":"add","path":"/Description","value":"x"}])"),
        std::tuple("POST", path + "/params/extra", "1"), std::tuple("DELETE", path + "/params/why", "")}) {
    fixture.put_raw("machines", "", uuid, unlocked);
    std::atomic<bool> meddled{false};
    fixture.meddled.meddle_before(id, [&] {
      fixture.put_raw("machines", "", uuid, json::serialize(locked));
      meddled = true;
    });
    const Answer refused = fixture.call(method, target, body);
    EXPECT_TRUE(meddled) << method << " " << target;
    EXPECT_EQ(refused.status, 423) << method << " " << target << " " << refused.body;
    const json::value there = fixture.call("GET", path).json();
    EXPECT_EQ(there.at("Description"), "") << method << " " << target;
    EXPECT_EQ(there.at("Params"), locked.at("Params")) << method << " " << target;
  }
}

TEST_F(BusyWrites, AJobThatBeginsAnewMeanwhileIsNotPurged) {
  const std::string key = "aaaaaaaa-2222-4333-8444-555555555555";
  const auto put = [&](const std::string& state) {
    fixture.put_raw(
        "jobs", "", key,
        fmt::format(R"({{"Uuid":"{}","State":"{}","EndTime":"2020-01-01T00:00:00Z"}})", key, state));
  };
  put("finished");
  fixture.meddled.meddle_before({"jobs", "", key}, [&] { put("running"); });
  EXPECT_EQ(fixture.call("DELETE", "/api/v3/jobs?jobsToKeep=0").body, "[]");
  EXPECT_EQ(fixture.call("GET", "/api/v3/jobs/" + key).json().at("State"), "running");
}

TEST_F(BusyWrites, AMachineIsAlwaysInAStage) {
  make("stages", {{"Name", "work"}});
  const std::string uuid(
      json::parse(make("machines", {{"Name", "staged"}, {"Stage", "work"}})).at("Uuid").as_string());
  const Answer changed =
      fixture.call("PATCH", "/api/v3/machines/" + uuid, R"([{"op":"replace","path":"/Stage","value":""}])");
  EXPECT_EQ(changed.status, 200) << changed.body;
  EXPECT_EQ(changed.json().at("Stage"), "none");
}

}  // namespace
}  // namespace mullion::api
