#include "manager/forward.h"

#include <algorithm>
#include <charconv>

#include "base/text.h"
#include "net/forwarding.h"

namespace mullion::manager {
namespace {

/// What this server sets itself, beside what is for one hop only.
constexpr std::string_view kOwnRequestHeaders[] = {
    "Host",
    "Authorization",
    "Content-Length",
    "Expect",
    "Cookie",
    "Accept-Encoding",
    "X-Request-Id",
    "X-Mullion-On-Behalf-Of",
    "X-Mullion-Lead",
    "Sec-WebSocket-Protocol",  // may log in here
};
/// Beside what is for one hop only: what an owner may not say in the name of this server, whose address the
/// browser sees and whose clock the client compares with its own. Nor does it tell browsers whom to report
/// this server's addresses to, where else to find it, or which pages elsewhere may read it.
constexpr std::string_view kOwnAnswerHeaders[] = {"X-Request-Id",
                                                  "Access-Control-Allow-Credentials",
                                                  "Access-Control-Allow-Origin",
                                                  "Alt-Svc",
                                                  "NEL",
                                                  "Refresh",
                                                  "Report-To",
                                                  "Reporting-Endpoints",
                                                  "Date",
                                                  "Set-Cookie",
                                                  "Clear-Site-Data",
                                                  "Content-Security-Policy",
                                                  "Service-Worker-Allowed",
                                                  "Strict-Transport-Security",
                                                  "X-Content-Type-Options"};

template <size_t Count>
net::Headers without(const net::Headers& headers, const std::string_view (&names)[Count]) {
  net::Headers out;
  const net::Headers forwardable = net::end_to_end(headers);
  for (const auto& [name, value] : forwardable.items()) {
    const bool ours =
        std::ranges::any_of(names, [&](std::string_view own) { return equal_ignoring_case(own, name); });
    if (!ours) out.add(name, value);
  }
  return out;
}

class BorrowedBody final : public net::BodySource {
 public:
  BorrowedBody(net::BodySource& body, std::optional<Error>& broken) : body_(body), broken_(broken) {}
  env::Task<Result<std::string_view>> next() override {
    Result<std::string_view> piece = co_await body_.next();
    if (!piece) broken_ = piece.error();
    co_return piece;
  }
  std::optional<uint64_t> size() const override { return body_.size(); }

 private:
  net::BodySource& body_;
  std::optional<Error>& broken_;
};

class OwnedBody final : public net::BodySource {
 public:
  OwnedBody(std::shared_ptr<Link> link, net::BodySourcePtr body)
      : link_(std::move(link)), body_(std::move(body)) {}
  env::Task<Result<std::string_view>> next() override { return body_->next(); }
  std::optional<uint64_t> size() const override { return body_->size(); }

 private:
  std::shared_ptr<Link> link_;  // declared first: outlives the body
  net::BodySourcePtr body_;
};

/// What was read already, then the rest.
class ContinuedBody final : public net::BodySource {
 public:
  ContinuedBody(std::string begin, net::BodySourcePtr rest)
      : begin_(std::move(begin)), rest_(std::move(rest)) {}
  env::Task<Result<std::string_view>> next() override {
    if (!std::exchange(begun_, true)) co_return std::string_view(begin_);
    co_return co_await rest_->next();
  }

 private:
  const std::string begin_;
  const net::BodySourcePtr rest_;
  bool begun_ = false;
};

}  // namespace

std::string on_behalf_of(const auth::Principal& principal, std::string_view own_id) {
  constexpr std::string_view kCut = "...";
  std::string name =
      auth::claimed_name(principal.on_behalf_of.empty() ? principal.name : principal.on_behalf_of);
  const std::string hop = fmt::format("@{:.100}", own_id);
  const size_t room = auth::kLongestClaim - hop.size();
  if (name.size() > room) name = name.substr(0, room - kCut.size()).append(kCut);
  return name + hop;
}

net::Headers forwarded_headers(const net::Request& request, const std::string& authorization,
                               std::string on_behalf) {
  net::Headers out = without(request.headers, kOwnRequestHeaders);
  out.set("Authorization", authorization);
  // Answers are read on their way: for what they show, and for what they must not.
  out.set("Accept-Encoding", "identity");
  out.set("X-Mullion-On-Behalf-Of", std::move(on_behalf));
  out.set("X-Request-Id", request.id);
  return out;
}

net::Headers answered_headers(const net::Headers& headers) { return without(headers, kOwnAnswerHeaders); }

env::Task<Result<ForwardedBody>> forwarded_body(net::Request& request, uint64_t repeatable,
                                                std::optional<Error>& broken, std::string caller,
                                                net::HeldShares& held) {
  const auto length = request.headers.get("Content-Length");
  const bool has_body = request.headers.get("Transfer-Encoding") || (length && *length != "0");
  if (!has_body) co_return ForwardedBody(std::string());
  const std::optional<uint64_t> size = request.body->size();
  if (!size || *size > repeatable)
    co_return ForwardedBody(std::make_unique<BorrowedBody>(*request.body, broken));
  Result<std::string> text = co_await net::read_held(
      *request.body, repeatable, env::memory_for(env::Memory::kRequests), std::move(caller), held);
  if (!text) co_return text.error();
  co_return ForwardedBody(std::move(*text));
}

bool is_write(std::string_view method) { return method != "GET" && method != "HEAD" && method != "OPTIONS"; }

env::Task<Result<std::optional<std::string>>> short_body(net::BodySourcePtr& body, size_t limit) {
  std::string text;
  while (text.size() <= limit) {
    Result<std::string_view> piece = co_await body->next();
    if (!piece) co_return piece.error();
    if (piece->empty()) co_return std::optional(std::move(text));
    text += *piece;
  }
  body = std::make_unique<ContinuedBody>(std::move(text), std::move(body));
  co_return std::optional<std::string>();
}

net::BodySourcePtr owned_body(std::shared_ptr<Link> link, net::BodySourcePtr body) {
  return std::make_unique<OwnedBody>(std::move(link), std::move(body));
}

namespace {

bool read_number(std::string_view digits, int base, uint64_t& out) {
  const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), out, base);
  return failure == std::errc{} && end == digits.data() + digits.size();
}

}  // namespace

std::optional<LeadTerm> parse_lead_term(std::string_view text) {
  const size_t blank = text.find(' ');
  LeadTerm lead;
  if (blank == std::string_view::npos || !read_number(text.substr(0, blank), 16, lead.epoch) ||
      !read_number(text.substr(blank + 1), 10, lead.term)) {
    return std::nullopt;
  }
  return lead;
}

std::string lead_term_text(const LeadTerm& lead) { return fmt::format("{:x} {}", lead.epoch, lead.term); }

std::optional<CommitMark> parse_commit_mark(std::string_view text) {
  const size_t first = text.find(' ');
  const size_t second = first == std::string_view::npos ? first : text.find(' ', first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  CommitMark mark;
  mark.owner = text.substr(0, first);
  const bool fine = read_number(text.substr(first + 1, second - first - 1), 16, mark.cursor.epoch) &&
                    read_number(text.substr(second + 1), 10, mark.cursor.seq);
  if (!fine) return std::nullopt;
  return mark;
}

std::string commit_mark(const CommitMark& mark) {
  return fmt::format("{} {:x} {}", mark.owner, mark.cursor.epoch, mark.cursor.seq);
}

}  // namespace mullion::manager
