#include "store/query_check.h"

#include <gtest/gtest.h>

#include "store/store_testing.h"

namespace mullion::store {
namespace {

struct FaultCase {
  std::string_view collection;
  std::vector<std::pair<std::string, std::string>> parameters;
  std::string_view fault;
};

TEST(QueryFault, NamesWhatIsWrong) {
  const std::unique_ptr<Store> store = open_memory_store();
  must_commit(*store, {put("params", "site/rack", R"({"Name":"site/rack"})")});
  Batch remote;
  remote.changes.push_back(put("params", "far", R"({"Name":"far"})", "A"));
  remote.origin = Origin{"A", {1, 1}};
  must_commit(*store, std::move(remote));
  const FaultCase cases[] = {
      {"machines", {}, ""},
      {"machines", {{"Stage", "local"}, {"Runnable", "true"}}, ""},
      {"machines", {{"site/rack", "7"}, {"far", "Ne(x)"}, {"sort", "Name"}}, ""},
      {"endpoints",
       {{"ConnectionStatus", "Connected"}, {"VersionSets", "a"}, {"ConnectionState", "Ne(Lost)"}},
       ""},
      {"machines", {{"Stagee", "local"}}, "Stagee is neither an index of machines nor a parameter"},
      {"endpoints", {{"Connected", "true"}}, "Connected is neither an index of endpoints nor a parameter"},
      {"machines", {{"Runnable", "perhaps"}}, "Runnable must be true or false"},
      {"machines", {{"Name", "Re(()"}}, "Invalid regular expression (: missing ): ("},
      {"machines", {{"limit", "-1"}}, "Limit cannot be negative"},
      {"machines", {{"sort", "Profiles"}}, "Not sortable: Profiles"},
      {"tasks", {{"Foo", "1"}}, "Foo is not an index of tasks"},
      {"widgets", {{"Foo", "1"}}, ""},
  };
  for (const FaultCase& row : cases)
    EXPECT_EQ(query_fault(*store->snapshot(), row.collection, row.parameters), row.fault)
        << (row.parameters.empty() ? "" : row.parameters.front().first);
}

}  // namespace
}  // namespace mullion::store
