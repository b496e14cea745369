#include "api/internal/routes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "base/percent.h"
#include "net/target.h"

namespace mullion::api {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::IsEmpty;

const model::ObjectType* find(std::string_view prefix) { return model::find_object_type(prefix); }

std::vector<std::string> segments_of(std::string_view target) {
  const Result<net::Target> parsed = net::parse_target(target);
  EXPECT_TRUE(parsed) << target;
  return parsed ? parsed->segments : std::vector<std::string>();
}

struct RouteCase {
  std::string_view method, path, handler, id, rest;
};

class RouteTable : public ::testing::TestWithParam<RouteCase> {};

TEST_P(RouteTable, FindsTheHandler) {
  const RouteCase& wanted = GetParam();
  const std::optional<RouteMatch> match = match_route(wanted.method, segments_of(wanted.path), find);
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
        RouteCase{"POST", "/api/v3/leases", "create_object", "", ""},
        RouteCase{"POST", "/api/v3/interfaces", "", "", ""},
        RouteCase{"BREW", "/api/v3/machines", "", "", ""}));

TEST(OwnerPath, IsWhatStandsBeforeTheFirstApi) {
  const auto split = [](const std::vector<std::string>& path) {
    const OwnerPath parts = split_owner_path(path);
    return std::pair(std::vector<std::string>(parts.owners.begin(), parts.owners.end()),
                     std::vector<std::string>(parts.rest.begin(), parts.rest.end()));
  };
  EXPECT_THAT(split({"api", "v3", "machines"}).first, IsEmpty());
  EXPECT_THAT(split({"A", "B", "api", "v3", "machines"}).first, ElementsAre("A", "B"));
  EXPECT_THAT(split({"A", "B", "api", "v3", "machines"}).second, ElementsAre("api", "v3", "machines"));
  EXPECT_THAT(split({"api", "api", "v3", "info"}).first, ElementsAre("api")) << "an endpoint of that name";
  EXPECT_THAT(split({"A", "api", "v3", "files", "api", "v3", "x"}).first, ElementsAre("A"));
  EXPECT_THAT(split({"A", "api/v3", "info"}).first, IsEmpty()) << "an encoded slash separates nothing";
  EXPECT_THAT(split({"favicon.ico"}).first, IsEmpty());
  EXPECT_THAT(split({"api"}).first, IsEmpty());
}

TEST(PathForOwner, NamesTheObjectThatWasFound) {
  const std::vector<std::string> path{"api", "v3", "machines", "Name:bob", "params", "a"};
  EXPECT_THAT(path_for_owner(path, 3, 1, "KEY"), ElementsAre("api", "v3", "machines", "KEY", "params", "a"));
  EXPECT_THAT(path_for_owner(path, 3, 1, std::nullopt), ElementsAreArray(path));
  EXPECT_THAT(path_for_owner(path, 3, 3, "a/b"), ElementsAre("api", "v3", "machines", "a/b"));
  EXPECT_THAT(path_for_owner(path, 0, 0, "KEY"), ElementsAreArray(path)) << "a route without an object";
}

/// Spellings of a path that a server may be sent: any part encoded, empty parts, the absolute form.
class Speller {
 public:
  explicit Speller(uint32_t seed) : dice_(seed) {}
  size_t below(size_t count) { return dice_() % count; }

  std::string spelled(const std::vector<std::string>& segments) {
    std::string out = below(4) == 0 ? "https://host:8092" : "";
    for (const std::string& segment : segments) (out += below(8) == 0 ? "//" : "/") += spelled(segment);
    return out + (below(8) == 0 ? "/" : "");
  }

 private:
  std::string spelled(const std::string& segment) {
    std::string out;
    for (const char c : segment) {
      if (below(3) != 0) {
        out += percent_encode({&c, 1});
        continue;
      }
      constexpr std::string_view kUpper = "0123456789ABCDEF", kLower = "0123456789abcdef";
      const std::string_view digits = below(2) == 0 ? kUpper : kLower;
      const auto byte = static_cast<unsigned char>(c);
      ((out += '%') += digits[byte >> 4]) += digits[byte & 15];
    }
    return out;
  }

  std::mt19937 dice_;
};

