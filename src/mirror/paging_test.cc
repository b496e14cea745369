#include "mirror/internal/paging.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace mullion::mirror {
namespace {

std::vector<Shown> page(const std::vector<std::string>& keys, const std::string& owner = "A") {
  std::vector<Shown> out;
  for (const std::string& key : keys) out.push_back({owner, key, "{}", true});
  return out;
}

std::optional<Paging::Span> taken(Paging& paging, const std::vector<Shown>& shown,
                                  std::optional<uint64_t> matching = std::nullopt) {
  Result<std::optional<Paging::Span>> span = paging.take(shown, 100, matching);
  EXPECT_TRUE(span);
  return span ? *span : std::nullopt;
}

TEST(Paging, WalksByKeyAndEachPageTellsOfItsKeys) {
  Paging paging;
  EXPECT_EQ(paging.next(), "limit=200&sort=Key");
  std::optional<Paging::Span> span = taken(paging, page({"a", "b"}));
  ASSERT_TRUE(span);
  EXPECT_EQ(span->from, "");
  EXPECT_EQ(span->to, "b") << "more objects of this key may come with the next page";
  EXPECT_EQ(paging.next(), "limit=200&sort=Key&Key=Gte%28b%29");
  span = taken(paging, page({"b", "c"}));
  ASSERT_TRUE(span);
  EXPECT_EQ(span->from, "b");
  EXPECT_EQ(span->to, "c");
  span = taken(paging, page({"c"}));
  ASSERT_TRUE(span);
  EXPECT_EQ(span->from, "c");
  EXPECT_EQ(span->to, "");
  EXPECT_EQ(paging.next(), std::nullopt);
}

TEST(Paging, AnEmptyCollectionIsToldOfByOnePage) {
  Paging paging;
  const std::optional<Paging::Span> span = taken(paging, {});
  ASSERT_TRUE(span);
  EXPECT_EQ(span->to, "");
  EXPECT_EQ(paging.next(), std::nullopt);
}

TEST(Paging, ACountThatIsMetSavesTheLastPage) {
  Paging paging;
  const std::optional<Paging::Span> span = taken(paging, page({"a", "b"}), 2);
  ASSERT_TRUE(span);
  EXPECT_EQ(span->to, "");
  EXPECT_EQ(paging.next(), std::nullopt);
}

TEST(Paging, APageThatIsShorterThanAskedForIsNotTheLastOne) {
  Paging paging;
  taken(paging, page({"a"}));
  EXPECT_NE(paging.next(), std::nullopt);
}

TEST(Paging, PagesOfOneObjectAreWalkedThrough) {
  Paging paging;
  taken(paging, page({"a"}));
  EXPECT_EQ(paging.next(), "limit=200&sort=Key&Key=Gte%28a%29");
  EXPECT_FALSE(taken(paging, page({"a"})));
  EXPECT_EQ(paging.next(), "limit=200&sort=Key&Key=Gt%28a%29") << "it may show one object at a time";
  std::optional<Paging::Span> span = taken(paging, page({"b"}));
  ASSERT_TRUE(span);
  EXPECT_EQ(span->from, std::string("a\0", 2));
  EXPECT_EQ(span->to, "b");
  taken(paging, page({"b"}));
  span = taken(paging, {});
  ASSERT_TRUE(span);
  EXPECT_EQ(span->to, "");
  EXPECT_EQ(paging.next(), std::nullopt);
}

TEST(Paging, TheLastObjectMayBeGoneWhenItIsAskedForAgain) {
  Paging paging;
  taken(paging, page({"a", "b"}));
  const std::optional<Paging::Span> span = taken(paging, page({"d"}));
  ASSERT_TRUE(span);
  EXPECT_EQ(span->from, "b") << "that b is not shown is told";
  EXPECT_EQ(span->to, "d");
}

TEST(Paging, ManyOwnersWithOneKeyNeedALargerPage) {
  Paging paging;
  taken(paging, page({"a"}));
  std::vector<Shown> owners;
  for (int i = 0; i < 2000; ++i) owners.push_back({std::to_string(i), "global", "{}", true});
  const std::vector<Shown> few(owners.begin(), owners.begin() + 200);
  taken(paging, few);
  EXPECT_EQ(paging.next(), "limit=2000&sort=Key&Key=Gte%28global%29");
  taken(paging, few);
  EXPECT_EQ(paging.next(), std::nullopt) << "there was room for more";
  Paging full;
  taken(full, page({"global"}));
  taken(full, few);
  EXPECT_FALSE(taken(full, owners)) << "as many as the largest page holds: some may be missing";
  EXPECT_TRUE(full.by_offset());
}

TEST(Paging, PagesOutOfOrderAreWalkedThroughByOffset) {
  for (const std::vector<std::string>& second : {std::vector<std::string>{"a", "b"}, {"c", "b"}}) {
    Paging paging;
    taken(paging, page({"a", "b"}));
    EXPECT_FALSE(taken(paging, page(second)));
    EXPECT_TRUE(paging.by_offset());
    EXPECT_EQ(paging.next(), "limit=200&sort=Key&offset=0");
  }
}

TEST(Paging, AFilterThatIsRefusedIsLeftOutAndThenTheOrder) {
  Paging paging;
  EXPECT_TRUE(paging.refused());
  EXPECT_EQ(paging.next(), "limit=200&sort=Key&offset=0");
  EXPECT_TRUE(paging.refused());
  EXPECT_EQ(paging.next(), "limit=200&offset=0");
  EXPECT_FALSE(paging.refused());
}

TEST(Paging, ByOffsetEveryPageBeginsWithTheLastObjectOfTheOneBefore) {
  Paging paging(true);
  EXPECT_FALSE(taken(paging, page({"x", "c", "a"}))) << "nothing is said of what is not shown";
  EXPECT_EQ(paging.next(), "limit=200&sort=Key&offset=2");
  taken(paging, page({"a", "b"}));
  EXPECT_EQ(paging.next(), "limit=200&sort=Key&offset=3");
  taken(paging, page({"b"}));
  EXPECT_EQ(paging.next(), std::nullopt);
  EXPECT_TRUE(paging.saw("A", "c"));
  EXPECT_FALSE(paging.saw("B", "c"));
  EXPECT_FALSE(paging.saw("A", "d"));
}

TEST(Paging, ByOffsetShiftedPagesAreLookedAtAgain) {
  Paging paging(true);
  std::vector<std::string> keys;
  for (int i = 0; i < 200; ++i) keys.push_back(fmt::format("{:03}", i));
  taken(paging, page(keys));
  EXPECT_EQ(paging.next(), "limit=2000&sort=Key&offset=199") << "they are small";
  // Two objects before it went: what stood behind the last one is there now.
  taken(paging, page({"201", "202"}));
  EXPECT_EQ(paging.next(), "limit=2000&sort=Key&offset=0");
}

TEST(Paging, ByOffsetAServerThatIgnoresItEndsTheWalk) {
  Paging paging(true);
  int pages = 0;
  while (paging.next() && pages < 1000) {
    taken(paging, page({"a", "b", "c"}));
    ++pages;
  }
  EXPECT_LT(pages, 200);
}

TEST(Paging, PagesFitWhatTheyHold) {
  Paging paging;
  std::vector<std::string> keys;
  for (int i = 0; i < 100; ++i) keys.push_back(fmt::format("{:03}", i));
  ASSERT_TRUE(paging.take(page(keys), size_t{10} << 20, std::nullopt));
  EXPECT_EQ(paging.next(), "limit=10&sort=Key&Key=Gte%28099%29");
  EXPECT_TRUE(paging.too_large());
  EXPECT_TRUE(paging.too_large());
  EXPECT_EQ(paging.next(), "limit=1&sort=Key&Key=Gte%28099%29");
  EXPECT_FALSE(paging.too_large());
}

}  // namespace
}  // namespace mullion::mirror
