#include "cluster/internal/take_over.h"

#include <gtest/gtest.h>

namespace mullion::cluster {
namespace {

void put(store::Store& store, const char* type, const char* key, const char* body) {
  store::Batch batch;
  batch.changes.push_back({{type, "", key}, body, store::Expect::kAnything, {}});
  ASSERT_TRUE(store.commit_sync(std::move(batch)).ok());
}

store::Command noted(const TakeOverNote& note, uint64_t seq) {
  store::Command out;
  out.seq = seq;
  out.secrets.push_back(note_change(note));
  return out;
}

TEST(TakeOver, ANoteIsReadBackWhereItStandsRight) {
  const TakeOverNote note{7, 41, "ab"};
  EXPECT_EQ(note_in(noted(note, 42)), note);
  EXPECT_EQ(note_in(noted(note, 43)), std::nullopt) << "another commit came between";
  EXPECT_EQ(note_in(store::Command()), std::nullopt);
  store::Command other;
  other.secrets.push_back({"cluster", "introductions", "{}"});
  EXPECT_EQ(note_in(other), std::nullopt);
  other.secrets.front() = {"cluster", "take-over", "no object"};
  EXPECT_EQ(note_in(other), std::nullopt);
}

TEST(TakeOver, ADatabaseKnowsTheNewestNoteThatItTook) {
  const auto store = store::open_memory_store();
  EXPECT_EQ(note_in(*store->snapshot()), std::nullopt);
  const TakeOverNote note{7, 41, "ab"};
  store::Batch batch;
  batch.secrets.push_back(note_change(note));
  ASSERT_TRUE(store->commit_sync(std::move(batch)).ok());
  EXPECT_EQ(note_in(*store->snapshot()), note);
}

TEST(TakeOver, TheDigestIsOfAllObjectsInWhateverOrderTheyCame) {
  const auto one = store::open_memory_store();
  const auto two = store::open_memory_store();
  put(*one, "jobs", "a", "1");
  put(*one, "profiles", "b", "2");
  put(*two, "profiles", "b", "2");
  put(*two, "jobs", "a", "1");
  EXPECT_EQ(digest_of_all(*one->snapshot()), digest_of_all(*two->snapshot()));
  const TakeOverNote note{1, 2, digest_of_all(*one->snapshot())};
  EXPECT_EQ(compare_with(note, 2, *two->snapshot()), Comparison::kEqual);
  put(*two, "jobs", "a", "3");
  EXPECT_EQ(compare_with(note, 2, *two->snapshot()), Comparison::kDiffers);
  EXPECT_EQ(compare_with(note, 3, *two->snapshot()), Comparison::kCannot) << "of another commit";
}

}  // namespace
}  // namespace mullion::cluster
