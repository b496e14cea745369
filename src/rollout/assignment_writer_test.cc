// What rollouts send to the owners of Endpoint objects.
#include "rollout/internal/assignment_writer.h"

#include <gtest/gtest.h>

#include <future>

#include "env/launch.h"
#include "manager/fake_manager_testing.h"
#include "model/object.h"
#include "rollout/internal/targets.h"
#include "store/meddled_testing.h"

namespace mullion::rollout {
namespace {

std::vector<Assignment> assignments() {
  std::vector<Assignment> out;
  for (const std::vector<std::string>& sets :
       std::vector<std::vector<std::string>>{{}, {"a"}, {"b"}, {"a", "b"}, {"b", "a"}}) {
    for (const char* last : {"", "a", "z"}) {
      for (const bool apply : {false, true}) out.push_back({sets, last, apply});
    }
  }
  return out;
}

/// As it is stored: without what is empty.
json::value stored(const Assignment& assignment) {
  json::object object{{"Id", "A"}};
  internal::assign(object, assignment);
  return json::parse(model::canonical_body(*model::find_object_type("endpoints"), object));
}

TEST(RolloutPatch, ChangesOnlyWhatWasSeen) {
  const std::vector<Assignment> all = assignments();
  const Assignment wanted{{"new"}, "", true};
  for (const Assignment& seen : all) {
    const json::array patch = internal::patch_of({"A", "R1", seen, wanted});
    for (const Assignment& there : all) {
      const Result<json::value> done = model::apply_patch(stored(there), patch);
      EXPECT_EQ(done.ok(), there == seen) << json::serialize(stored(there)) << json::serialize(patch);
      if (done) {
        EXPECT_EQ(internal::assignment_of(done->as_object()), wanted);
      }
    }
  }
}

/// Between its look at the Endpoint object and its commit.
TEST(AssignmentWriter, WhatSomebodyElsePutMeanwhileIsNotOverwritten) {
  const Assignment seen{{"old"}, "", false}, by_hand{{"by hand"}, "", false}, wanted{{"new"}, "", true};
  env::Runtime runtime{2};
  const std::unique_ptr<store::Store> store = store::open_memory_store();
  const store::ObjectId id{"endpoints", "", "A"};
  const auto put = [&](const Assignment& assignment) {
    store::Batch batch;
    batch.changes.push_back({id, json::serialize(stored(assignment))});
    ASSERT_TRUE(store->commit_sync(std::move(batch)));
  };
  put(seen);
  store::MeddledStore meddled(*store);
  meddled.meddle_before(id, [&] { put(by_hand); });
  manager::testing::FakeManager manager;
  std::promise<void> ended;
  internal::AssignmentWriter writer(runtime, meddled, manager, env::system_clock(), env::system_timers(),
                                    [&] { ended.set_value(); });
  writer.begin({"A", "", seen, wanted}, env::system_clock().wall());
  ended.get_future().wait();
  EXPECT_EQ(internal::assignment_of(json::parse(*store->snapshot()->get(id)).as_object()), by_hand);
  env::run(runtime, writer.stop());
}

}  // namespace
}  // namespace mullion::rollout
