#include <gmock/gmock.h>

#include "client/client_testing.h"
#include "client/login.h"
#include "client/routes.h"
#include "env/launch.h"

namespace mullion::client {
namespace {

using ::testing::ElementsAre;

struct TargetCase {
  Request request;
  std::string_view method, target;
};

TEST(Requests, HaveTheMethodAndThePathOfTheirRoute) {
  const TargetCase cases[] = {
      {get_info(), "GET", "/api/v3/info"},
      {get_users_token("a b"), "GET", "/api/v3/users/a%20b/token"},
      {post_object_actions("machines", "m/1", "a:b"), "POST", "/api/v3/machines/m%2F1/actions/a%3Ab"},
      {put_object("params", "a/b c"), "PUT", "/api/v3/params/a/b%20c"},
      {patch_object_params("machines", "m"), "PATCH", "/api/v3/machines/m/params"},
      {get_object_params("machines", "m", "a/b"), "GET", "/api/v3/machines/m/params/a/b"},
      {delete_files("//x/../y"), "DELETE", "/api/v3/files/x/../y"},
      {head_collection("machines"), "HEAD", "/api/v3/machines"},
      {post_system_consensus_fail_over_safe(), "POST", "/api/v3/system/consensus/failOverSafe"},
      {get_files("?#%"), "GET", "/api/v3/files/%3F%23%25"},
  };
  for (const TargetCase& each : cases) {
    EXPECT_EQ(each.request.method(), each.method);
    EXPECT_EQ(each.request.target(), each.target);
  }
}

TEST(Requests, TakeWordsOfTheQueryAndAManagerInBetween) {
  const Request list = get_collection("machines");
  EXPECT_EQ(list.with("Name", "Eq(a&b)").with("limit", "").target(),
            "/api/v3/machines?Name=Eq%28a%26b%29&limit=");
  EXPECT_EQ(list.with({{"a", "1"}, {"b", "2"}}).with_encoded("c=%20").target(),
            "/api/v3/machines?a=1&b=2&c=%20");
  EXPECT_EQ(list.with_encoded("").target(), list.target());
  EXPECT_EQ(list.with("a", "1").through("site/x").target(), "/site%2Fx/api/v3/machines?a=1");
  EXPECT_EQ(list.with("a", "1").through("site").shown(), "machines?a=1");
  EXPECT_EQ(list.target(), "/api/v3/machines") << "with() leaves it as it is";
}

TEST(Requests, OfFilesAndIsosByTheirPath) {
  EXPECT_EQ(blob_request(head_files, head_isos, "isos/a/b").target(), "/api/v3/isos/a/b");
  EXPECT_EQ(blob_request(post_files, post_isos, "files/isos/a").target(), "/api/v3/files/isos/a");
  EXPECT_EQ(blob_request(get_files, get_isos, "files").target(), "/api/v3/files/");
}

TEST(Logins, AreWordsOfAHeader) {
  EXPECT_EQ(bearer("t"), "Bearer t");
  EXPECT_EQ(basic("user", "p:w"), "Basic dXNlcjpwOnc=");
}

TEST(Asking, SendsWhatIsAskedForAndTakesRefusalsForErrors) {
  ScriptedApi api;
  api.answers["GET /api/v3/info"] = {200, {}, "{}"};
  api.answers["POST /api/v3/contents/x?force=true"] = {409, {}, R"({"Messages":["there","is one"]})"};
  env::Runtime runtime(1);
  EXPECT_EQ(env::run(runtime, [&] { return ask(api, get_info()); })->body, "{}");
  const Request put = put_contents("x y");
  const Result<Answer> refused = env::run(runtime, [&] {
    return ask(api, put, boost::json::object{{"a", 1}});
  });
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().messages.front(), "PUT contents/x y: 404 not in the script");
  EXPECT_EQ(refused.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(api.sent(), ElementsAre("GET /api/v3/info", R"(PUT /api/v3/contents/x%20y {"a":1})"));
}

TEST(Asking, SeesWhatIsAbsent) {
  ScriptedApi api;
  api.answers["GET /api/v3/params/a"] = {200, {}, R"({"Name":"a"})"};
  api.answers["GET /api/v3/params/b"] = {200, {}, "no JSON"};
  api.answers["GET /api/v3/params/c"] = {403, {}, R"({"Messages":["no"]})"};
  api.broken = Error(ErrorCode::kUnreachable, "cut");
  env::Runtime runtime(1);
  EXPECT_TRUE((*env::run(runtime, [&] { return look_up(api, get_object("params", "a")); })).has_value());
  EXPECT_EQ(env::run(runtime, [&] { return look_up(api, get_object("params", "b")); }).error().code,
            ErrorCode::kInternal);
  const Error refused = env::run(runtime, [&] { return look_up(api, get_object("params", "c")); }).error();
  EXPECT_EQ(refused.code, ErrorCode::kForbidden);
  EXPECT_FALSE(is_broken(refused));
  EXPECT_FALSE((*env::run(runtime, [&] { return look_up(api, get_object("params", "d")); })).has_value());
  api.is_cut = true;
  EXPECT_TRUE(is_broken(env::run(runtime, [&] { return look_up(api, get_object("params", "a")); }).error()));
}

struct RefusalCase {
  int status;
  ErrorCode code;
};

TEST(Refusals, KeepTheirStatusAndGetACodeByIt) {
  constexpr RefusalCase kCases[] = {
      {400, ErrorCode::kBadRequest},
      {401, ErrorCode::kUnauthorized},
      {404, ErrorCode::kNotFound},
      {409, ErrorCode::kConflict},
      {422, ErrorCode::kInvalid},
      {429, ErrorCode::kTooManyRequests},
      {500, ErrorCode::kInternal},
      {502, ErrorCode::kUnavailable},
      {503, ErrorCode::kUnavailable},
      {504, ErrorCode::kUnavailable},
      {507, ErrorCode::kInsufficientStorage},
      {418, ErrorCode::kInternal},
  };
  for (const RefusalCase& each : kCases) {
    const Error error = refusal_of(get_info().with("a", "b"), {each.status, {}, "words of a proxy"});
    EXPECT_EQ(error.code, each.code) << each.status;
    EXPECT_EQ(error.status_override, each.status);
    EXPECT_EQ(error.messages.front(), fmt::format("GET info: {} ", each.status));
  }
}

TEST(Patience, GrowsWithTheBytesThatAreWorkedThrough) {
  EXPECT_EQ(patience_for(0), std::chrono::seconds(60));
  EXPECT_EQ(patience_for(uint64_t{200} << 20), std::chrono::seconds(70));
}

}  // namespace
}  // namespace mullion::client
