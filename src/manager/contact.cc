#include "manager/contact.h"

#include <sodium.h>

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "model/members.h"
#include "model/object.h"

namespace mullion::manager {
namespace {

namespace json = boost::json;

constexpr size_t kMaxAnswer = 16 << 20;
/// For everything that is said before a stream is opened, however slowly the other side speaks.
constexpr env::Duration kPatience = std::chrono::seconds(10);
constexpr std::string_view kTokenLifetime = "28800";  // seconds

std::string basic_authorization(const std::string& user, const std::string& password) {
  const std::string clear = user + ":" + password;
  std::string encoded(sodium_base64_ENCODED_LEN(clear.size(), sodium_base64_VARIANT_ORIGINAL), '\0');
  sodium_bin2base64(encoded.data(), encoded.size(), reinterpret_cast<const unsigned char*>(clear.data()),
                    clear.size(), sodium_base64_VARIANT_ORIGINAL);
  encoded.pop_back();  // the NUL
  return "Basic " + encoded;
}

Error not_an_endpoint(std::string_view why) {
  return Error(ErrorCode::kInvalid, fmt::format("it does not answer as a DRP endpoint: {}", why));
}

/// The whole answer before `deadline`: a server that trickles is not waited for.
env::Task<Result<net::TextResponse>> fetch_before(net::Client& client, net::ClientRequest request,
                                                  env::SteadyTime deadline) {
  using boost::asio::experimental::awaitable_operators::operator||;
  const env::Duration left = deadline - env::system_clock().steady();
  boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor, left);
  auto first = co_await (net::fetch(client, std::move(request), kMaxAnswer) ||
                         timer.async_wait(boost::asio::use_awaitable));
  if (first.index() == 0) co_return std::move(std::get<0>(first));
  co_return Error(ErrorCode::kTimeout, "it did not answer completely in time");
}

env::Task<Result<json::object>> get_object(net::Client& client, std::string target, std::string authorization,
                                           env::SteadyTime deadline) {
  net::ClientRequest request;
  request.target = std::move(target);
  request.headers.add("Authorization", std::move(authorization));
  request.headers.add("Accept", "application/json");
  Result<net::TextResponse> answer = co_await fetch_before(client, std::move(request), deadline);
  if (!answer) co_return answer.error();
  if (answer->status == 401 || answer->status == 403)
    co_return Error(ErrorCode::kForbidden, "login refused: wrong user name or password, or too few rights");
  if (answer->status == 429)
    co_return Error(ErrorCode::kTooManyRequests, "login refused: slowed down after wrong ones; later again");
  if (answer->status != 200) co_return not_an_endpoint(fmt::format("status {}", answer->status));
  Result<json::value> parsed = model::parse_json(answer->body);
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

env::Task<Result<std::string>> token_before(net::Client& client, std::string username, std::string password,
                                            env::SteadyTime deadline) {
  std::string target =
      fmt::format("/api/v3/users/{}/token?ttl={}", net::percent_encode(username), kTokenLifetime);
  Result<json::object> answer =
      co_await get_object(client, std::move(target), basic_authorization(username, password), deadline);
  if (!answer) co_return answer.error();
  std::string token = model::text_member(*answer, "Token");
  if (token.empty()) co_return not_an_endpoint("it gave no token");
  co_return token;
}

Result<std::unique_ptr<net::Client>> client_of(env::Runtime& runtime, const Connection& connection) {
  net::ClientOptions options;
  options.base_url = connection.url;
  options.trust.pinned_fingerprint = connection.authorities.empty() ? connection.fingerprint : "";
  options.trust.ca_file = connection.authorities.string();
  Result<std::unique_ptr<net::Client>> client = net::make_client(runtime, std::move(options));
  // The same words whatever is wrong with the file: whoever edits an Endpoint need not learn what is there.
  if (!client && !connection.authorities.empty()) {
    return Error(ErrorCode::kInvalid,
                 fmt::format("{}: the folder of authorities has no such PEM file", kAuthorities));
  }
  return client;
}

}  // namespace

env::Task<Result<std::string>> fetch_token(net::Client& client, std::string username, std::string password) {
  return token_before(client, std::move(username), std::move(password),
                      env::system_clock().steady() + kPatience);
}

env::Task<Result<Contact>> make_contact(env::Runtime& runtime, const Connection& connection) {
  const env::SteadyTime deadline = env::system_clock().steady() + kPatience;
  Result<std::unique_ptr<net::Client>> client = client_of(runtime, connection);
  if (!client) co_return client.error();
  Contact out;
  out.client = std::move(*client);
  Result<std::string> token =
      co_await token_before(*out.client, connection.username, connection.password, deadline);
  if (!token) co_return token.error();
  out.token = std::move(*token);
  Result<json::object> info =
      co_await get_object(*out.client, "/api/v3/info", "Bearer " + out.token, deadline);
  if (!info) co_return info.error();
  out.info = std::move(*info);
  out.id = model::text_member(out.info, "ha_id");
  if (out.id.empty()) out.id = model::text_member(out.info, "id");
  if (out.id.empty()) co_return not_an_endpoint("its info has no id");
  out.version = model::text_member(out.info, "version");
  out.streams = has_feature(out.info, "replication-stream");
  co_return out;
}

}  // namespace mullion::manager
