// Pages that go on behind a position, while rows come and go.
#include <gmock/gmock.h>

#include <algorithm>
#include <boost/json.hpp>
#include <map>
#include <random>
#include <set>

#include "store/query.h"
#include "store/store_testing.h"

namespace mullion::store {
namespace {

namespace json = boost::json;

TEST(PageCursor, IsForItsOwnOrder) {
  const PagePosition positions[] = {
      {std::nullopt, "", "key"}, {"", "A", ""}, {std::string("v\0w", 3), "B", "k"}};
  for (const PagePosition& position : positions) {
    const std::string text = encode_cursor("Name", true, position);
    const Result<PagePosition> back = decode_cursor(text, "Name", true);
    ASSERT_TRUE(back);
    EXPECT_EQ(*back, position);
    EXPECT_FALSE(decode_cursor(text, "Name", false));
    EXPECT_FALSE(decode_cursor(text, "Stage", true));
    for (size_t length = 0; length < text.size(); ++length)
      EXPECT_FALSE(decode_cursor(std::string_view(text).substr(0, length), "Name", true)) << length;
    EXPECT_FALSE(decode_cursor(text + "00", "Name", true));
  }
  for (const char* wrong : {"", "x", "zz", "01", "010100ffffffff"})
    EXPECT_EQ(decode_cursor(wrong, "", false).error().code, ErrorCode::kNotAcceptable) << wrong;
}

TEST(PageCursor, DoesNotGoWithAnOffset) {
  const std::string cursor = encode_cursor("", false, {std::nullopt, "", "k"});
  EXPECT_TRUE(parse_query("machines", {{"cursor", cursor}}));
  EXPECT_EQ(parse_query("machines", {{"cursor", cursor}, {"offset", "1"}}).error().messages.front(),
            "offset does not go with cursor");
  EXPECT_FALSE(parse_query("machines", {{"cursor", "nonsense"}}));
}

/// Few of many: they are sorted, and the values of all others are not walked.
TEST(PageCursor, GoesOnBehindItsPlaceAmongFewOfMany) {
  for (const bool reverse : {false, true}) {
    const auto store = open_memory_store();
    std::vector<Change> changes;
    for (int i = 0; i < 300; ++i) {
      changes.push_back(
          put("machines", fmt::format("m{:03}", i),
              fmt::format(R"({{"Name":"n{:03}","Stage":"{}"}})", i, i % 50 == 0 ? "rare" : "")));
    }
    must_commit(*store, std::move(changes));
    Query query;
    query.type = "machines";
    query.sort = "Name";
    query.reverse = reverse;
    query.filters = {{"Stage", Operator::kEq, {"rare"}}};
    query.limit = 2;
    std::vector<std::string> met;
    do {
      const Result<QueryResult> page = store->snapshot()->query(query);
      ASSERT_TRUE(page);
      for (const ObjectRef& ref : page->refs) met.push_back(ref.key);
      query.after = page->last;
    } while (query.after && met.size() < 10);
    std::vector<std::string> wanted{"m000", "m050", "m100", "m150", "m200", "m250"};
    if (reverse) std::ranges::reverse(wanted);
    EXPECT_EQ(met, wanted);
  }
}

struct OrderCase {
  std::string sort;
  bool reverse;
  std::vector<Filter> filters;
  bool among = false;
};

/// Walks through all pages while other rows come, go and change; rows that stay are met once each, in order.
class Paging : public ::testing::TestWithParam<OrderCase> {
 protected:
  using Identity = std::pair<std::string, std::string>;  // owner and key

  static std::string body(uint64_t number) {
    return fmt::format(R"({{"Name":"n{}","Stage":"s{}","Address":"10.0.0.{}","Params":{{"p":{}}}}})",
                       number % 97, number % 5, number % 7, number % 2);
  }
  void put_one(const Identity& id, std::optional<std::string> wanted) {
    Batch batch;
    batch.changes.push_back({{"machines", id.first, id.second}, std::move(wanted), Expect::kAnything, {}});
    if (is_remote(id.first)) batch.origin = Origin{id.first, {1, ++sequence_}};
    must_commit(*store_, std::move(batch));
  }
  Identity any() {
    static const std::string kOwners[] = {std::string(kOwn), "east", "west"};
    return {kOwners[random_() % 3], fmt::format("m{:02}", random_() % 60)};
  }

