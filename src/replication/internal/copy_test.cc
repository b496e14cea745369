#include "replication/internal/copy.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace mullion::replication {
namespace {

using Objects = std::map<std::pair<std::string, std::string>, std::string>;  // (type, key) -> body

void put(store::Store& store, const std::string& owner, const Objects& objects, uint64_t epoch) {
  store::Batch batch;
  for (const auto& [id, body] : objects) batch.changes.emplace_back() = {{id.first, owner, id.second}, body};
  batch.origin = store::Origin{owner, {epoch, 1}};
  ASSERT_TRUE(store.commit_sync(std::move(batch)));
}

Objects objects_of(const store::Store& store, const std::string& owner) {
  Objects out;
  const auto view = store.snapshot();
  for (const std::string& type : view->types()) {
    view->scan_owner(type, owner, "", [&](std::string_view key, std::string_view body) {
      out[{type, std::string(key)}] = body;
      return true;
    });
  }
  return out;
}

/// Feeds a whole copy and commits what it gives; answers the number of changes written.
size_t run_copy(store::Store& store, Copy& copy, const Objects& objects) {
  size_t changes = 0;
  const auto commit = [&](store::Batch batch) {
    changes += batch.changes.size();
    EXPECT_TRUE(store.commit_sync(std::move(batch)));
  };
  for (const auto& [id, body] : objects) {
    Result<std::optional<store::Batch>> ready = copy.add(id.first, id.second, body);
    EXPECT_TRUE(ready) << ready.error().text();
    if (ready && *ready) commit(std::move(**ready));
  }
  Result<store::Batch> last = copy.finish();
  EXPECT_TRUE(last);
  commit(std::move(*last));
  return changes;
}

Objects random_objects(std::mt19937& random, size_t count, size_t body_size = 20) {
  Objects out;
  for (size_t i = 0; i < count; ++i) {
    const std::string type = std::string("type-") + static_cast<char>('a' + random() % 4);
    out[{type, std::to_string(random() % (count * 2))}] =
        fmt::format(R"({{"n":{},"x":"{}"}})", random() % 3, std::string(body_size, 'x'));
  }
  return out;
}

TEST(Copy, MakesTheReplicaEqualAndWritesOnlyDifferences) {
  std::mt19937 random(1);
  for (int round = 0; round < 30; ++round) {
    const auto store = store::open_memory_store();
    const Objects before = random_objects(random, round * 3), after = random_objects(random, round * 3);
    put(*store, "A", before, 7);
    put(*store, "B", before, 7);
    Copy copy(*store, "A", 7);
    const size_t changes = run_copy(*store, copy, after);
    EXPECT_EQ(objects_of(*store, "A"), after);
    EXPECT_EQ(objects_of(*store, "B"), before) << "others are left alone";
    size_t different = 0;
    for (const auto& [id, body] : after) different += !before.contains(id) || before.at(id) != body;
    for (const auto& [id, body] : before) different += !after.contains(id);
    EXPECT_EQ(changes, different);
  }
}

TEST(Copy, LargeCopiesComeInBatches) {
  std::mt19937 random(2);
  const auto store = store::open_memory_store();
  const Objects after = random_objects(random, 2000, 2000);
  Copy copy(*store, "A", 7);
  const uint64_t before = store->newest().seq;
  run_copy(*store, copy, after);
  EXPECT_GT(store->newest().seq - before, 3U);
  EXPECT_EQ(objects_of(*store, "A"), after);
}

TEST(Copy, AnotherServerUnderTheSameIdAppearsInOneStep) {
  std::mt19937 random(3);
  const auto store = store::open_memory_store();
  put(*store, "A", random_objects(random, 2000, 2000), 7);
  const Objects after = random_objects(random, 2000, 2000);  // several batches, were it not for the epoch
  const uint64_t before = store->newest().seq;
  Copy copy(*store, "A", 8);
  run_copy(*store, copy, after);
  EXPECT_EQ(store->newest().seq - before, 1U);
  EXPECT_EQ(objects_of(*store, "A"), after);
}

TEST(Copy, ARangeTouchesNothingOutside) {
  const auto store = store::open_memory_store();
  Objects objects{
      {{"t", "a"}, "{}"}, {{"t", "b"}, "{}"}, {{"t", "c"}, "{}"}, {{"t", "d"}, "{}"}, {{"u", "b"}, "{}"}};
  put(*store, "A", objects, 7);
  Copy copy(*store, "A", KeySpan{"t", "b", "d"});
  EXPECT_EQ(run_copy(*store, copy, {{{"t", "bb"}, R"({"n":1})"}, {{"t", "c"}, "{}"}}), 2U);
  objects.erase({"t", "b"});
  objects[{"t", "bb"}] = R"({"n":1})";
  EXPECT_EQ(objects_of(*store, "A"), objects);
}

TEST(Copy, DisorderIsRefused) {
  const auto store = store::open_memory_store();
  {
    Copy copy(*store, "A", 7);
    ASSERT_TRUE(copy.add("t", "b", "{}"));
    EXPECT_EQ(copy.add("t", "b", "{}").error().code, ErrorCode::kCorrupt);
    EXPECT_EQ(copy.add("t", "a", "{}").error().code, ErrorCode::kCorrupt);
    EXPECT_EQ(copy.add("s", "z", "{}").error().code, ErrorCode::kCorrupt);
    EXPECT_EQ(copy.add("", "z", "{}").error().code, ErrorCode::kCorrupt);
    EXPECT_TRUE(copy.add("u", "a", "{}"));
  }
  Copy range(*store, "A", KeySpan{"t", "b", "d"});
  EXPECT_EQ(range.add("t", "a", "{}").error().code, ErrorCode::kCorrupt);
  EXPECT_EQ(range.add("t", "d", "{}").error().code, ErrorCode::kCorrupt);
  EXPECT_EQ(range.add("u", "c", "{}").error().code, ErrorCode::kCorrupt);
}

}  // namespace
}  // namespace mullion::replication
