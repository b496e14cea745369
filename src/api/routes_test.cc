#include "api/internal/routes.h"

#include <gtest/gtest.h>

namespace mullion::api {
namespace {

const model::ObjectType* find(std::string_view prefix) { return model::find_object_type(prefix); }

struct RouteCase {
  std::string_view method, path, handler, id, rest;
};

class RouteTable : public ::testing::TestWithParam<RouteCase> {};

TEST_P(RouteTable, FindsTheHandler) {
  const RouteCase& wanted = GetParam();
  const std::optional<RouteMatch> match = match_route(wanted.method, wanted.path, find);
  ASSERT_EQ(match.has_value(), !wanted.handler.empty());
  if (!match) return;
  EXPECT_EQ(match->route->name, wanted.handler);
  EXPECT_EQ(match->arguments.get("id"), wanted.id);
  EXPECT_EQ(match->arguments.get("rest"), wanted.rest);
}

INSTANTIATE_TEST_SUITE_P(
    Paths, RouteTable,
    ::testing::Values(
        RouteCase{"GET", "/", "front_page", "", ""}, RouteCase{"GET", "/api/v3/info", "show_info", "", ""},
        RouteCase{"GET", "/api/v3/machines", "list_objects", "", ""},
        RouteCase{"HEAD", "/api/v3/machines", "count_objects", "", ""},
        RouteCase{"GET", "/api/v3/machines/", "list_objects", "", ""},
        RouteCase{"GET", "/api/v3/machines/Name:bob", "show_object", "", "Name:bob"},
        RouteCase{"GET", "/api/v3/machines/x/params", "list_params", "x", ""},
        RouteCase{"POST", "/api/v3/machines/x/params/a/b/c", "set_param", "x", "a/b/c"},
        // Keys of params contain slashes, even those that look like a sub-resource.
        RouteCase{"GET", "/api/v3/params/rackn/license", "show_object", "", "rackn/license"},
        RouteCase{"GET", "/api/v3/params/a/params/b", "show_object", "", "a/params/b"},
        RouteCase{"GET", "/api/v3/files/x/y", "show_file", "", "x/y"},
        RouteCase{"POST", "/api/v3/files/x/y", "upload_file", "", "x/y"},
        RouteCase{"PATCH", "/api/v3/meta/params/a/b", "patch_meta", "", "a/b"},
        RouteCase{"GET", "/api/v3/users/bob/token", "make_user_token", "bob", ""},
        RouteCase{"POST", "/api/v3/plugins/manager/actions/addEndpoint", "run_manager_action", "", ""},
        RouteCase{"POST", "/api/v3/jobs/j/plugin_actions/x", "run_action", "j", ""},
        RouteCase{"GET", "/api/v3/ws/A/B", "open_owner_websocket", "", "A/B"},
        RouteCase{"GET", "/api/v3/john", "", "", ""}, RouteCase{"GET", "/api/v2/machines", "", "", ""},
        RouteCase{"POST", "/api/v3/leases", "", "", ""}, RouteCase{"BREW", "/api/v3/machines", "", "", ""}));

TEST(OwnerPath, SplitsChains) {
  EXPECT_TRUE(split_owner_path("/api/v3/machines").owners.empty());
  const OwnerPath chain = split_owner_path("/A/B/api/v3/machines/x");
  EXPECT_EQ(chain.owners, (std::vector<std::string>{"A", "B"}));
  EXPECT_EQ(chain.rest, "/api/v3/machines/x");
  EXPECT_EQ(split_owner_path("/api/v3x/api/v3/info").rest, "/api/v3/info");
  EXPECT_TRUE(split_owner_path("/favicon.ico").owners.empty());
}

TEST(RouteTable, EveryRouteDeclaresItsRight) {
  for (const Route& route : route_table()) {
    if (route.access != Access::kRight) continue;
    EXPECT_FALSE(route.scope.empty()) << route.pattern;
    EXPECT_FALSE(route.action.empty()) << route.pattern;
  }
}

}  // namespace
}  // namespace mullion::api
