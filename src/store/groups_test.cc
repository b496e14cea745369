// Counts by value, and searches, against a plain look at every object.
#include <gmock/gmock.h>

#include <algorithm>
#include <boost/json.hpp>
#include <map>
#include <random>

#include "base/letters.h"
#include "store/internal/search_text.h"
#include "store/query.h"
#include "store/store_testing.h"

namespace mullion::store {
namespace {

namespace json = boost::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Asked = std::vector<std::pair<std::string, std::string>>;

std::string text_of(const GroupResult& result) {
  std::string out;
  for (const Group& group : result.groups) {
    std::string values;
    for (const std::optional<std::string>& value : group.values)
      values += (&value == &group.values.front() ? "" : "/") + value.value_or("-");
    out += fmt::format("{}{}={}", out.empty() ? "" : " ", values, group.count);
  }
  if (result.other_groups != 0) out += fmt::format(" +{}={}", result.other_groups, result.other_count);
  return out;
}

Result<GroupResult> grouped(const Store& store, std::string_view type, const Asked& parameters) {
  Result<Grouping> grouping = parse_grouping(type, parameters);
  if (!grouping) return grouping.error();
  grouping->query.own_id = "hq";
  return store.snapshot()->group(*grouping);
}

std::string groups(const Store& store, std::string_view type, const Asked& parameters) {
  const Result<GroupResult> result = grouped(store, type, parameters);
  return result ? text_of(*result) : result.error().messages.front();
}

std::vector<std::string> keys(const Store& store, std::string_view type, const Asked& parameters) {
  Result<Query> query = parse_query(type, parameters);
  if (!query) return {query.error().messages.front()};
  query->own_id = "hq";
  const Result<QueryResult> result = store.snapshot()->query(*query);
  if (!result) return {result.error().messages.front()};
  std::vector<std::string> out;
  for (const ObjectRef& ref : result->refs) out.push_back(ref.key);
  return out;
}

/// The keys of `objects` that a matcher lets through.
std::vector<std::string> matched(const std::map<std::string, json::object>& objects,
                                 const Asked& parameters) {
  Result<Query> query = parse_query("machines", parameters);
  EXPECT_TRUE(query);
  query->own_id = "hq";
  const Result<Matcher> matcher = Matcher::make(*model::find_object_type("machines"), *query);
  EXPECT_TRUE(matcher);
  std::vector<std::string> out;
  for (const auto& [key, body] : objects) {
    if (matcher->matches(kOwn, key, json::serialize(body))) out.push_back(key);
  }
  return out;
}

class Groups : public ::testing::Test {
 protected:
  Groups() {
    must_commit(
        *store,
        {put("machines", "a", R"({"Stage":"local","Runnable":true,"Profiles":["x","y"],"Name":"one"})"),
         put("machines", "b", R"({"Stage":"local","Profiles":["x"],"Name":"two"})"),
         put("machines", "c", R"({"Stage":"none","Runnable":true,"Address":"10.0.0.7","Name":"three"})"),
         put("machines", "d", R"({"Runnable":true,"Params":{"rack":7},"Name":"four"})")});
  }
  std::string by(const Asked& parameters) { return groups(*store, "machines", parameters); }

