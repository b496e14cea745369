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
         route.handler == handlers::patch_object || route.handler == handlers::remove_object;
}

}  // namespace

env::Task<Result<net::Response>> with_owner(const Call& call, std::string owner,
                                            Result<net::Response> answer) {
  const bool shown = answer && answer->status >= 200 && answer->status < 300 &&
                     call.type->traits.has_endpoint && shows_object(*call.route) &&
                     call.request.method != "HEAD";
  auto* body = shown ? std::get_if<net::BodySourcePtr>(&answer->body) : nullptr;
  if (body == nullptr || *body == nullptr) co_return answer;
  Result<std::string_view> piece = co_await (*body)->next();
  if (!piece) co_return piece.error();
  std::string first(*piece);
  std::optional<uint64_t> size = (*body)->size();
  if (first.starts_with(kOwnerless)) {
    const std::string named = R"({"Endpoint":)" + json::serialize(json::string_view(owner));
    first.replace(0, kOwnerless.size(), named);
    if (size) *size += named.size() - kOwnerless.size();
    answer->headers.remove("Content-Length");
  }
  answer->body = std::make_unique<JoinedBody>(std::move(first), std::move(*body), size);
  co_return answer;
}

}  // namespace mullion::api
