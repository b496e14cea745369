#include "net/held_bodies.h"

#include <fmt/format.h>

#include <algorithm>

namespace mullion::net {
namespace {

/// Of one request: what most have, and what many thousands may hold at the same time.
constexpr size_t kUncounted = size_t{16} << 10;
/// What is counted grows by so much with its body, and by as much as there is before.
constexpr size_t kStep = size_t{4} << 20;
constexpr size_t kUncountedAnswer = size_t{64} << 10;

Error no_room(const env::MemoryBudget& budget) {
  return Error(ErrorCode::kUnavailable,
               fmt::format("Too many large {} at the same time; try again", budget.statistics().name));
}

class CountedBody final : public BodySource {
 public:
  CountedBody(BodySourcePtr body, env::MemoryBudget::Share share)
      : share_(std::move(share)), body_(std::move(body)) {}
  env::Task<Result<std::string_view>> next() override { return body_->next(); }
  std::optional<uint64_t> size() const override { return body_->size(); }

 private:
  env::MemoryBudget::Share share_;
  BodySourcePtr body_;
};

}  // namespace

env::Task<Result<std::string>> read_held(BodySource& source, uint64_t limit, env::MemoryBudget& budget,
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
      const size_t step = std::min<size_t>(room, kStep);
      std::optional<env::MemoryBudget::Share> share = budget.take(step, caller);
      if (!share) co_return no_room(budget);
      held.push_back(std::move(*share));
      room += step;
    }
    text.append(*piece);
  }
  co_return text;
}

Result<void> hold_answer(Response& response, env::MemoryBudget& budget, const std::string& caller) {
  std::string* const text = std::get_if<std::string>(&response.body);
  if (text == nullptr || text->size() <= kUncountedAnswer) return {};
  std::optional<env::MemoryBudget::Share> share = budget.take(text->size(), caller);
  if (!share) return no_room(budget);
  response.body = std::make_unique<CountedBody>(body_from_string(std::move(*text)), std::move(*share));
  return {};
}

}  // namespace mullion::net
