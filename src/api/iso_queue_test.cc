#include "api/internal/iso_queue.h"

#include <gtest/gtest.h>

namespace mullion::api {
namespace {

IsoInstall install(std::string system) { return {std::move(system), "amd64", "a.iso", ""}; }

TEST(IsoQueueTest, OneWorksAndOneOfEachWaits) {
  IsoQueue queue;
  EXPECT_FALSE(queue.add({})) << "nothing to do";
  EXPECT_TRUE(queue.add({install("a"), install("b")}));
  EXPECT_FALSE(queue.add({install("b"), install("c")})) << "somebody works already";
  for (const char* system : {"a", "b", "c"}) EXPECT_EQ(queue.next()->system, system);
  EXPECT_FALSE(queue.next());
  EXPECT_TRUE(queue.add({install("a")})) << "and again";
}

TEST(IsoQueueTest, NothingBeginsOnceItIsStopped) {
  IsoQueue queue;
  EXPECT_TRUE(queue.add({install("a"), install("b")}));
  EXPECT_TRUE(queue.next());
  EXPECT_FALSE(queue.stopping());
  queue.stop();
  EXPECT_TRUE(queue.stopping());
  EXPECT_FALSE(queue.next());
}

}  // namespace
}  // namespace mullion::api
