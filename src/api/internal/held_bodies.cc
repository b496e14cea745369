#include "api/internal/held_bodies.h"

#include <fmt/format.h>

namespace mullion::api {
namespace {

constexpr size_t kUncounted = size_t{1} << 20;
/// By which a share grows with its body.
constexpr size_t kStep = size_t{4} << 20;

Error no_room(std::string_view what) {
  return Error(ErrorCode::kUnavailable, fmt::format("Too many large {} at the same time; try again", what));
}

class CountedBody final : public net::BodySource {
 public:
  CountedBody(net::BodySourcePtr body, MemoryBudget::Share share)
      : share_(std::move(share)), body_(std::move(body)) {}
  env::Task<Result<std::string_view>> next() override { return body_->next(); }
  std::optional<uint64_t> size() const override { return body_->size(); }

 private:
  MemoryBudget::Share share_;
  net::BodySourcePtr body_;
};

}  // namespace

env::Task<Result<std::string>> read_held(net::BodySource& source, uint64_t limit, MemoryBudget& budget,
                                         std::string caller, HeldShares& held) {
  const Error too_large(ErrorCode::kTooLarge, fmt::format("body is larger than {} bytes", limit));
  const std::optional<uint64_t> size = source.size();
  if (size && *size > limit) co_return too_large;
  std::string text;
  uint64_t room = kUncounted;
  while (true) {
    Result<std::string_view> piece = co_await source.next();
    if (!piece) co_return piece.error();
    if (piece->empty()) break;
    if (piece->size() > limit - text.size()) co_return too_large;
    while (text.size() + piece->size() > room) {
      std::optional<MemoryBudget::Share> share = budget.take(kStep, caller);
      if (!share) co_return no_room("requests are sent");
      held.push_back(std::move(*share));
      room += kStep;
    }
    text.append(*piece);
  }
  co_return text;
}

Result<void> hold_answer(net::Response& response, MemoryBudget& budget, const std::string& caller) {
  std::string* const text = std::get_if<std::string>(&response.body);
  if (text == nullptr || text->size() <= kUncounted) return {};
  std::optional<MemoryBudget::Share> share = budget.take(text->size(), caller);
  if (!share) return no_room("answers are taken");
  response.body = std::make_unique<CountedBody>(net::body_from_string(std::move(*text)), std::move(*share));
  return {};
}

}  // namespace mullion::api
