// Plans of many endpoints that other managers tell of.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/api_testing.h"
#include "env/memory_budget.h"

namespace mullion::api {
namespace {

using testing::Answer;
using testing::Fixture;
using ::testing::HasSubstr;

/// Nothing is attached here: other managers plan.
class NoEndpoints final : public apply::Configurator {
 public:
  void start() override {}
  Task<void> stop() override { co_return; }
  Task<Result<apply::Explained>> explain(std::string, env::Caller) override {
    co_return Error(ErrorCode::kNotFound, "no endpoint");
  }
  Task<Result<apply::Explained>> preview(std::string, std::vector<std::string>, env::Caller) override {
    co_return Error(ErrorCode::kNotFound, "no endpoint");
  }
  Task<Result<apply::Baseline>> baseline(std::string, std::string, env::Caller) override {
    co_return Error(ErrorCode::kNotFound, "no endpoint");
  }
  Statistics statistics() const override { return {}; }
};

class FleetPlans : public ::testing::Test {
 protected:
  static constexpr const char* kManagers[] = {"R1", "R2", "R3", "R4"};

  FleetPlans() {
    fixture.put_raw("version_sets", "", "set", R"({"Id":"set"})");
    for (const std::string manager : kManagers) {
      fixture.manager.known[manager] = {};
      fixture.put_raw("endpoints", manager, "E" + manager, R"({"Id":"E)" + manager + "\"}");
    }
  }
  Answer plan(const std::string& set = "set") {
    return fixture.call("POST", "/api/v3/plans",
                        R"({"Sets":[")" + set + R"("],"Targets":["ER1","ER2","ER3","ER4"]})");
  }

  NoEndpoints configurator;
  Fixture fixture{{}, {.configurator = &configurator}};
};

TEST_F(FleetPlans, OfManyManagersTakeNoMoreMemoryThanOneCallerHas) {
  fixture.manager.answer = R"({"Groups":[{"Endpoints":["ER1","ER2","ER3","ER4"],"Actions":[],"Deletions":[],)"
                           R"("Problems":[")" +
                           std::string(size_t{12} << 20, 'x') + R"("]}]})";
  const Answer answer = plan();
  ASSERT_EQ(answer.status, 200);
  const json::value shown = answer.json();
  ASSERT_EQ(shown.at("Groups").as_array().size(), 1U);
  EXPECT_EQ(shown.at("Groups").at(0).at("Endpoints"), json::array({"ER1", "ER2"}));
  ASSERT_EQ(shown.at("Problems").as_array().size(), 2U);
  for (const json::value& problem : shown.at("Problems").as_array())
    EXPECT_THAT(std::string(problem.at("Reason").as_string()), HasSubstr("no room beside those of others"));
  EXPECT_EQ(env::memory_for(env::Memory::kAnswers).statistics().taken, 0U);
}

TEST_F(FleetPlans, SayWhyAnAnswerOfAnotherManagerIsNotTaken) {
  fixture.manager.answer_body = [] {
    return net::body_from_string(std::string((size_t{16} << 20) + 1, ' '));
  };
  const json::value shown = plan().json();
  EXPECT_TRUE(shown.at("Groups").as_array().empty());
  ASSERT_EQ(shown.at("Problems").as_array().size(), 4U);
  EXPECT_THAT(std::string(shown.at("Problems").at(0).at("Reason").as_string()),
              HasSubstr("its answer is lost"));
}

TEST_F(FleetPlans, AskForNoOtherSetsOfAManagerThatIsAskedOneByOne) {
  fixture.put_raw("version_sets", "", "a,b", R"({"Id":"a,b"})");
  fixture.manager.answer_status = 404;  // to what it does not know
  const json::value shown = plan("a,b").json();
  EXPECT_TRUE(shown.at("Groups").as_array().empty());
  EXPECT_THAT(std::string(shown.at("Problems").at(0).at("Reason").as_string()), HasSubstr("a comma"));
  for (const testing::FakeManager::Forwarded& asked : fixture.manager.forwarded)
    EXPECT_EQ(asked.method, "POST") << asked.target << " would ask for sets a and b";
  fixture.manager.forwarded.clear();
  (void)plan();
  EXPECT_EQ(fixture.manager.forwarded.size(), 8U) << "other names are no trouble";
}

}  // namespace
}  // namespace mullion::api
