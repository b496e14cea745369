// Queries against a plain reading of filters.md: every row looked at, nothing indexed.
#include "store/query.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <re2/re2.h>

#include <algorithm>
#include <boost/json.hpp>

#include "env/dice_testing.h"
#include "store/store_testing.h"

namespace mullion::store {
namespace {

namespace json = boost::json;

constexpr std::string_view kOwnName = "hq";

// The oracle.

enum class Kind { kText, kFlag, kAddress, kList, kEndpoint, kKey, kParam };

struct Row {
  std::string key;
  std::string owner;
  json::object body;
};

std::string sortable(Kind kind, std::string_view text) {
  if (kind != Kind::kAddress || text.empty()) return std::string(text);
  in_addr address{};
  EXPECT_EQ(inet_pton(AF_INET, std::string(text).c_str(), &address), 1) << text;
  return fmt::format("{:08x}", ntohl(address.s_addr));
}

std::vector<std::string> values_of(const Row& row, std::string_view name, Kind kind,
                                   std::string_view own_id) {
  const json::value* member = row.body.if_contains(name);
  switch (kind) {
    case Kind::kKey:
      return {row.key};
    case Kind::kEndpoint:  // both names select what lives here
      if (is_remote(row.owner)) return {row.owner};
      return {"", std::string(own_id)};
    case Kind::kFlag:
      return {member != nullptr && member->as_bool() ? "true" : "false"};
    case Kind::kList: {
      std::vector<std::string> out;
      if (member != nullptr && member->is_object()) {
        for (const auto& [param, value] : member->as_object()) out.emplace_back(param);
      } else if (member != nullptr) {
        for (const json::value& item : member->as_array()) out.emplace_back(item.as_string());
      }
      return out;
    }
    default:
      return {sortable(kind, member == nullptr ? "" : std::string_view(member->as_string()))};
  }
}

bool in_range(Operator op, int first, int second) {
  switch (op) {
    case Operator::kLt:
      return first < 0;
    case Operator::kLte:
      return first <= 0;
    case Operator::kGt:
      return first > 0;
    case Operator::kGte:
      return first >= 0;
    case Operator::kBetween:
      return first >= 0 && second <= 0;
    case Operator::kExcept:
      return first < 0 || second > 0;
    default:
      return first == 0;
  }
}

bool has_value(const Filter& filter, Kind kind, const std::string& value) {
  if (filter.op == Operator::kRe) return RE2::PartialMatch(value, filter.arguments[0]);
  auto order = [&](size_t i) { return value.compare(sortable(kind, filter.arguments[i])); };
  if (filter.op == Operator::kIn || filter.op == Operator::kNin) {
    for (size_t i = 0; i < filter.arguments.size(); ++i) {
      if (order(i) == 0) return true;
    }
    return false;
  }
  return in_range(filter.op, order(0), filter.arguments.size() > 1 ? order(1) : 0);
}

json::value scalar(std::string_view text) {
  boost::system::error_code failure;
  json::value value = json::parse(text, failure);
  return failure ? json::value(json::string_view(text)) : value;
}

/// Order of two scalars, absent when their types differ.
std::optional<int> order_of(const json::value& a, const json::value& b) {
  if (a.is_string() && b.is_string()) return a.get_string().compare(b.get_string());
  if (a.is_bool() && b.is_bool()) return int{a.get_bool()} - int{b.get_bool()};
  if (!a.is_number() || !b.is_number()) return std::nullopt;
  const double difference = a.to_number<double>() - b.to_number<double>();
  return difference < 0 ? -1 : difference > 0 ? 1 : 0;
}

bool has_param(const Filter& filter, const json::value& value) {
  if (filter.op == Operator::kRe)
    return value.is_string() && RE2::PartialMatch(std::string(value.get_string()), filter.arguments[0]);
  std::vector<std::optional<int>> orders;
  for (const std::string& argument : filter.arguments) orders.push_back(order_of(value, scalar(argument)));
  if (filter.op == Operator::kIn || filter.op == Operator::kNin)
    return std::ranges::find(orders, std::optional<int>(0)) != orders.end();
  if (filter.op == Operator::kExcept) {
    return (orders[0] && *orders[0] < 0) || (orders[1] && *orders[1] > 0);
  }
  if (std::ranges::find(orders, std::optional<int>()) != orders.end()) return false;
  return in_range(filter.op, *orders[0], orders.size() > 1 ? *orders[1] : 0);
}

struct Field {
  std::string name;
  Kind kind;
  bool regex;
  std::vector<std::string> arguments;
};

const std::vector<Field>& fields() {
  static const std::vector<Field> all = {
      {"Name", Kind::kText, true, {"node-1", "node-17", "node-3", "", "zz"}},
      {"Description", Kind::kText, true, {"", "rack 1", "rack 2", "rack 9", "rack"}},
      {"Stage", Kind::kText, true, {"discover", "local", "none", ""}},
      {"Address", Kind::kAddress, false, {"10.0.0.9", "10.0.0.10", "192.168.1.1", "9.255.0.1", ""}},
      {"Runnable", Kind::kFlag, false, {"true", "false"}},
      {"Profiles", Kind::kList, false, {"global", "site", "rack", "none"}},
      {"Params", Kind::kList, false, {"rack", "role", "flag", "none"}},
      {"Endpoint", Kind::kEndpoint, true, {"", "hq", "east", "west", "e"}},
      {"Key", Kind::kKey, true, {"00000003-0000-4000-8000-000000000000", "00000020", "1", "0000002"}},
      {"rack", Kind::kParam, true, {"1", "2", "2.5", "9", "-1", "true", "rack"}},
      {"role", Kind::kParam, true, {"web", "db", "a", "1"}},
      {"flag", Kind::kParam, true, {"true", "false", "1"}},
      {"never", Kind::kParam, true, {"true", "x"}},
  };
  return all;
}

const Field& field_of(std::string_view name) { return *std::ranges::find(fields(), name, &Field::name); }

bool matches(const Filter& filter, const Row& row, std::string_view own_id) {
  const Field& field = field_of(filter.name);
  const bool negated = filter.op == Operator::kNe || filter.op == Operator::kNin;
  bool any = false;
  if (field.kind == Kind::kParam) {
    const json::value* params = row.body.if_contains("Params");
    const json::value* value = params == nullptr ? nullptr : params->as_object().if_contains(filter.name);
    any = value != nullptr && has_param(filter, *value);
  } else {
    for (const std::string& value : values_of(row, filter.name, field.kind, own_id))
      any = any || has_value(filter, field.kind, value);
  }
  return any != negated;
}

std::string sort_value(const Row& row, const std::string& index, std::string_view own_id) {
  const Kind kind = field_of(index).kind;
  if (kind == Kind::kEndpoint) return is_remote(row.owner) ? row.owner : std::string(own_id);
  return values_of(row, index, kind, own_id).front();
}

using Rows = std::vector<Row>;

Rows all_rows(const Snapshot& view) {
  Rows out;
  view.scan("machines", "", [&](auto key, auto owner, auto body) {
    out.push_back({std::string(key), std::string(owner), json::parse(body).as_object()});
    return true;
  });
  return out;
}

bool within_bounds(const Query& query, const Row& row) {
  const bool among = std::ranges::all_of(
      query.among, [&](const ObjectSetPtr& set) { return set->contains(row.owner, row.key); });
  const bool bounded = std::ranges::all_of(
      query.bounds, [&](const Filter& bound) { return matches(bound, row, query.own_id); });
  return among && bounded && (!query.visible || query.visible(row.key, row.owner));
}

QueryResult expected_answer(const Rows& rows, const Query& query, bool replicas) {
  QueryResult out;
  std::vector<const Row*> found;
  for (const Row& row : rows) {  // in the order of keys, then owners
    if (is_remote(row.owner) && !replicas) continue;
    if (!within_bounds(query, row)) continue;
    ++out.total;
    bool right_owner = true, all = true;
    for (const Filter& filter : query.filters) {
      const bool holds = matches(filter, row, query.own_id);
      all = all && holds;
      if (filter.name == "Endpoint") right_owner = right_owner && holds;
    }
    if (right_owner && is_remote(row.owner)) out.owners.push_back(row.owner);
    if (all) found.push_back(&row);
  }
  std::ranges::sort(out.owners);
  out.owners.erase(std::ranges::unique(out.owners).begin(), out.owners.end());
  out.matching = found.size();
  if (query.count_only) return out;
  if (!query.sort.empty()) {
    std::ranges::stable_sort(found, {},
                             [&](const Row* row) { return sort_value(*row, query.sort, query.own_id); });
  }
  if (query.reverse) std::ranges::reverse(found);
  for (size_t i = query.offset; i < found.size() && out.refs.size() < query.limit.value_or(found.size()); ++i)
    out.refs.push_back({found[i]->key, found[i]->owner});
  return out;
}

// What is asked and of what.

std::string show(const Query& query) {
  std::string out;
  for (const Filter& filter : query.filters)
    out += fmt::format("{} op{} ({}) ", filter.name, static_cast<int>(filter.op),
                       fmt::join(filter.arguments, ","));
  return fmt::format("{}sort={} reverse={} offset={} limit={} count={} own={}", out, query.sort,
                     query.reverse, query.offset, query.limit ? static_cast<int>(*query.limit) : -1,
                     query.count_only, query.own_id);
}

std::string show(const QueryResult& result) {
  std::string out = fmt::format("total={} matching={} owners={}", result.total, result.matching,
                                fmt::join(result.owners, ","));
  for (const ObjectRef& ref : result.refs) out += fmt::format(" {}@{}", ref.key.substr(0, 8), ref.owner);
  return out;
}

using env::Dice;

std::string machine_key(size_t number) { return fmt::format("{:08x}-0000-4000-8000-000000000000", number); }

std::string random_machine(Dice& dice) {
  json::object body;
  if (!dice.one_in(9)) body["Name"] = fmt::format("node-{}", dice.below(40));
  if (!dice.one_in(5)) body["Description"] = fmt::format("rack {}", dice.below(4));
  if (!dice.one_in(5)) body["Stage"] = dice.one_in(3) ? "local" : "discover";
  if (!dice.one_in(5)) body["Address"] = fmt::format("10.0.{}.{}", dice.below(2), dice.below(12));
  if (!dice.one_in(4)) body["Runnable"] = dice.one_in(2);
  json::array profiles;
  for (const char* name : {"global", "site", "site", "rack"}) {
    if (dice.one_in(3)) profiles.emplace_back(name);
  }
  body["Profiles"] = std::move(profiles);
  json::object params;
  if (dice.one_in(2)) params["rack"] = static_cast<int64_t>(dice.below(4));
  if (dice.one_in(9)) params["rack"] = 2.5;
  if (dice.one_in(3)) params["role"] = dice.one_in(2) ? "web" : "db";
  if (dice.one_in(3)) params["flag"] = dice.one_in(2);
  if (dice.one_in(5)) params["deep"] = json::object{{"rack", 1}};
  if (!dice.one_in(4)) body["Params"] = std::move(params);
  return json::serialize(body);
}

Batch random_batch(Dice& dice, size_t most) {
  const std::vector<std::string> owners = {"", "", std::string(kLayered), "east", "west", "south"};
  Batch batch;
  for (size_t i = dice.below(most) + 1; i > 0; --i) {
    Change change = put("machines", machine_key(dice.below(60)), random_machine(dice), dice.one_of(owners));
    if (dice.one_in(4)) change.body.reset();
    batch.changes.push_back(std::move(change));
  }
  return batch;
}

Filter random_filter(Dice& dice) {
  static const std::vector<Operator> equalities = {Operator::kEq, Operator::kNe, Operator::kIn,
                                                   Operator::kNin};
  static const std::vector<Operator> orders = {Operator::kLt,  Operator::kLte,     Operator::kGt,
                                               Operator::kGte, Operator::kBetween, Operator::kExcept};
  const Field& field = dice.one_of(fields());
  const bool ordered = field.kind != Kind::kList && field.kind != Kind::kFlag;
  Filter filter;
  filter.name = field.name;
  filter.op = ordered && dice.one_in(2) ? dice.one_of(orders) : dice.one_of(equalities);
  if (field.regex && dice.one_in(5)) {
    filter.op = Operator::kRe;
    filter.arguments = {dice.one_of(std::vector<std::string>{"1", "^node-[12]", "o", "^$", "a|e"})};
    return filter;
  }
  size_t count = 1;
  if (filter.op == Operator::kBetween || filter.op == Operator::kExcept) count = 2;
  if (filter.op == Operator::kIn || filter.op == Operator::kNin) count = dice.below(3) + 1;
  for (size_t i = 0; i < count; ++i) filter.arguments.push_back(dice.one_of(field.arguments));
  return filter;
}

/// Long ones whose rows are remembered, a short one that is looked up each time, and nothing.
/// Each with objects of this server and, under the same keys, of other owners.
std::vector<ObjectSetPtr> object_sets() {
  std::vector<ObjectRef> even, few;
  for (size_t i = 0; i < 120; i += 2) even.push_back({machine_key(i), std::string(kOwn)});
  for (size_t i = 0; i < 120; i += 3) even.push_back({machine_key(i), i % 2 == 0 ? "east" : "west"});
  std::vector<ObjectRef> low(even.begin(), even.begin() + 25);
  for (size_t i = 1; i < 40; i += 9) few.push_back({machine_key(i), "east"});
  few.push_back({machine_key(2), std::string(kLayered)});
  few.push_back({machine_key(2), "nobody"});
  return {std::make_shared<ObjectSet>(even), std::make_shared<ObjectSet>(low),
          std::make_shared<ObjectSet>(few), std::make_shared<ObjectSet>(std::vector<ObjectRef>{})};
}

Query random_query(Dice& dice) {
  Query query;
  query.type = "machines";
  for (size_t i = dice.below(4); i > 0; --i) query.filters.push_back(random_filter(dice));
  query.sort = dice.one_of(std::vector<std::string>{"", "", "Name", "Stage", "Address", "Endpoint", "Key"});
  query.reverse = dice.one_in(2);
  if (dice.one_in(2)) query.offset = dice.below(30);
  if (dice.one_in(2)) query.limit = dice.below(20);
  query.count_only = dice.one_in(8);
  if (dice.one_in(2)) query.own_id = kOwnName;
  static const std::vector<ObjectSetPtr> sets = object_sets();
  for (size_t i = dice.one_in(3) ? dice.below(3) : 0; i > 0; --i) query.among.push_back(dice.one_of(sets));
  if (dice.one_in(5)) query.bounds = {{"Stage", Operator::kIn, {"local", "none"}}};
  if (dice.one_in(4)) query.visible = [](auto key, auto owner) { return owner != "east" && key[7] != '3'; };
  return query;
}

void expect_same(const Snapshot& view, const Rows& rows, const Query& query, bool replicas) {
  const Result<QueryResult> answer = view.query(query);
  ASSERT_TRUE(answer.ok()) << show(query) << ": " << answer.error().text();
  ASSERT_EQ(show(*answer), show(expected_answer(rows, query, replicas))) << show(query);
}

TEST(Query, AnswersAsAPlainScanWould) {
  const TempDirectory directory;
  const std::unique_ptr<Store> store = must_open(options_in(directory.path()));
  Dice dice(20260101);
  std::shared_ptr<const Snapshot> old;
  Rows old_rows;
  for (int round = 0; round < 30 && !::testing::Test::HasFatalFailure(); ++round) {
    must_commit(*store, random_batch(dice, 40));
    const bool replicas = !dice.one_in(6);
    store->show_replicas(replicas);
    const auto view = store->snapshot();
    const Rows rows = all_rows(*view);
    for (int i = 0; i < 40 && !::testing::Test::HasFatalFailure(); ++i)
      expect_same(*view, rows, random_query(dice), replicas);
    if (round % 8 == 0) {
      old = view;
      old_rows = rows;
    }
    for (int i = 0; i < 10 && !::testing::Test::HasFatalFailure(); ++i)
      expect_same(*old, old_rows, random_query(dice), replicas);
  }
}

TEST(Query, OldViewIsAnsweredFarBehindTheIndex) {
  const std::unique_ptr<Store> store = open_memory_store();
  Dice dice(5);
  must_commit(*store, random_batch(dice, 400));
  const auto view = store->snapshot();
  const Rows rows = all_rows(*view);
  Query query;
  query.type = "machines";
  query.sort = "Name";
  expect_same(*view, rows, query, true);
  for (const size_t changes : {size_t{1}, size_t{50}, size_t{3000}}) {  // at hand, rolled back, read afresh
    Batch batch;
    for (size_t i = 0; i < changes; ++i)
      batch.changes.push_back(put("machines", machine_key(i), random_machine(dice)));
    must_commit(*store, std::move(batch));
    expect_same(*view, rows, query, true);
    expect_same(*store->snapshot(), all_rows(*store->snapshot()), query, true);
  }
}

TEST(Query, ListsWithoutAnIndexAgreeWithTheIndex) {
  const TempDirectory directory;
  Dice dice(9);
  {
    const std::unique_ptr<Store> store = must_open(options_in(directory.path()));
    must_commit(*store, random_batch(dice, 300));
  }
  // A store that was just opened answers plain lists from disk until the index is there.
  for (int i = 0; i < 20; ++i) {
    const std::unique_ptr<Store> store = must_open(options_in(directory.path()));
    const auto view = store->snapshot();
    const Rows rows = all_rows(*view);
    for (int j = 0; j < 5; ++j) {
      Query query = random_query(dice);
      query.filters.clear();
      query.sort.clear();
      query.visible = nullptr;
      query.among.clear();
      query.bounds.clear();
      expect_same(*view, rows, query, true);
    }
  }
}

TEST(Query, FiltersWithoutAnIndexHaveABudget) {
  const std::shared_ptr<Store> store = open_memory_store();
  std::vector<Change> changes;
  for (int i = 0; i < 100; ++i) {
    changes.push_back(put("machines", fmt::format("m{}", i), R"({"Name":"m","Params":{"rack":1}})"));
  }
  must_commit(*store, std::move(changes));
  Query query;
  query.type = "machines";
  query.filters = {{"rack", Operator::kEq, {"1"}}, {"role", Operator::kNe, {"x"}}};
  query.filter_steps = 200;
  const Result<QueryResult> all = store->snapshot()->query(query);
  ASSERT_TRUE(all.ok()) << all.error().text();
  EXPECT_EQ(all->matching, 100u);
  query.filter_steps = 199;
  const Result<QueryResult> refused = store->snapshot()->query(query);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kNotAcceptable);
  EXPECT_EQ(refused.error().messages.front(),
            "filters without an index take more than 199 steps here: name an index too, or fewer parameters");
  // What an index answers costs nothing, and leaves less to be looked at.
  query.filters.push_back({"Name", Operator::kEq, {"other"}});
  EXPECT_TRUE(store->snapshot()->query(query).ok());
}

TEST(Query, CollectionsThatOnlyOthersKnowHaveKeysAndOwners) {
  const std::unique_ptr<Store> store = open_memory_store();
  for (const char* owner : {"A", "B"}) {
    for (const char* key : {"u1", "u2"}) {
      Batch batch;
      batch.changes.emplace_back() = {{"alerts", owner, key}, fmt::format(R"({{"Uuid":"{}"}})", key)};
      batch.origin = Origin{owner, {1, 1}};
      ASSERT_TRUE(store->commit_sync(std::move(batch)));
    }
  }
  const auto matching = [&](std::string name, Operator op, std::string argument) {
    Query query;
    query.type = "alerts";
    query.filters.push_back({std::move(name), op, {std::move(argument)}});
    const Result<QueryResult> result = store->snapshot()->query(query);
    return result ? static_cast<int>(result->matching) : -1;
  };
  EXPECT_EQ(matching("Endpoint", Operator::kEq, "A"), 2);
  EXPECT_EQ(matching("Key", Operator::kEq, "u2"), 2);
  EXPECT_EQ(matching("Key", Operator::kGt, "u1"), 2);
  EXPECT_EQ(matching("Endpoint", Operator::kEq, "C"), 0);
  EXPECT_EQ(matching("Level", Operator::kEq, "Error"), -1) << "what else they have is not known here";
}

TEST(Query, ResolverSuppliesParameters) {
  const std::unique_ptr<Store> store = open_memory_store();
  must_commit(*store, {put("machines", "a", R"({"Params":{"rack":1}})"), put("machines", "b", "{}")});
  Query query;
  query.type = "machines";
  query.filters = {{"rack", Operator::kEq, {"7"}}};
  query.param_resolver = {
      [](std::string_view, std::string_view body, std::string_view name) -> std::optional<std::string> {
        EXPECT_EQ(name, "rack");
        return body == "{}" ? std::optional<std::string>("7") : std::nullopt;
      },
      {"profiles"}};
  const Result<QueryResult> answer = store->snapshot()->query(query);
  ASSERT_TRUE(answer.ok());
  ASSERT_EQ(answer->refs.size(), 1u);
  EXPECT_EQ(answer->refs[0].key, "b");
  EXPECT_EQ(answer->collections, (std::vector<std::string>{"machines", "profiles"}));
  const Result<GroupResult> groups = store->snapshot()->group({query, {"Name"}});
  ASSERT_TRUE(groups.ok());
  EXPECT_EQ(groups->collections, answer->collections);
  query.filters = {{"Name", Operator::kEq, {"b"}}};
  EXPECT_EQ(store->snapshot()->query(query)->collections, std::vector<std::string>{"machines"})
      << "no parameter was looked at";
}

std::vector<std::string> keys_of(const Store& store, std::string_view type, Filter filter) {
  Query query;
  query.type = type;
  query.filters = {std::move(filter)};
  const Result<QueryResult> answer = store.snapshot()->query(query);
  EXPECT_TRUE(answer.ok()) << (answer ? "" : answer.error().text());
  std::vector<std::string> keys;
  if (!answer) return keys;
  EXPECT_EQ(answer->matching, answer->refs.size());
  for (const ObjectRef& ref : answer->refs) keys.push_back(ref.key);
  return keys;
}

TEST(Query, ParametersAreComparedAsYamlScalarsByKind) {
  const std::unique_ptr<Store> store = open_memory_store();
  must_commit(*store, {put("profiles", "flag", R"({"Params":{"v":true}})"),
                       put("profiles", "list", R"({"Params":{"v":[1,2]}})"),
                       put("profiles", "nothing", R"({"Params":{"v":null}})"),
                       put("profiles", "number", R"({"Params":{"v":7}})"),
                       put("profiles", "text", R"({"Params":{"v":"7"}})"), put("profiles", "unset", "{}")});
  const std::vector<std::tuple<Operator, std::vector<std::string>, std::vector<std::string>>> cases = {
      {Operator::kEq, {"7"}, {"number"}},
      {Operator::kEq, {"7.0"}, {"number"}},
      {Operator::kEq, {"+7"}, {"number"}},
      {Operator::kEq, {"007"}, {"number"}},
      {Operator::kEq, {"\"7\""}, {"text"}},
      {Operator::kEq, {"'7'"}, {"text"}},
      {Operator::kEq, {"true"}, {"flag"}},
      {Operator::kEq, {"TRUE"}, {"flag"}},
      {Operator::kEq, {"null"}, {"nothing"}},
      {Operator::kEq, {"~"}, {"nothing"}},
      {Operator::kEq, {"[1,2]"}, {"list"}},
      {Operator::kLt, {"8"}, {"number"}},
      {Operator::kBetween, {"6", "8"}, {"number"}},
      {Operator::kIn, {"true", "7"}, {"flag", "number"}},
      {Operator::kNe, {"7"}, {"flag", "list", "nothing", "text", "unset"}},
      {Operator::kNin, {"true", "7"}, {"list", "nothing", "text", "unset"}},
      {Operator::kRe, {"^[0-9]$"}, {"text"}},
  };
  for (const auto& [op, arguments, wanted] : cases)
    EXPECT_EQ(keys_of(*store, "profiles", {"v", op, arguments}), wanted) << arguments.front();
}

TEST(Query, LargeWholeNumbersAreNotTheirNeighbours) {
  const std::unique_ptr<Store> store = open_memory_store();
  must_commit(*store, {put("profiles", "a", R"({"Params":{"v":9007199254740993}})"),
                       put("profiles", "b", R"({"Params":{"v":18446744073709551615}})"),
                       put("profiles", "c", R"({"Params":{"v":-9223372036854775808}})"),
                       put("profiles", "d", R"({"Params":{"v":0.5}})")});
  const std::vector<std::tuple<Operator, std::string, std::vector<std::string>>> cases = {
      {Operator::kEq, "9007199254740993", {"a"}},      {Operator::kEq, "9007199254740992", {}},
      {Operator::kGt, "9007199254740992", {"a", "b"}}, {Operator::kLt, "9007199254740993", {"c", "d"}},
      {Operator::kEq, "18446744073709551615", {"b"}},  {Operator::kEq, "18446744073709551614", {}},
      {Operator::kEq, "-9223372036854775807", {}},     {Operator::kLt, "1", {"c", "d"}},
      {Operator::kGt, "0.25", {"a", "b", "d"}},
  };
  for (const auto& [op, argument, wanted] : cases)
    EXPECT_EQ(keys_of(*store, "profiles", {"v", op, {argument}}), wanted) << argument;
}

TEST(Query, SealedParametersMatchNothing) {
  const std::unique_ptr<Store> store = open_memory_store();
  constexpr std::string_view kSealed = R"({"Key":"a","Nonce":"b","Payload":"c"})";
  must_commit(*store, {put("profiles", "sealed", fmt::format(R"({{"Params":{{"v":{}}}}})", kSealed)),
                       put("profiles", "similar", R"({"Params":{"v":{"Key":"a","Nonce":"b"}}})")});
  EXPECT_EQ(keys_of(*store, "profiles", {"v", Operator::kEq, {std::string(kSealed)}}),
            std::vector<std::string>{});
  EXPECT_EQ(keys_of(*store, "profiles", {"v", Operator::kNe, {"x"}}), std::vector<std::string>{"similar"});
}

TEST(Query, SubnetsContainAddresses) {
  const std::unique_ptr<Store> store = open_memory_store();
  must_commit(
      *store,
      {put("subnets", "all", R"({"Subnet":"0.0.0.0/0","ActiveStart":"0.0.0.0","ActiveEnd":"0.0.0.9"})"),
       put("subnets", "broken", R"({"Subnet":"x","ActiveStart":"","ActiveEnd":""})"),
       put("subnets", "one", R"({"Subnet":"10.0.0.7/32","ActiveStart":"10.0.0.7","ActiveEnd":"10.0.0.7"})"),
       put("subnets", "wide",
           R"({"Subnet":"10.0.3.9/22","ActiveStart":"10.0.1.0","ActiveEnd":"10.0.2.0"})")});
  const std::vector<std::tuple<std::string, Operator, std::vector<std::string>, std::vector<std::string>>>
      cases = {
          {"Address", Operator::kEq, {"10.0.0.0"}, {"all", "wide"}},
          {"Address", Operator::kEq, {"10.0.0.7"}, {"all", "one", "wide"}},
          {"Address", Operator::kEq, {"10.0.4.0"}, {"all"}},
          {"Address", Operator::kNe, {"10.0.0.7"}, {"broken"}},
          {"Address", Operator::kEq, {""}, {}},
          {"ActiveAddress", Operator::kEq, {"10.0.2.0"}, {"wide"}},
          {"ActiveAddress", Operator::kIn, {"0.0.0.1", "10.0.0.7"}, {"all", "one"}},
          {"ActiveAddress", Operator::kNin, {"0.0.0.1", "10.0.0.7"}, {"broken", "wide"}},
      };
  for (const auto& [name, op, arguments, wanted] : cases)
    EXPECT_EQ(keys_of(*store, "subnets", {name, op, arguments}), wanted) << name << arguments.front();
}

TEST(Query, VersionsAreComparedAsVersions) {
  const std::unique_ptr<Store> store = open_memory_store();
  const auto endpoint = [](std::string_view key, std::string_view version) {
    return put("endpoints", std::string(key),
               fmt::format(R"({{"Id":"{}","DRPVersion":"{}"}})", key, version));
  };
  must_commit(*store,
              {endpoint("a", "v4.10.0"), endpoint("b", "v4.9.2"), endpoint("c", "4.9.2"),
               endpoint("d", "v4.10.0-beta.2"), endpoint("e", "v4.10.0-beta.10+g12ab"), endpoint("f", "tip"),
               put("endpoints", "g", R"({"Id":"g"})"), endpoint("h", "v4.10.0+g77")});
  using List = std::vector<std::string>;
  const std::vector<std::tuple<Operator, List, List>> cases = {
      {Operator::kEq, {"v4.9.2"}, {"b", "c"}},
      {Operator::kEq, {"4.10"}, {"a", "h"}},
      {Operator::kNe, {"v4.10.0"}, {"b", "c", "d", "e", "f", "g"}},
      {Operator::kEq, {"tip"}, {"f"}},
      {Operator::kEq, {""}, {"g"}},
      {Operator::kGt, {""}, {"a", "b", "c", "d", "e", "f", "h"}},
      {Operator::kLt, {"v4.10"}, {"b", "c", "d", "e", "f", "g"}},
      {Operator::kLte, {"v4.10.0"}, {"a", "b", "c", "d", "e", "f", "g", "h"}},
      {Operator::kGt, {"v4.9.2"}, {"a", "d", "e", "h"}},
      {Operator::kGte, {"v4.10.0-beta.10"}, {"a", "e", "h"}},
      {Operator::kBetween, {"v4.9", "v4.10.0-beta.2"}, {"b", "c", "d"}},
      {Operator::kExcept, {"v4.9", "v4.10.0-beta.2"}, {"a", "e", "f", "g", "h"}},
      {Operator::kIn, {"4.9.2", "tip"}, {"b", "c", "f"}},
      {Operator::kRe, {"^v4[.]10.*g"}, {"e", "h"}},
      {Operator::kRe, {"^$"}, {"g"}},
  };
  for (const auto& [op, arguments, wanted] : cases) {
    EXPECT_EQ(keys_of(*store, "endpoints", {"DRPVersion", op, arguments}), wanted)
        << static_cast<int>(op) << arguments.front();
  }
  Query sorted;
  sorted.type = "endpoints";
  sorted.sort = "DRPVersion";
  List order;
  const Result<QueryResult> found = store->snapshot()->query(sorted);
  for (const ObjectRef& ref : found->refs) order.push_back(ref.key);
  EXPECT_EQ(order, (List{"g", "f", "b", "c", "d", "e", "a", "h"}));
  Query wrong;
  wrong.type = "endpoints";
  wrong.filters = {{"DRPVersion", Operator::kLt, {"stable"}}};
  const Result<QueryResult> refused = store->snapshot()->query(wrong);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kNotAcceptable);
  EXPECT_EQ(refused.error().messages.front(), "DRPVersion must be a version: stable");
}

TEST(Query, TypesUnknownToTheModelAreListed) {
  const std::unique_ptr<Store> store = open_memory_store();
  must_commit(*store, {put("widgets", "b", "{}"), put("widgets", "a", "not even JSON")});
  Query query;
  query.type = "widgets";
  EXPECT_EQ(store->snapshot()->query(query)->refs.front().key, "a");
  query.filters = {{"Name", Operator::kEq, {"x"}}};
  EXPECT_EQ(store->snapshot()->query(query).error().code, ErrorCode::kNotAcceptable);
  query = {};
  query.type = "gadgets";
  EXPECT_EQ(store->snapshot()->query(query)->total, 0u);
}

TEST(Query, BoundsMustNameAnIndex) {
  const std::unique_ptr<Store> store = open_memory_store();
  must_commit(*store, {put("machines", "a", "{}")});
  Query query;
  query.type = "machines";
  query.bounds = {{"rack", Operator::kEq, {"7"}}};
  EXPECT_EQ(store->snapshot()->query(query).error().code, ErrorCode::kNotAcceptable);
}

}  // namespace
}  // namespace mullion::store