  std::unique_ptr<Store> store_ = open_memory_store();
  std::mt19937_64 random_{GetParam().sort.size() * 2 + GetParam().reverse};
  uint64_t sequence_ = 0;
};

TEST_P(Paging, LosesAndRepeatsNothingThatStays) {
  for (int round = 0; round < 4; ++round) {
    std::set<Identity> staying;
    for (int i = 0; i < 50; ++i) {
      const Identity id = any();
      put_one(id, body(random_()));
      if (random_() % 2 == 0) staying.insert(id);
    }
    Query query;
    query.type = "machines";
    query.own_id = "hq";
    query.sort = GetParam().sort;
    query.reverse = GetParam().reverse;
    query.filters = GetParam().filters;
    if (GetParam().among) {
      std::vector<ObjectRef> refs;
      for (const Identity& id : staying) refs.push_back({id.second, id.first});
      query.among.push_back(std::make_shared<ObjectSet>(std::move(refs)));
    }
    const Result<QueryResult> whole = store_->snapshot()->query(query);
    ASSERT_TRUE(whole);
    std::vector<Identity> wanted;
    for (const ObjectRef& ref : whole->refs) {
      if (staying.contains({ref.owner, ref.key})) wanted.emplace_back(ref.owner, ref.key);
    }
    std::vector<Identity> met;
    query.limit = 1 + random_() % 9;
    while (true) {
      const Result<QueryResult> page = store_->snapshot()->query(query);
      ASSERT_TRUE(page);
      for (const ObjectRef& ref : page->refs) {
        if (staying.contains({ref.owner, ref.key})) met.emplace_back(ref.owner, ref.key);
      }
      if (!page->last) break;
      const std::string cursor = encode_cursor(query.sort, query.reverse, *page->last);
      query.after = *decode_cursor(cursor, query.sort, query.reverse);
      for (int i = 0; i < 3; ++i) {
        const Identity id = any();
        if (staying.contains(id)) continue;
        put_one(id, random_() % 2 == 0 ? std::nullopt : std::optional(body(random_())));
      }
    }
    ASSERT_EQ(met, wanted) << "round " << round;
    Query counted = query;
    counted.after.reset();
    counted.limit.reset();
    const Result<QueryResult> all = store_->snapshot()->query(counted);
    EXPECT_EQ(store_->snapshot()->query(query)->matching, all->matching) << "a page counts what is before it";
  }
}

INSTANTIATE_TEST_SUITE_P(
    Orders, Paging,
    ::testing::Values(OrderCase{"", false, {}}, OrderCase{"", true, {}}, OrderCase{"Name", false, {}},
                      OrderCase{"Name", true, {}}, OrderCase{"Stage", false, {}},
                      OrderCase{"Stage", true, {}}, OrderCase{"Endpoint", false, {}},
                      OrderCase{"Endpoint", true, {}},
                      OrderCase{"Address", false, {{"Stage", Operator::kIn, {"s1", "s2"}}}},
                      OrderCase{"Address", true, {{"Stage", Operator::kNe, {"s1"}}}},
                      OrderCase{"Name", false, {{"Name", Operator::kGt, {"n3"}}}},
                      OrderCase{"Name", true, {{"Name", Operator::kBetween, {"n2", "n6"}}}},
                      OrderCase{"Stage", false, {{"p", Operator::kEq, {"1"}}}},
                      OrderCase{"", true, {{"p", Operator::kEq, {"0"}}}}, OrderCase{"", false, {}, true},
                      OrderCase{"", true, {}, true}, OrderCase{"Stage", true, {}, true}));

}  // namespace
}  // namespace mullion::store
