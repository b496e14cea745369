#include "api/internal/forwarded_answer.h"

#include <boost/json/serialize.hpp>
#include <utility>

#include "api/internal/handlers.h"
#include "api/internal/heavy.h"
#include "api/internal/info.h"
#include "api/internal/objects.h"
#include "api/internal/secret_blanker.h"
#include "manager/forward.h"
#include "manager/unreachable.h"
#include "mirror/shown_answer.h"
#include "objects/shown_secrets.h"

namespace mullion::api {
namespace {

/// How an object without an owner begins: members of bodies have one order.
constexpr std::string_view kOwnerless = R"({"Endpoint":"")";

/// A text and the rest of a body behind it.
class JoinedBody final : public net::BodySource {
 public:
  JoinedBody(std::string first, net::BodySourcePtr rest, std::optional<uint64_t> size)
      : first_(std::move(first)), rest_(std::move(rest)), size_(size) {}
  env::Task<Result<std::string_view>> next() override {
    if (std::exchange(begun_, true) || first_.empty()) co_return co_await rest_->next();
    co_return std::string_view(first_);
  }
  std::optional<uint64_t> size() const override { return size_; }

 private:
  std::string first_;
  net::BodySourcePtr rest_;
  std::optional<uint64_t> size_;
  bool begun_ = false;
};

/// A body without the secret of its objects.
class BlankedBody final : public net::BodySource {
 public:
  BlankedBody(net::BodySourcePtr body, std::string_view member) : body_(std::move(body)), blanker_(member) {}
  env::Task<Result<std::string_view>> next() override {
    do {
      Result<std::string_view> piece = co_await body_->next();
      if (!piece || piece->empty()) co_return piece;
      text_ = blanker_.pass(*piece);
    } while (text_.empty());  // an empty piece is the end
    co_return std::string_view(text_);
  }
  std::optional<uint64_t> size() const override { return std::nullopt; }

