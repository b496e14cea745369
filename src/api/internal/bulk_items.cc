// What became of each object of a bulk.
#include <fmt/format.h>

#include "api/internal/answers.h"
#include "api/internal/bulk_requests.h"
#include "api/internal/handlers.h"

namespace mullion::api {
namespace {

constexpr uint64_t kItemsOfPage = 100;

/// "0 or more" of the query, or absent.
Result<uint64_t> number_of(const Call& call, std::string_view name, uint64_t otherwise) {
  const auto text = call.request.query_value(name);
  if (!text) return otherwise;
  const bool digits =
      !text->empty() && text->size() <= 9 && text->find_first_not_of("0123456789") == std::string_view::npos;
  if (digits) return std::strtoull(std::string(*text).c_str(), nullptr, 10);
  return object_error(call, ErrorCode::kNotAcceptable,
                      {fmt::format("{}: not a number: {:.100}", name, *text)});
}

}  // namespace

namespace handlers {

env::Task<Result<net::Response>> list_bulk_items(Call& call) {
  if (call.services.bulks == nullptr) co_return no_bulks(call);
  bulk::Bulks::Page page;
  const Result<uint64_t> offset = number_of(call, "offset", 0);
  if (!offset) co_return offset.error();
  const Result<uint64_t> limit = number_of(call, "limit", kItemsOfPage);
  if (!limit) co_return limit.error();
  page.offset = *offset;
  page.limit = *limit;
  if (const auto word = call.request.query_value("Outcome")) {
    page.outcome = bulk::outcome_of_name(*word);
    if (!page.outcome)
      co_return object_error(call, ErrorCode::kNotAcceptable,
                             {fmt::format("Outcome: unknown: {:.100}", *word)});
  }
  Result<std::string> answer = co_await call.services.bulks->items(call.target.key, page, call.principal);
  if (!answer) co_return answer.error();
  co_return json_response(200, std::move(*answer));
}

}  // namespace handlers
}  // namespace mullion::api
