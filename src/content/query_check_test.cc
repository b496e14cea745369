#include "content/query_check.h"

#include <gtest/gtest.h>

#include "store/store_testing.h"

namespace mullion::content {
namespace {

struct FaultCase {
  std::string_view collection, query, fault;
};

TEST(QueryFault, NamesWhatIsWrong) {
  const std::unique_ptr<store::Store> store = store::open_memory_store();
  store::must_commit(*store, {store::put("params", "site/rack", R"({"Name":"site/rack"})")});
  store::Batch remote;
  remote.changes.push_back(store::put("params", "far", R"({"Name":"far"})", "A"));
  remote.origin = store::Origin{"A", {1, 1}};
  store::must_commit(*store, std::move(remote));
  const FaultCase cases[] = {
      {"machines", "", ""},
      {"machines", "Stage=local&Runnable=true", ""},
      {"machines", "site/rack=7&far=Ne(x)&sort=Name", ""},
      {"endpoints", "ConnectionStatus=Connected&VersionSets=a&ConnectionState=Ne(Lost)", ""},
      {"machines", "Stagee=local", "Stagee is neither an index of machines nor a parameter"},
      {"endpoints", "Connected=true", "Connected is neither an index of endpoints nor a parameter"},
      {"machines", "Runnable=perhaps", "Runnable must be true or false"},
      {"machines", "Name=Re(()", "Invalid regular expression (: missing ): ("},
      {"machines", "limit=-1", "Limit cannot be negative"},
      {"machines", "sort=Profiles", "Not sortable: Profiles"},
      {"tasks", "Foo=1", "Foo is not an index of tasks"},
      {"widgets", "Foo=1", ""},
  };
  for (const FaultCase& row : cases)
    EXPECT_EQ(query_fault(*store->snapshot(), row.collection, row.query), row.fault) << row.query;
}

}  // namespace
}  // namespace mullion::content