  std::unique_ptr<Store> store = open_memory_store();
};

TEST_F(Groups, CountsTheValuesOfAnIndex) {
  EXPECT_EQ(by({{"group-by", "Stage"}}), "local=2 =1 none=1");
  EXPECT_EQ(by({{"group-by", "Runnable"}}), "true=3 false=1");
  EXPECT_EQ(by({{"group-by", "Address"}}), "=3 10.0.0.7=1");
  EXPECT_EQ(by({{"group-by", "Profiles"}}), "-=2 x=2 y=1") << "lists count under each of their values";
  EXPECT_EQ(by({{"group-by", "Params"}}), "-=3 rack=1");
}

TEST_F(Groups, CountsWhatTheFiltersLeave) {
  const Result<GroupResult> result =
      grouped(*store, "machines", {{"group-by", "Stage"}, {"Runnable", "true"}, {"Name", "Ne(four)"}});
  ASSERT_TRUE(result);
  EXPECT_EQ(text_of(*result), "local=1 none=1");
  EXPECT_EQ(result->total, 4U);
  EXPECT_EQ(result->matching, 2U);
  EXPECT_EQ(by({{"group-by", "Stage"}, {"rack", "7"}}), "=1") << "a filter that reads bodies";
  EXPECT_EQ(by({{"group-by", "Stage"}, {"search", "O"}}), "local=2 =1");
  EXPECT_EQ(by({{"group-by", "Stage"}, {"Name", "nobody"}}), "");
}

TEST_F(Groups, CountsPairs) {
  EXPECT_EQ(by({{"group-by", "Stage,Runnable"}}), "/true=1 local/false=1 local/true=1 none/true=1");
  EXPECT_EQ(by({{"group-by", "Runnable"}, {"group-by", "Profiles"}}), "true/-=2 false/x=1 true/x=1 true/y=1");
}

TEST_F(Groups, ShowsTheLargestAndSumsUpTheRest) {
  EXPECT_EQ(by({{"group-by", "Stage"}, {"limit", "1"}}), "local=2 +2=2");
  EXPECT_EQ(by({{"group-by", "Stage"}, {"limit", "0"}}), " +3=4");
}

TEST_F(Groups, RefusesWhatHasNoMeaning) {
  EXPECT_EQ(by({{"group-by", "Nothing"}}), "Nothing is not an index of machines");
  EXPECT_EQ(by({{"group-by", "rack"}}), "rack is not an index of machines") << "no parameters";
  EXPECT_EQ(by({{"group-by", "Uuid"}}), "Uuid has no values to group by");
  EXPECT_EQ(by({{"group-by", ""}}), " is not an index of machines");
  EXPECT_EQ(by({{"group-by", "Stage,Pool,Name"}}), "group-by: at most two indexes");
  EXPECT_EQ(by({{"group-by", "Stage"}, {"limit", "1001"}}), "Limit of group-by cannot be above 1000");
  EXPECT_EQ(by({{"group-by", "Stage"}, {"sort", "Name"}}),
            "sort does not go with group-by: most objects come first");
  EXPECT_EQ(groups(*store, "subnets", {{"group-by", "Address"}}), "Address has no values to group by");
}

TEST_F(Groups, OwnersAreValuesOfEndpoint) {
  Batch remote;
  for (const char* key : {"e", "f", "g", "h", "i"})
    remote.changes.push_back(put("machines", key, R"({"Stage":"local"})", "east"));
  remote.origin = Origin{"east", {1, 1}};
  ASSERT_TRUE(store->commit_sync(std::move(remote)));
  EXPECT_EQ(by({{"group-by", "Endpoint"}}), "east=5 hq=4");
  EXPECT_EQ(by({{"group-by", "Endpoint,Stage"}, {"Stage", "Ne(none)"}}), "east/local=5 hq/local=2 hq/=1");
  EXPECT_EQ(by({{"group-by", "Stage"}, {"Endpoint", "hq"}}), "local=2 =1 none=1");
  store->show_replicas(false);
  EXPECT_EQ(by({{"group-by", "Endpoint"}}), "hq=4");
}

TEST_F(Groups, BoundsHideObjectsFromCountsAndValues) {
  Result<Grouping> grouping = parse_grouping("machines", {{"group-by", "Stage"}});
  ASSERT_TRUE(grouping);
  grouping->query.among.push_back(std::make_shared<ObjectSet>(std::vector<ObjectRef>{{"a", ""}, {"c", ""}}));
  const Result<GroupResult> result = store->snapshot()->group(*grouping);
  ASSERT_TRUE(result);
  EXPECT_EQ(text_of(*result), "local=1 none=1");
  EXPECT_EQ(result->total, 2U);
}

TEST_F(Groups, VersionsAndNumbersAreShownAsFiltersNameThem) {
  must_commit(*store, {put("endpoints", "a", R"({"DRPVersion":"v4.10.0","ActionErrorCount":2})"),
                       put("endpoints", "b", R"({"DRPVersion":"v4.10.0","VersionSets":["s1","s2"]})"),
                       put("endpoints", "c", R"({"DRPVersion":"v4.9.1"})")});
  EXPECT_EQ(groups(*store, "endpoints", {{"group-by", "DRPVersion"}}), "v4.10.0=2 v4.9.1=1");
  EXPECT_EQ(groups(*store, "endpoints", {{"group-by", "ActionErrorCount"}}), "0=2 2=1");
  EXPECT_EQ(groups(*store, "endpoints", {{"group-by", "VersionSets"}}), "-=2 s1=1 s2=1");
  EXPECT_THAT(keys(*store, "endpoints", {{"ActionErrorCount", "Gt(0)"}}), ElementsAre("a"));
  EXPECT_THAT(keys(*store, "endpoints", {{"ActionErrorCount", "0"}}), ElementsAre("b", "c"));
  EXPECT_THAT(keys(*store, "endpoints", {{"VersionSets", "s2"}}), ElementsAre("b"));
}

TEST(GroupLimits, TooManyValuesAreRefusedAndFewObjectsAreNot) {
  const std::unique_ptr<Store> store = open_memory_store();
  const uint64_t count = Grouping::kMostSteps + 1;
  std::vector<Change> changes;
  for (uint64_t i = 0; i < count; ++i) {
    changes.push_back(put("profiles", fmt::format("p{:06}", i),
                          fmt::format(R"({{"Description":"d{}","Documentation":"{}"}})", i, i % 3)));
  }
  must_commit(*store, std::move(changes));
  EXPECT_EQ(groups(*store, "profiles", {{"group-by", "Description"}}),
            "Description has too many different values to group by: narrow the list with filters");
  EXPECT_EQ(groups(*store, "profiles", {{"group-by", "Description"}, {"Name", "Lt(p000002)"}}), "d0=1 d1=1");
  EXPECT_EQ(groups(*store, "profiles", {{"group-by", "Documentation"}, {"limit", "2"}}),
            fmt::format("0={} 1={} +1={}", (count + 2) / 3, (count + 1) / 3, count / 3));
}

TEST_F(Groups, AnswerAsAPlainScanWould) {
  std::mt19937_64 random(11);
  std::map<std::string, json::object> now;
  const auto any = [&](uint64_t below) { return random() % below; };
  for (int round = 0; round < 60; ++round) {
    const std::string key = fmt::format("m{}", any(25));
    if (any(4) == 0 && now.contains(key)) {
      must_commit(*store, {Change{.id = {"machines", "", key}}});
      now.erase(key);
    } else {
      json::object body{{"Stage", fmt::format("s{}", any(4))}, {"Name", fmt::format("Node-{}", any(90))}};
      json::array profiles;
      for (uint64_t i = any(3); i > 0; --i) profiles.emplace_back(fmt::format("p{}", any(3)));
      body["Profiles"] = std::move(profiles);
      must_commit(*store, {put("machines", key, json::serialize(body))});
      now[key] = std::move(body);
    }
    std::map<std::string, uint64_t> stages;
    std::vector<std::string> found;
    const std::string word = fmt::format("E-{}", any(10));
    for (const auto& [name, body] : now) {
      ++stages[std::string(body.at("Stage").as_string())];
      const bool has = lower_case(body.at("Name").as_string()).find(lower_case(word)) != std::string::npos;
      if (has) found.push_back(name);
    }
    const Result<GroupResult> result =
        grouped(*store, "machines", {{"group-by", "Stage"}, {"Key", "Re(^m)"}});
    ASSERT_TRUE(result);
    std::map<std::string, uint64_t> counted;
    for (const Group& group : result->groups) counted[group.values.front().value()] = group.count;
    EXPECT_EQ(counted, stages);
    EXPECT_EQ(keys(*store, "machines", {{"search", word}}), found) << word;
    EXPECT_EQ(matched(now, {{"search", word}}), found) << word;
    const Asked filters[] = {{{"Profiles", "p1"}},
                             {{"Profiles", "Nin(p0,p2)"}, {"Stage", "In(s1,s2)"}},
                             {{"Key", "Gt(m2)"}, {"Name", "Re(1$)"}, {"Endpoint", "hq"}}};
    for (const Asked& wanted : filters) EXPECT_EQ(matched(now, wanted), keys(*store, "machines", wanted));
  }
}

TEST(Search, LooksIntoKeyNameDescriptionAndAddresses) {
  const std::unique_ptr<Store> store = open_memory_store();
  must_commit(*store, {put("machines", "aa-1",
                           R"({"Name":"Web-01.example","Description":"Rack Seven","Stage":"hidden"})"),
                       put("machines", "aa-2", R"({"Name":"db-01","Address":"10.20.30.40"})"),
                       put("machines", "bb-3", R"({"Name":"db-02","HardwareAddrs":["52:54:00:AB:cd:ef"]})")});
  const auto found = [&](const std::string& text) { return keys(*store, "machines", {{"search", text}}); };
  EXPECT_THAT(found("WEB"), ElementsAre("aa-1"));
  EXPECT_THAT(found("01"), ElementsAre("aa-1", "aa-2"));
  EXPECT_THAT(found("aa-"), ElementsAre("aa-1", "aa-2"));
  EXPECT_THAT(found("rack seven"), ElementsAre("aa-1"));
  EXPECT_THAT(found("seven  01 rack"), ElementsAre("aa-1")) << "words in any order";
  EXPECT_THAT(found("seven db"), ElementsAre());
  EXPECT_THAT(found("20.30"), ElementsAre("aa-2"));
  EXPECT_THAT(found("AB:CD"), ElementsAre("bb-3"));
  EXPECT_THAT(found("hidden"), ElementsAre()) << "no other members";
  EXPECT_THAT(found("  "), ElementsAre("aa-1", "aa-2", "bb-3")) << "nothing was asked";
  EXPECT_THAT(
      keys(*store, "machines", {{"search", "db"}, {"sort", "Name"}, {"reverse", "true"}, {"limit", "1"}}),
      ElementsAre("bb-3"));
  EXPECT_THAT(found(std::string(201, 'x')), ElementsAre(HasSubstr("at most 200")));
  EXPECT_THAT(found("a b c d e f g h i"), ElementsAre(HasSubstr("at most 8 words")));
  must_commit(*store, {put("machines", "aa-2", R"({"Name":"renamed","Address":"10.20.30.41"})")});
  EXPECT_THAT(found("db-01"), ElementsAre());
  EXPECT_THAT(found("renamed"), ElementsAre("aa-2"));
}

TEST(SearchText, ForgetsWhatWasReplacedAndClosesTheGaps) {
  internal::SearchText text;
  for (uint32_t row = 0; row < 500; ++row) text.set(row, fmt::format("first {}", row));
  const size_t before = text.bytes();
  for (int round = 0; round < 200; ++round) {
    for (uint32_t row = 0; row < 500; row += 2) text.set(row, fmt::format("later {} {}", row, round));
  }
  EXPECT_LT(text.bytes(), before + 1'000'000) << "garbage is bounded";
  EXPECT_EQ(text.find({"first"}).size(), 250U);
  EXPECT_EQ(text.find({"later"}).size(), 250U);
  EXPECT_EQ(text.find({"later 8 199"}).rows(), std::vector<uint32_t>{8});
  EXPECT_EQ(text.find({"later", "199", " 8 "}).rows(), std::vector<uint32_t>{8});
  text.set(8, "");
  EXPECT_TRUE(text.find({"later 8 199"}).empty());
  EXPECT_EQ(text.find({}).size(), 499U);
}

}  // namespace
}  // namespace mullion::store
