#include "net/user_url.h"

#include <fmt/format.h>

#include <boost/url.hpp>

namespace mullion::net {
namespace {

constexpr size_t kLongestUrl = 16 * 1024;

Error bad_url(std::string_view why) { return Error(ErrorCode::kBadRequest, std::string(why)); }

/// Where the login of a URL begins and what follows its '@'; equal when there is none.
struct LoginPlace {
  size_t begin = 0, end = 0;
};
LoginPlace login_in(std::string_view url) {
  const size_t scheme = url.find("//");
  if (scheme == std::string_view::npos) return {};
  const size_t begin = scheme + 2;
  const std::string_view authority = url.substr(begin, url.find_first_of("/?#", begin) - begin);
  const size_t at = authority.rfind('@');
  return {begin, at == std::string_view::npos ? begin : begin + at + 1};
}

bool is_bare(const boost::urls::url_view& url) {
  return (url.encoded_path().empty() || url.encoded_path() == "/") && !url.has_query() && !url.has_fragment();
}

}  // namespace

bool holds_login(std::string_view url) {
  const LoginPlace login = login_in(url);
  return login.begin != login.end;
}

std::string without_login(std::string_view url) {
  const LoginPlace login = login_in(url);
  return std::string(url.substr(0, login.begin)).append(url.substr(login.end));
}

Result<UserUrl> parse_user_url(std::string_view url) {
  if (url.size() > kLongestUrl) return bad_url("the URL is too long");
  const auto parsed = boost::urls::parse_uri(boost::core::string_view(url.data(), url.size()));
  if (!parsed) return bad_url("this is no URL; expected http(s)://HOST");
  if (parsed->has_userinfo()) return bad_url("a URL must not hold a user or password");
  // As in RFC 3986, "HTTPS" is the same scheme.
  const bool tls = parsed->scheme_id() == boost::urls::scheme::https;
  if (!tls && parsed->scheme_id() != boost::urls::scheme::http)
    return bad_url("this is no http(s) URL; other schemes are not read");
  if (parsed->encoded_host().empty()) return bad_url("the host is missing; expected http(s)://HOST");
  UserUrl out;
  out.tls = tls;
  out.origin = fmt::format("{}://{}", tls ? "https" : "http", std::string(parsed->encoded_host_and_port()));
  out.host = parsed->encoded_host();
  out.port = parsed->has_port() ? std::string(parsed->port()) : std::string();
  out.target = parsed->encoded_path().empty() ? "/" : std::string(parsed->encoded_path());
  if (parsed->has_query()) out.target += "?" + std::string(parsed->encoded_query());
  out.bare = is_bare(*parsed);
  return out;
}

}  // namespace mullion::net
