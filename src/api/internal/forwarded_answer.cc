#include "api/internal/forwarded_answer.h"

#include <boost/json/serialize.hpp>
#include <utility>

#include "api/internal/handlers.h"
#include "api/internal/objects.h"

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

bool shows_object(const Route& route) {
  return route.handler == handlers::show_object || route.handler == handlers::replace_object ||
         route.handler == handlers::patch_object || route.handler == handlers::remove_object ||
         route.handler == handlers::create_object || route.handler == handlers::start_machine;
}

/// Whether a body begins as one without an owner does; then it has one afterwards.
bool name_owner(std::string& body, const std::string& owner) {
  if (!body.starts_with(kOwnerless)) return false;
  body.replace(0, kOwnerless.size(), R"({"Endpoint":)" + json::serialize(json::string_view(owner)));
  return true;
}

}  // namespace

env::Task<Result<net::Response>> with_owner(const Call& call, std::string owner,
                                            Result<net::Response> answer) {
  const bool shown = answer && answer->status >= 200 && answer->status < 300 && call.route != nullptr &&
                     call.type != nullptr && call.type->traits.has_endpoint && shows_object(*call.route) &&
                     call.request.method != "HEAD";
  if (!shown) co_return answer;
  if (auto* text = std::get_if<std::string>(&answer->body)) {
    if (name_owner(*text, owner)) answer->headers.remove("Content-Length");
    co_return answer;
  }
  net::BodySourcePtr& body = std::get<net::BodySourcePtr>(answer->body);
  if (body == nullptr) co_return answer;
  Result<std::string_view> piece = co_await body->next();
  if (!piece) co_return piece.error();
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

}  // namespace mullion::api