/// A path that fits a route, with hostile texts as arguments.
std::vector<std::string> path_of(const Route& route, Speller& dice) {
  static const std::vector<std::string> texts{
      "x",        "a b",   "a/b", "api",      "v3", "/api/v3/users/root/token", "%2e", "Name:bob", "params",
      "?token=1", "a&b=c", "#",   "\xC3\xA9", "..."};
  static const std::vector<std::string> prefixes{"machines", "profiles", "params", "users", "jobs"};
  std::vector<std::string> path;
  std::string_view rest = route.pattern;
  while (!rest.empty()) {
    rest.remove_prefix(1);
    const size_t end = std::min(rest.find('/'), rest.size());
    const std::string_view part = rest.substr(0, end);
    rest.remove_prefix(end);
    if (part.empty()) continue;
    if (part == "{prefix}") {
      path.push_back(prefixes[dice.below(prefixes.size())]);
    } else if (part.ends_with("...}")) {
      for (size_t more = dice.below(3) + 1; more > 0; --more) path.push_back(texts[dice.below(texts.size())]);
    } else {
      path.push_back(part.starts_with('{') ? texts[dice.below(texts.size())] : std::string(part));
    }
  }
  return path;
}

struct Seen {
  std::vector<std::string> owners;
  std::optional<RouteMatch> match;
  std::vector<std::string> path;
};

/// What a server makes of a target, as the dispatcher does.
Seen seen_by_server(std::string_view method, const std::string& target) {
  Seen seen;
  const std::vector<std::string> segments = segments_of(target);
  const OwnerPath parts = split_owner_path(segments);
  seen.owners.assign(parts.owners.begin(), parts.owners.end());
  seen.path.assign(parts.rest.begin(), parts.rest.end());
  seen.match = match_route(method, seen.path, find);
  return seen;
}

/// However a request is spelled, what is authorised at each hop is what arrives at the next, for every route
/// and method, over one to three hops.
TEST(Forwarding, WhatIsAuthorisedIsWhatArrives) {
  Speller dice(11);
  size_t compared = 0;
  for (const Route& route : route_table()) {
    if (!route.pattern.starts_with("/api/v3")) continue;
    const std::string method(route.methods.substr(0, route.methods.find(' ')));
    for (int round = 0; round < 40; ++round) {
      std::vector<std::string> owners;
      for (size_t hops = dice.below(3) + 1; hops > 0; --hops)
        owners.push_back(dice.below(2) ? "site a" : "B%2F");
      std::vector<std::string> wanted = owners;
      for (std::string& segment : path_of(route, dice)) wanted.push_back(std::move(segment));
      std::string target = dice.spelled(wanted);
      const Seen first = seen_by_server(method, target);
      ASSERT_EQ(first.owners, owners) << target;
      const std::vector<std::string>& path = first.path;
      for (size_t hop = 1; hop <= owners.size(); ++hop) {
        std::vector<std::string> next(owners.begin() + static_cast<ptrdiff_t>(hop), owners.end());
        next.insert(next.end(), path.begin(), path.end());
        target = net::encode_path(next);
        const Seen seen = seen_by_server(method, target);
        ASSERT_EQ(seen.path, path) << target;
        ASSERT_EQ(seen.owners.size(), owners.size() - hop) << target;
        ASSERT_EQ(seen.match.has_value(), first.match.has_value()) << target;
        if (!first.match) continue;
        ++compared;
        EXPECT_EQ(seen.match->route, first.match->route) << target;
        EXPECT_EQ(seen.match->type, first.match->type) << target;
        for (const char* name : {"id", "rest", "prefix", "command", "what"})
          EXPECT_EQ(seen.match->arguments.get(name), first.match->arguments.get(name)) << target;
      }
    }
  }
  EXPECT_GT(compared, 4000U);
}

/// With the key of the object that was found in place of its name, the owner finds the same route.
TEST(Forwarding, AKeyInPlaceOfANameChangesNoRoute) {
  for (const std::string key : {"KEY", "a/b", "a/params/b", "/x", "x/actions/y", "Name:bob", "manager"}) {
    for (const Route& route : route_table()) {
      if (!route.object || route.remote == Remote::kLocal) continue;
      Speller dice(3);
      const std::string method(route.methods.substr(0, route.methods.find(' ')));
      const std::vector<std::string> path = path_of(route, dice);
      const std::optional<RouteMatch> here = match_route(method, path, find);
      if (!here || !here->route->object) continue;
      const std::vector<std::string> sent = path_for_owner(path, here->id_at, here->id_count, key);
      const std::optional<RouteMatch> there = match_route(method, segments_of(net::encode_path(sent)), find);
      ASSERT_TRUE(there) << net::encode_path(sent);
      if (key == "manager" && !there->route->object) continue;  // routes of the pseudo plugin
      EXPECT_EQ(there->route, here->route) << net::encode_path(sent);
      EXPECT_EQ(there->arguments.get(here->arguments.has("id") ? "id" : "rest"), key);
    }
  }
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
