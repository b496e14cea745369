#include "catalog/internal/remote_catalogs.h"

#include <fmt/format.h>

#include <boost/json.hpp>

#include "base/digest.h"
#include "base/log.h"
#include "base/text.h"
#include "model/object.h"
#include "net/web.h"

namespace mullion::catalog {

namespace {

namespace json = boost::json;
constexpr Logger kLog("catalog");
constexpr uint64_t kLargestCatalog = uint64_t{128} << 20;
constexpr size_t kMaxItems = 100'000;
constexpr size_t kMaxPlaces = 32;
constexpr std::string_view kSelf = "self://";
constexpr std::string_view kUnchanged = "";

const json::value* member(const json::value& value, std::string_view name) {
  return value.is_object() ? value.get_object().if_contains(name) : nullptr;
}

Error no_catalog(std::string_view why) {
  return Error(ErrorCode::kInvalid, fmt::format("no catalog: {}", why));
}

void read_item(const json::value& value, ReadCatalog& out) {
  if (!value.is_object()) return;
  auto item = Item::parse(value.get_object());
  if (item) {
    out.items.push_back(std::move(*item));
  } else {
    out.warnings.push_back(item.error().messages.front());
  }
}

}  // namespace

Result<ReadCatalog> read_catalog(std::string_view text) {
  const auto document = model::parse_json(text);
  if (!document) return no_catalog(document.error().messages.front());
  const json::value* section = &*document;
  if (const json::value* sections = member(*document, "sections")) {
    section = member(*sections, "catalog_items");
  } else if (const json::value* bare = member(*document, "catalog_items")) {
    section = bare;
  }
  if (section == nullptr) return no_catalog("sections.catalog_items is missing");
  ReadCatalog out;
  if (section->is_object()) {
    if (section->get_object().size() > kMaxItems) return no_catalog("too many items");
    for (const auto& entry : section->get_object()) read_item(entry.value(), out);
  } else if (section->is_array()) {
    if (section->get_array().size() > kMaxItems) return no_catalog("too many items");
    for (const json::value& item : section->get_array()) read_item(item, out);
  } else {
    return no_catalog("catalog_items: expected a map of items");
  }
  return out;
}

std::vector<std::string> catalog_places(std::string_view profile_body) {
  const auto profile = model::parse_json(profile_body);
  if (!profile) return {};
  const json::value* params = member(*profile, "Params");
  const json::value* urls = params == nullptr ? nullptr : member(*params, "manager_catalog_urls");
  std::vector<std::string> out;
  if (urls == nullptr) return out;
  if (urls->is_string()) out = split_list(urls->get_string());
  if (urls->is_array()) {
    for (const json::value& url : urls->get_array()) {
      if (url.is_string()) out.emplace_back(url.get_string());
    }
  }
  if (out.size() > kMaxPlaces) out.resize(kMaxPlaces);
  return out;
}

CatalogUrl catalog_url(const std::string& place) {
  constexpr std::string_view kPin = "#sha256=";
  CatalogUrl out;
  const size_t pin = place.find(kPin);
  out.url = place.substr(0, pin);
  if (pin == std::string::npos) {
    out.trust.system_authorities = true;
  } else {
    out.trust.pinned_fingerprint = place.substr(pin + kPin.size());
  }
  return out;
}

env::Path RemoteCatalogs::cache_file(const std::string& place) const {
  return cache_ / (hash128(place).hex() + ".json");
}

/// Blocks at the first question for a place: what an earlier process read is on the disk.
const RemoteCatalogs::Known& RemoteCatalogs::known(const std::string& place) {
  const auto found = known_.find(place);
  if (found != known_.end()) return found->second;
  Known& entry = known_[place];
  const auto text = env::read_file(cache_file(place));
  if (!text) return entry;
  auto read = read_catalog(*text);
  if (read) entry.items = std::move(read->items);
  return entry;
}

std::vector<Item> RemoteCatalogs::items(const std::vector<std::string>& places) {
  std::lock_guard lock(mutex_);
  std::vector<Item> out;
  for (const std::string& place : places) {
    const Known& entry = known(place);
    out.insert(out.end(), entry.items.begin(), entry.items.end());
  }
  return out;
}

std::vector<std::string> RemoteCatalogs::problems() const {
  std::lock_guard lock(mutex_);
  std::vector<std::string> out;
  for (const auto& [place, entry] : known_) {
    if (!entry.problem.empty()) out.push_back(fmt::format("{}: {}", place, entry.problem));
  }
  return out;
}

/// Blocks.
void RemoteCatalogs::take(const std::string& place, const Result<std::string>& text,
                          const std::string& etag) {
  Result<ReadCatalog> read = ReadCatalog();
  const bool unchanged = text && *text == kUnchanged;
  if (text && !unchanged) read = read_catalog(*text);
  std::lock_guard lock(mutex_);
  (void)known(place);
  Known& entry = known_[place];
  const std::string before = std::exchange(entry.problem, "");
  if (!text) entry.problem = text.error().messages.front();
  if (text && !read) entry.problem = read.error().messages.front();
  if (!entry.problem.empty()) {
    if (entry.problem != before) kLog.warn("catalog cannot be read place={} reason={}", place, entry.problem);
    return;
  }
  if (unchanged) return;
  for (const std::string& warning : read->warnings) kLog.warn("catalog place={} {}", place, warning);
  entry.items = std::move(read->items);
  entry.etag = etag;
  if (place.starts_with(kSelf)) return;  // it is on the disk already
  Result<void> kept = env::make_directories(cache_, 0750);
  if (kept) kept = env::write_file_atomic(cache_file(place), *text, 0640);
  if (!kept) kLog.warn("catalog is not kept place={} reason={}", place, kept.error().text());
}

/// The text; "" when it is what `etag` stands for.
env::Task<Result<std::string>> RemoteCatalogs::read_place(std::string place, std::string& etag) {
  if (place.starts_with(kSelf)) {
    std::string path = place.substr(kSelf.size());
    if (path.starts_with("files/")) path.erase(0, 6);
    Result<std::string> text = std::string();
    co_await env::run_blocking([&] {
      auto info = blobs_.stat("files", path);
      if (!info) {
        text = info.error();
      } else if (info->size > kLargestCatalog) {
        text = Error(ErrorCode::kTooLarge, "larger than a catalog may be");
      } else if (info->sha256 == etag) {
        text = std::string(kUnchanged);
      } else {
        text = env::read_file(info->file);
        etag = info->sha256;
      }
    });
    co_return text;
  }
  CatalogUrl source = catalog_url(place);
  net::UrlOptions options;
  options.trust = std::move(source.trust);
  if (!etag.empty()) options.headers.set("If-None-Match", etag);
  Result<net::UrlAnswer> answer = co_await net::open_url(runtime_, std::move(source.url), std::move(options));
  if (!answer) co_return answer.error();
  if (answer->status == 304) co_return std::string(kUnchanged);
  etag = answer->headers.get("ETag").value_or("");
  co_return co_await net::read_all(*answer->body, kLargestCatalog);
}

env::Task<void> RemoteCatalogs::refresh(std::vector<std::string> places) {
  {
    std::lock_guard lock(mutex_);
    std::erase_if(known_, [&places](const auto& entry) {
      return std::find(places.begin(), places.end(), entry.first) == places.end();
    });
  }
  for (const std::string& place : places) {
    std::string etag;
    {
      std::lock_guard lock(mutex_);
      const auto found = known_.find(place);
      if (found != known_.end()) etag = found->second.etag;
    }
    Result<std::string> text = co_await read_place(place, etag);
    if (!text && text.error().code == ErrorCode::kCancelled) co_return;
    co_await env::run_blocking([&] { take(place, text, etag); });
  }
}

}  // namespace mullion::catalog
