#include "manager/contact.h"

#include "base/json.h"
#include "client/api.h"
#include "client/login.h"
#include "client/routes.h"
#include "model/members.h"
#include "model/object.h"

namespace mullion::manager {
namespace {

namespace json = boost::json;

constexpr size_t kMaxAnswer = 16 << 20;
/// For everything that is said before a stream is opened, however slowly the other side speaks.
constexpr env::Duration kPatience = std::chrono::seconds(10);
constexpr std::string_view kTokenLifetime = "28800";  // seconds

Error not_an_endpoint(std::string_view why) {
  return Error(ErrorCode::kInvalid, fmt::format("it does not answer as a DRP endpoint: {}", why));
}

/// Whole, or not at all: a server that trickles is not waited for.
template <typename T>
env::Task<Result<T>> in_time(const env::Timers& timers, env::Task<Result<T>> conversation) {
  std::optional<Result<T>> done = co_await env::within(timers, kPatience, std::move(conversation));
  if (done) co_return std::move(*done);
  co_return Error(ErrorCode::kTimeout, "it did not answer completely in time");
}

env::Task<Result<json::object>> get_object(Link& link, client::Request asked, std::string authorization) {
  net::ClientRequest request = client::bare_request(asked);
  request.headers.add("Authorization", std::move(authorization));
  request.headers.add("Accept", "application/json");
  Result<net::ClientResponse> answer = co_await link.request(std::move(request));
  if (!answer) co_return answer.error();
  Result<std::string> body = std::string();
  if (answer->body) body = co_await net::read_all(*answer->body, kMaxAnswer);
  if (!body) co_return body.error();
  if (answer->status == 401 || answer->status == 403)
    co_return Error(ErrorCode::kForbidden, "login refused: wrong user name or password, or too few rights");
  if (answer->status == 429)
    co_return Error(ErrorCode::kTooManyRequests, "login refused: slowed down after wrong ones; later again");
  if (answer->status != 200) co_return not_an_endpoint(fmt::format("status {}", answer->status));
  Result<json::value> parsed = parse_json(*body);
  if (!parsed || !parsed->is_object()) co_return not_an_endpoint("the answer is not a JSON object");
  co_return std::move(parsed->get_object());
}

bool has_feature(const json::object& info, std::string_view feature) {
  const json::value* features = info.if_contains("features");
  if (features == nullptr || !features->is_array()) return false;
  for (const json::value& item : features->get_array()) {
    if (item.is_string() && std::string_view(item.get_string()) == feature) return true;
  }
  return false;
}

env::Task<Result<std::string>> log_in(Link& link, std::string username, std::string password) {
  client::Request request = client::get_users_token(username).with("ttl", kTokenLifetime);
  Result<json::object> answer =
      co_await get_object(link, std::move(request), client::basic(username, password));
  if (!answer) co_return answer.error();
  std::string token = model::text_member(*answer, "Token");
  if (token.empty()) co_return not_an_endpoint("it gave no token");
  co_return token;
}

env::Task<Result<Contact>> introduce(std::shared_ptr<Link> link, const Connection& connection) {
  Contact out;
  out.link = std::move(link);
  Result<std::string> token = co_await log_in(*out.link, connection.username, connection.password);
  if (!token) co_return token.error();
  out.token = std::move(*token);
  Result<json::object> info = co_await get_object(*out.link, client::get_info(), client::bearer(out.token));
  if (!info) co_return info.error();
  out.info = std::move(*info);
  out.id = model::text_member(out.info, "ha_id");
  if (out.id.empty()) out.id = model::text_member(out.info, "id");
  if (out.id.empty()) co_return not_an_endpoint("its info has no id");
  out.version = model::text_member(out.info, "version");
  out.streams = has_feature(out.info, "replication-stream");
  co_return out;
}

}  // namespace

env::Task<Result<std::string>> fetch_token(Link& link, std::string username, std::string password,
                                           const env::Timers& timers) {
  return in_time(timers, log_in(link, std::move(username), std::move(password)));
}

env::Task<Result<json::object>> ask_info(Link& link, std::string authorization, const env::Timers& timers) {
  return in_time(timers, get_object(link, client::get_info(), std::move(authorization)));
}

env::Task<Result<Contact>> make_contact(const Dial& dial, const Connection& connection,
                                        const env::Timers& timers) {
  Result<std::shared_ptr<Link>> link = dial(connection);
  if (!link) co_return link.error();
  co_return co_await in_time(timers, introduce(std::move(*link), connection));
}

}  // namespace mullion::manager
