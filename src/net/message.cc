// Headers, percent coding, query strings and bodies that live in memory.
#include <fmt/format.h>

#include "base/percent.h"
#include "base/text.h"
#include "net/http.h"

namespace mullion::net {
namespace {

constexpr size_t kPieceBytes = 256 * 1024;

std::string form_decode(std::string_view text) {
  std::string with_blanks(text);
  for (char& c : with_blanks) {
    if (c == '+') c = ' ';
  }
  return percent_decode(with_blanks);
}

class StringBody final : public BodySource {
 public:
  explicit StringBody(std::string text) : text_(std::move(text)) {}

  Task<Result<std::string_view>> next() override {
    const std::string_view piece = std::string_view(text_).substr(sent_, kPieceBytes);
    sent_ += piece.size();
    co_return piece;
  }
  std::optional<uint64_t> size() const override { return text_.size(); }

 private:
  std::string text_;
  size_t sent_ = 0;
};

}  // namespace

void Headers::set(std::string_view name, std::string value) {
  for (size_t i = 0; i < items_.size(); ++i) {
    if (!equal_ignoring_case(items_[i].first, name)) continue;
    items_[i].second = std::move(value);
    for (size_t later = items_.size() - 1; later > i; --later) {
      if (equal_ignoring_case(items_[later].first, name))
        items_.erase(items_.begin() + static_cast<ptrdiff_t>(later));
    }
    return;
  }
  items_.emplace_back(std::string(name), std::move(value));
}

void Headers::remove(std::string_view name) {
  std::erase_if(items_, [name](const auto& item) { return equal_ignoring_case(item.first, name); });
}

std::optional<std::string_view> Headers::get(std::string_view name) const {
  for (const auto& [key, value] : items_) {
    if (equal_ignoring_case(key, name)) return value;
  }
  return std::nullopt;
}

std::vector<std::string_view> Headers::get_all(std::string_view name) const {
  std::vector<std::string_view> values;
  for (const auto& [key, value] : items_) {
    if (equal_ignoring_case(key, name)) values.push_back(value);
  }
  return values;
}

std::optional<std::string_view> Request::query_value(std::string_view name) const {
  for (const auto& [key, value] : query) {
    if (key == name) return value;
  }
  return std::nullopt;
}

BodySourcePtr body_from_string(std::string text) { return std::make_unique<StringBody>(std::move(text)); }

Task<Result<std::string>> read_all(BodySource& source, uint64_t limit) {
  const Error too_large(ErrorCode::kTooLarge, fmt::format("body is larger than {} bytes", limit));
  const std::optional<uint64_t> size = source.size();
  if (size && *size > limit) co_return too_large;
  std::string text;
  while (true) {
    Result<std::string_view> piece = co_await source.next();
    if (!piece) co_return piece.error();
    if (piece->empty()) break;
    if (piece->size() > limit - text.size()) co_return too_large;
    text.append(*piece);
  }
  co_return text;
}

Task<Result<TextResponse>> fetch(Client& client, ClientRequest request, uint64_t limit) {
  if (!request.body_time) request.body_time = kLongestFetch;
  Result<ClientResponse> response = co_await client.send(std::move(request));
  if (!response) co_return response.error();
  TextResponse text;
  text.status = response->status;
  text.headers = std::move(response->headers);
  if (response->body) {
    Result<std::string> body = co_await read_all(*response->body, limit);
    if (!body) co_return body.error();
    text.body = std::move(body.value());
  }
  co_return text;
}

std::vector<std::pair<std::string, std::string>> parse_query_string(std::string_view text) {
  std::vector<std::pair<std::string, std::string>> pairs;
  while (!text.empty()) {
    const size_t end = std::min(text.find('&'), text.size());
    const std::string_view pair = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (pair.empty()) continue;
    const size_t equals = pair.find('=');
    const std::string_view name = pair.substr(0, equals);
    const std::string_view value = equals == std::string_view::npos ? "" : pair.substr(equals + 1);
    pairs.emplace_back(form_decode(name), form_decode(value));
  }
  return pairs;
}

}  // namespace mullion::net
