#include "versionset/set_cache.h"

#include <gmock/gmock.h>

#include "store/meddled_testing.h"

namespace mullion::versionset {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class SetCacheTest : public ::testing::Test {
 protected:
  void put(const std::string& owner, const std::string& id, const std::string& body) {
    store::Batch batch;
    batch.changes.push_back({{"version_sets", owner, id}, body});
    ASSERT_TRUE(store_->commit_sync(std::move(batch)));
  }
  std::unique_ptr<store::Store> store_ = store::open_memory_store();
  SetCache set_cache_{*store_};
};

TEST_F(SetCacheTest, NamesOfAnEndpoint) {
  const json::object both{{"VersionSets", json::array{"a", "b"}}, {"VersionSet", "c"}};
  EXPECT_THAT(set_names(both), ElementsAre("a", "b", "c")) << "the deprecated one is last";
  const json::object twice{{"VersionSets", json::array{"a"}}, {"VersionSet", "a"}};
  EXPECT_THAT(set_names(twice), ElementsAre("a"));
  EXPECT_THAT(set_names({}), IsEmpty());
}

TEST_F(SetCacheTest, AListWithAMissingSetIsNotMerged) {
  put("", "a", R"({"Id":"a","Apply":true,"Prefs":{"x":"1"}})");
  put("edge", "b", R"({"Id":"b","Apply":true})");
  MergedSets merged = set_cache_.merged({"a", "b"});
  EXPECT_EQ(merged.wanted, nullptr) << "a replica of that name does not count";
  EXPECT_THAT(merged.missing, ElementsAre("b"));
  EXPECT_THAT(merged.problems, ElementsAre("VersionSet b (at 1) does not exist"));
  put("", "b", R"({"Id":"b","Apply":true})");
  merged = set_cache_.merged({"a", "b"});
  ASSERT_NE(merged.wanted, nullptr);
  EXPECT_EQ(merged.wanted->prefs.at("x").value, "1");
  put("", "a", R"({"Id":"a","Apply":true,"Prefs":{"x":"2"}})");
  EXPECT_EQ(set_cache_.merged({"a", "b"}).wanted->prefs.at("x").value, "2");
}

TEST_F(SetCacheTest, ASetThatChangesWhileItIsReadDoesNotStay) {
  put("", "a", R"({"Id":"a","Apply":true,"Prefs":{"x":"1"}})");
  store::MeddledStore store(*store_);
  SetCache sets(store);
  store.meddle = [&] { put("", "a", R"({"Id":"a","Apply":true,"Prefs":{"x":"2"}})"); };
  EXPECT_EQ(sets.merged({"a"}).wanted->prefs.at("x").value, "1");
  store.meddle = nullptr;
  EXPECT_EQ(sets.merged({"a"}).wanted->prefs.at("x").value, "2");
}

/// Who reads it anew meanwhile has taken note of the change: nobody will be told of it again.
TEST_F(SetCacheTest, ASetThatAnotherReaderHasSeenChangeDoesNotComeBack) {
  put("", "a", R"({"Id":"a","Apply":true,"Prefs":{"x":"1"}})");
  store::MeddledStore store(*store_);
  SetCache sets(store);
  const auto value = [&] { return sets.merged({"a"}).wanted->prefs.at("x").value; };
  store.meddle = [&] { put("", "a", R"({"Id":"a","Apply":true,"Prefs":{"x":"2"}})"); };
  store.meddle_before_reading([&] {
    store.meddle = nullptr;
    EXPECT_EQ(value(), "2");
  });
  EXPECT_EQ(value(), "1") << "the view is older than the change";
  EXPECT_EQ(value(), "2");
}

/// So much changed that the feed forgot what.
TEST_F(SetCacheTest, WhatWasMissedIsReadAgain) {
  put("", "a", R"({"Id":"a","Apply":true,"Prefs":{"x":"1"}})");
  ASSERT_EQ(set_cache_.merged({"a"}).wanted->prefs.at("x").value, "1");
  put("", "a", R"({"Id":"a","Apply":true,"Prefs":{"x":"2"}})");
  const std::string large(size_t{1} << 20, 'x');
  for (size_t bytes = 0; bytes < 2 * store::CommitFeed::kCache; bytes += large.size())
    put("", "b", R"({"Id":"b","Description":")" + large + fmt::format(R"({}"}})", bytes));
  EXPECT_EQ(set_cache_.merged({"a"}).wanted->prefs.at("x").value, "2");
}

TEST_F(SetCacheTest, LayeredSetsCountAndBadOnesAreTold) {
  put(std::string(store::kLayered), "packed",
      R"({"Id":"packed","Apply":true,"Files":[{"Path":"files/x","Source":"self://files/src"}]})");
  put("", "bad", R"({"Id":"bad","Components":[{"Name":"x"}]})");
  EXPECT_NE(set_cache_.merged({"packed"}).wanted, nullptr);
  EXPECT_TRUE(set_cache_.takes_file("files/src"));
  EXPECT_FALSE(set_cache_.takes_file("files/x"));
  const MergedSets merged = set_cache_.merged({"packed", "bad"});
  EXPECT_EQ(merged.wanted, nullptr);
  EXPECT_THAT(merged.problems, ElementsAre(HasSubstr("bad: Components[0] (x): Version is missing")));
}

}  // namespace
}  // namespace mullion::versionset
