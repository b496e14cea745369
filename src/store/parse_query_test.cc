// What query parameters mean, and the texts that refuse wrong ones.
#include <gmock/gmock.h>

#include "store/query.h"
#include "store/store_testing.h"

namespace mullion::store {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

using Parameters = std::vector<std::pair<std::string, std::string>>;

TEST(ParseQuery, ReadsPagingAndOrder) {
  const Result<Query> query = parse_query(
      "machines", Parameters{{"limit", "5"}, {"offset", "0"}, {"sort", "Name"}, {"reverse", "true"}});
  ASSERT_TRUE(query.ok());
  EXPECT_EQ(query->limit, 5u);
  EXPECT_EQ(query->offset, 0u);
  EXPECT_EQ(query->sort, "Name");
  EXPECT_TRUE(query->reverse);
  EXPECT_THAT(query->filters, IsEmpty());
}

TEST(ParseQuery, IgnoresWhatShapesTheReply) {
  const Result<Query> query = parse_query(
      "machines",
      Parameters{
          {"slim", "Meta"}, {"params", "a,b"}, {"decode", "true"}, {"aggregate", "true"}, {"token", "t"}});
  ASSERT_TRUE(query.ok());
  EXPECT_THAT(query->filters, IsEmpty());
}

TEST(ParseQuery, ReadsOperators) {
  const std::vector<std::tuple<std::string, Operator, std::vector<std::string>>> cases = {
      {"x", Operator::kEq, {"x"}},
      {"", Operator::kEq, {""}},
      {"Eq(x)", Operator::kEq, {"x"}},
      {"eQ(x)", Operator::kEq, {"x"}},
      {"Ne()", Operator::kNe, {""}},
      {"Lt(1)", Operator::kLt, {"1"}},
      {"Lte(1)", Operator::kLte, {"1"}},
      {"Gt(1)", Operator::kGt, {"1"}},
      {"Gte(1,2)", Operator::kGte, {"1,2"}},
      {"Re(^(a|b)$)", Operator::kRe, {"^(a|b)$"}},
      {"Between(1,2)", Operator::kBetween, {"1", "2"}},
      {"Except(1,2)", Operator::kExcept, {"1", "2"}},
      {"In(a,,b)", Operator::kIn, {"a", "", "b"}},
      {"Nin(a)", Operator::kNin, {"a"}},
      {"Foo(x)", Operator::kEq, {"Foo(x)"}},
      {"Eq(x", Operator::kEq, {"Eq(x"}},
  };
  for (const auto& [text, op, arguments] : cases) {
    const Result<Query> query = parse_query("machines", Parameters{{"Name", text}});
    ASSERT_TRUE(query.ok()) << text;
    ASSERT_EQ(query->filters.size(), 1u) << text;
    EXPECT_EQ(query->filters[0].op, op) << text;
    EXPECT_EQ(query->filters[0].arguments, arguments) << text;
  }
}

TEST(ParseQuery, RepeatedNamesAllApply) {
  const Result<Query> query = parse_query("machines", Parameters{{"Name", "Gt(a)"}, {"Name", "Lt(c)"}});
  ASSERT_TRUE(query.ok());
  EXPECT_EQ(query->filters.size(), 2u);
}

TEST(ParseQuery, RefusesWithTheTextsOfTheContract) {
  const std::string time =
      R"(parsing time "fred" as "2006-01-02T15:04:05Z07:00": cannot parse "fred" as "2006")";
  struct Case {
    std::string type, name, value, text;
  };
  const std::vector<Case> cases = {
      {"machines", "limit", "-1", "Limit cannot be negative"},
      {"machines", "offset", "-7", "Offset cannot be negative"},
      {"machines", "limit", "many", "Limit must be a number: many"},
      {"machines", "limit", "", "Limit must be a number: "},
      {"machines", "limit", "99999999999999999999", "Limit must be a number: 99999999999999999999"},
      {"machines", "Runnable", "fred", "Runnable must be true or false"},
      {"machines", "Uuid", "Eq(false)", "Invalid UUID: false"},
      {"machines", "Address", "fred", "Invalid address: fred"},
      {"reservations", "Addr", "fred", "Invalid Address: fred"},
      {"leases", "Addr", "fred", "Addr must be an IP address"},
      {"subnets", "Subnet", "false", "Invalid subnet CIDR: false"},
      {"jobs", "StartTime", "Gte(fred)", time},
      {"leases", "ExpireTime", "fred", "ExpireTime is not valid: " + time},
      {"machines", "Profiles", "Lt(a)", "Profiles has no order"},
      {"machines", "Runnable", "Lt(true)", "Runnable has no order"},
      {"machines", "Runnable", "Re(t)", "Runnable cannot be searched with Re"},
      {"machines", "Address", "Between(10.0.0.1)", "Address needs 2 arguments"},
      {"machines", "Address", "Except(10.0.0.1,10.0.0.2,10.0.0.3)", "Address needs 2 arguments"},
      {"jobs", "NoIndex", "1", "NoIndex is not an index of jobs"},
      {"machines", "sort", "NoIndex", "Not sortable: NoIndex"},
      {"machines", "sort", "Profiles", "Not sortable: Profiles"},
      {"machines", "sort", "Runnable", "Not sortable: Runnable"},
      {"machines", "Name", "Re(a[)", "Invalid regular expression a[: missing ]: ["},
  };
  const std::unique_ptr<Store> store = open_memory_store();
  for (const Case& one : cases) {
    SCOPED_TRACE(one.type + " " + one.name + "=" + one.value);
    const Result<Query> query = parse_query(one.type, Parameters{{one.name, one.value}});
    const Result<QueryResult> answer = query ? store->snapshot()->query(*query) : query.error();
    ASSERT_FALSE(answer.ok());
    EXPECT_EQ(answer.error().code, ErrorCode::kNotAcceptable);
    EXPECT_EQ(answer.error().type, "GET");
    EXPECT_EQ(answer.error().model, one.type);
    EXPECT_EQ(answer.error().key, "");
    EXPECT_THAT(answer.error().messages, ElementsAre(one.text));
  }
}

TEST(ParseQuery, BoundsWhatOneRequestMayAsk) {
  EXPECT_FALSE(parse_query("machines", Parameters(101, {"Name", "x"})).ok());
  EXPECT_TRUE(parse_query("machines", Parameters(100, {"Name", "x"})).ok());
  EXPECT_FALSE(parse_query("machines", Parameters{{"Name", "In(" + std::string(20'000, ',') + ")"}}).ok());
}

}  // namespace
}  // namespace mullion::store