 private:
  net::BodySourcePtr body_;
  SecretBlanker blanker_;
  std::string text_;
};

bool shows_object(const Route& route) {
  return route.handler == handlers::show_object || route.handler == handlers::replace_object ||
         route.handler == handlers::patch_object || route.handler == handlers::remove_object ||
         route.handler == handlers::create_object || route.handler == handlers::start_machine ||
         route.handler == handlers::allocate_address || route.handler == handlers::release_address;
}

bool is_success(const Call& call, const Result<net::Response>& answer) {
  return answer && answer->status >= 200 && answer->status < 300 && call.request.method != "HEAD" &&
         call.route != nullptr && call.type != nullptr;
}

/// The owner has answered, and its answer is not known here: a write is done, and whoever asked for it must
/// hear that.
Error answer_lost(const Call& call, const std::string& owner, std::string_view why) {
  const bool done = manager::is_write(call.request.method);
  Error error(ErrorCode::kUnavailable, fmt::format("the answer of endpoint {} is lost: {}{}", owner, why,
                                                   done ? "; it was carried out" : ""));
  error.model = "endpoints";
  error.key = owner;
  error.unreachable = manager::unreachable_text({owner, "", std::nullopt, done});
  return error;
}

/// Whether an answer was packed although it was asked for as it is: what stands in it is not seen here.
bool is_packed(const net::Response& answer) {
  return answer.headers.get("Content-Encoding").value_or("identity") != "identity";
}

env::Task<Result<std::string>> whole_text(Call& call, net::Response& answer) {
  constexpr size_t kLongest = size_t{64} << 20;
  co_return co_await read_held_answer(call.services, answer, kLongest, caller_of(call).name, call.held);
}

/// What a server of another make answers, without secrets and with its owner. Text that cannot be read does
/// not reach the client: nobody knows what stands in it.
env::Task<Result<net::Response>> made_presentable(Call& call, std::string owner,
                                                  Result<net::Response> answer) {
  const Result<std::string> text = co_await whole_text(call, *answer);
  if (!text) co_return answer_lost(call, owner, text.error().text());
  if (text->empty()) co_return answer;
  Result<std::string> shown = mirror::shown_answer(call.type->prefix, call.type, owner, *text);
  if (!shown) co_return answer_lost(call, owner, "it shows no object");
  answer->headers.remove("Content-Length");
  answer->body = std::move(*shown);
  co_return answer;
}

/// A server of ours shows no secret on somebody's behalf, since it knows on whose; earlier versions did not
/// ask. So it is taken out here, whatever the owner is.
void blank_secret(const Call& call, net::Response& answer) {
  const std::string_view member = objects::shown_secret_field(*call.type);
  if (member.empty()) return;
  answer.headers.remove("Content-Length");
  if (auto* text = std::get_if<std::string>(&answer.body)) {
    *text = SecretBlanker(member).pass(*text);
    return;
  }
  net::BodySourcePtr& body = std::get<net::BodySourcePtr>(answer.body);
  if (body != nullptr) body = std::make_unique<BlankedBody>(std::move(body), member);
}

/// The owner counts for the account of this server. Who is told less counts what is known here of the owner.
env::Task<Result<net::Response>> with_visible_counts(Call& call, std::string owner,
                                                     Result<net::Response> answer) {
  const Result<std::string> text = co_await whole_text(call, *answer);
  if (!text) co_return answer_lost(call, owner, text.error().text());
  Result<json::object> info = parse_stored(*text);
  if (!info) co_return answer_lost(call, owner, "it shows no info");
  (*info)["stats"] = statistics(call.services, call.principal, owner);
  answer->headers.remove("Content-Length");
  answer->body = json::serialize(*info);
  co_return answer;
}

/// Whether a body begins as one without an owner does; then it has one afterwards.
bool name_owner(std::string& body, const std::string& owner) {
  if (!body.starts_with(kOwnerless)) return false;
  body.replace(0, kOwnerless.size(), R"({"Endpoint":)" + json::serialize(json::string_view(owner)));
  return true;
}

}  // namespace

env::Task<Result<net::Response>> with_owner(Call& call, std::string owner, Result<net::Response> answer) {
  if (!is_success(call, answer) || !shows_object(*call.route)) co_return answer;
  if (is_packed(*answer)) co_return answer_lost(call, owner, "it is packed");
  if (call.services.manager->is_foreign(owner))
    co_return co_await made_presentable(call, std::move(owner), std::move(answer));
  blank_secret(call, *answer);
  if (!call.type->traits.has_endpoint) co_return answer;
  if (auto* text = std::get_if<std::string>(&answer->body)) {
    if (name_owner(*text, owner)) answer->headers.remove("Content-Length");
    co_return answer;
  }
  net::BodySourcePtr& body = std::get<net::BodySourcePtr>(answer->body);
  if (body == nullptr) co_return answer;
  Result<std::string_view> piece = co_await body->next();
  if (!piece) co_return answer_lost(call, owner, piece.error().text());
  std::string first(*piece);
  const size_t before = first.size();
  std::optional<uint64_t> size = body->size();
  if (name_owner(first, owner)) {
    if (size) *size += first.size() - before;
    answer->headers.remove("Content-Length");
  }
  answer->body = std::make_unique<JoinedBody>(std::move(first), std::move(body), size);
  co_return answer;
}

env::Task<Result<net::Response>> shown_to_caller(Call& call, std::string owner,
                                                 Result<net::Response> answer) {
  const bool counts = call.route != nullptr && call.route->handler == handlers::show_info;
  if (counts && call.principal.tenant != nullptr && answer && answer->status == 200 &&
      call.request.method != "HEAD")
    co_return co_await with_visible_counts(call, std::move(owner), std::move(answer));
  const bool shows_objects = is_success(call, answer) &&
                             (shows_object(*call.route) || call.route->handler == handlers::list_objects);
  if (!shows_objects) co_return answer;
  if (is_packed(*answer)) co_return answer_lost(call, owner, "it is packed");
  if (call.services.manager->is_foreign(owner))
    co_return co_await made_presentable(call, std::move(owner), std::move(answer));
  blank_secret(call, *answer);
  co_return answer;
}

}  // namespace mullion::api
