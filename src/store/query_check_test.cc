#include "store/query_check.h"

#include <gtest/gtest.h>

namespace mullion::store {
namespace {

TEST(QueryCheck, SaysWhatMeansNothing) {
  const std::unique_ptr<Store> store = open_memory_store();
  Batch batch;
  batch.changes.push_back({{"params", "", "rack"}, R"({"Name":"rack"})"});
  batch.changes.push_back({{"params", "A", "row"}, R"({"Name":"row"})"});
  ASSERT_TRUE(store->commit_sync(std::move(batch)));
  const auto fault = [&](std::string_view type, const std::string& name, const std::string& value) {
    return query_fault(*store->snapshot(), type, {{name, value}});
  };
  EXPECT_EQ(fault("machines", "Name", "a"), "");
  EXPECT_EQ(fault("machines", "rack", "a"), "") << "a parameter of this server";
  EXPECT_EQ(fault("machines", "row", "a"), "") << "a parameter that only an endpoint has";
  EXPECT_EQ(fault("machines", "Nome", "a"), "Nome is neither an index of machines nor a parameter");
  EXPECT_NE(fault("machines", "Available", "perhaps"), "");
  EXPECT_NE(fault("machines", "Name", "Re(()"), "");
  EXPECT_NE(fault("tenants", "rack", "a"), "") << "tenants have no parameters";
  EXPECT_EQ(fault("of-a-plugin", "anything", "a"), "");
}

}  // namespace
}  // namespace mullion::store
