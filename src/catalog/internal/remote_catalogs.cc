#include "catalog/internal/remote_catalogs.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/error.hpp>
#include <boost/json.hpp>
#include <boost/system/system_error.hpp>

#include "base/digest.h"
#include "base/json.h"
#include "base/mutex.h"
#include "base/text.h"
#include "catalog/catalog_url.h"
#include "catalog/internal/log.h"
#include "env/unless.h"
#include "model/object.h"
#include "net/user_url.h"
#include "net/web.h"

namespace mullion::catalog {

namespace {

namespace json = boost::json;
constexpr uint64_t kLargestCatalog = uint64_t{128} << 20;
constexpr size_t kMaxItems = 100'000;
constexpr size_t kMaxPlaces = 32;
constexpr std::string_view kSelf = "self://";
constexpr env::Duration kLongestRead = std::chrono::minutes(2);
constexpr size_t kReaders = kMaxPlaces;  // one that is slow holds up no other

const json::value* member(const json::value& value, std::string_view name) {
  return value.is_object() ? value.get_object().if_contains(name) : nullptr;
}

Error no_catalog(std::string_view why) {
  return Error(ErrorCode::kInvalid, fmt::format("no catalog: {}", why));
}

/// A place as it may be shown: one that is no URL to read from may hold a login.
std::string_view shown_place(std::string_view place) {
  const bool fine = place.starts_with(kSelf) || net::parse_user_url(catalog_url(place).url).ok();
  return fine ? place : "(no http(s) URL)";
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
  const auto document = parse_json(text);
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
  const auto profile = parse_json(profile_body);
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

/// Places that wait for one of the readers.
struct RemoteCatalogs::Round {
  std::vector<std::string> places;  // all of them, from the beginning
  Mutex mutex;
  size_t next GUARDED_BY(mutex) = 0;
  std::atomic<size_t> reading{0};
  env::Signal done;
};

env::Path RemoteCatalogs::cache_file(const std::string& place) const {
  return cache_ / (hash128(place).hex() + ".json");
}

/// What an earlier process read is on the disk. Blocks.
void RemoteCatalogs::load(const std::string& place) {
  {
    Lock lock(mutex_);
    if (known_.contains(place)) return;
  }
  const auto text = env::read_file(cache_file(place));
  if (!text) return;
  auto read = read_catalog(*text);
  if (!read) return;
  Known entry;
  entry.items = std::make_shared<const std::vector<Item>>(std::move(read->items));
  Lock lock(mutex_);
  known_.try_emplace(place, std::move(entry));  // what was read meanwhile is newer
}

std::vector<Item> RemoteCatalogs::items(const std::vector<std::string>& places) {
  std::vector<ItemList> lists;
  for (const std::string& place : places) {
    load(place);
    Lock lock(mutex_);
    const auto found = known_.find(place);
    if (found != known_.end() && found->second.items) lists.push_back(found->second.items);
  }
  std::vector<Item> out;
  for (const ItemList& list : lists) out.insert(out.end(), list->begin(), list->end());
  return out;
}

std::vector<std::string> RemoteCatalogs::unknown(const std::vector<std::string>& places) {
  std::vector<std::string> out;
  for (const std::string& place : places) {
    load(place);
    Lock lock(mutex_);
    if (!known_.contains(place)) out.push_back(place);
  }
  return out;
}

void RemoteCatalogs::keep_only(const std::vector<std::string>& places) {
  Lock lock(mutex_);
  std::erase_if(known_, [&places](const auto& entry) {
    return std::find(places.begin(), places.end(), entry.first) == places.end();
  });
}

std::vector<std::string> RemoteCatalogs::problems() const {
  Lock lock(mutex_);
  std::vector<std::string> out;
  for (const auto& [place, entry] : known_) {
    if (!entry.problem.empty()) out.push_back(fmt::format("{}: {}", shown_place(place), entry.problem));
  }
  return out;
}

void RemoteCatalogs::take_problem(const std::string& place, std::string problem) {
  bool fresh = false;
  {
    Lock lock(mutex_);
    Known& entry = known_[place];
    fresh = entry.problem != problem;
    entry.problem = problem;
  }
  if (fresh) kLog.warn("catalog cannot be read place={} reason={}", shown_place(place), problem);
}

/// Blocks.
void RemoteCatalogs::take(const std::string& place, const Result<Document>& document) {
  load(place);  // a failure must not hide what an earlier process read
  if (!document) return take_problem(place, document.error().messages.front());
  if (!document->text) {
    Lock lock(mutex_);
    known_[place].problem.clear();
    return;
  }
  auto read = read_catalog(*document->text);
  if (!read) return take_problem(place, read.error().messages.front());
  for (const std::string& warning : read->warnings) kLog.warn("catalog place={} {}", place, warning);
  Known fresh;
  fresh.etag = document->etag;
  fresh.items = std::make_shared<const std::vector<Item>>(std::move(read->items));
  {
    Lock lock(mutex_);
    std::swap(known_[place], fresh);  // the old items go when the lock is gone
  }
  if (place.starts_with(kSelf)) return;  // it is on the disk already
  Result<void> kept = env::make_directories(cache_, 0750);
  if (kept) kept = env::write_file_atomic(cache_file(place), *document->text, 0640);
  if (!kept) kLog.warn("catalog is not kept place={} reason={}", place, kept.error().text());
}

/// Blocks.
Result<RemoteCatalogs::Document> RemoteCatalogs::read_own(const files::Blobs::Info& info,
                                                          const std::string& etag) {
  if (info.size > kLargestCatalog) return Error(ErrorCode::kTooLarge, "larger than a catalog may be");
  if (info.sha256 == etag) return Document{std::nullopt, etag};
  auto text = env::read_file(info.file);
  if (!text) return text.error();
  return Document{std::move(*text), info.sha256};
}

env::Task<Result<RemoteCatalogs::Document>> RemoteCatalogs::read_place(std::string place, std::string etag) {
  if (place.starts_with(kSelf)) {
    std::string path = place.substr(kSelf.size());
    if (path.starts_with("files/")) path.erase(0, 6);
    const auto info = co_await files::stat_aside(dependencies_.blobs, "files", std::move(path));
    if (!info) co_return info.error();
    Result<Document> own = Document();
    co_await env::run_blocking([&] { own = read_own(*info, etag); });
    co_return own;
  }
  CatalogUrl source = catalog_url(place);
  net::UrlOptions options;
  options.trust = std::move(source.trust);
  options.total = kLongestRead;
  options.least_rate = dependencies_.pace.least;
  options.rate_window = dependencies_.pace.window;
  if (!etag.empty()) options.headers.set("If-None-Match", etag);
  Result<net::UrlAnswer> answer =
      co_await net::open_url(dependencies_.runtime, std::move(source.url), std::move(options));
  if (!answer) co_return answer.error();
  if (answer->status == 304 && !etag.empty()) co_return Document{std::nullopt, etag};
  if (answer->status != 200)
    co_return Error(ErrorCode::kUnreachable,
                    fmt::format("HTTP status {} brings no document", answer->status));
  Document document{std::nullopt, std::string(answer->headers.get("ETag").value_or(""))};
  Result<std::string> text = co_await net::read_all(*answer->body, kLargestCatalog);
  if (!text) co_return text.error();
  document.text = std::move(*text);
  co_return document;
}

std::vector<std::string> RemoteCatalogs::want(const std::function<std::vector<std::string>()>& current) {
  Lock in_order(want_mutex_);
  std::vector<std::string> places = current();
  {
    Lock lock(mutex_);
    wanted_ = {places.begin(), places.end()};
  }
  wanted_changed_.notify_all();
  return places;
}

bool RemoteCatalogs::is_wanted(const std::string& place) const {
  Lock lock(mutex_);
  return wanted_.contains(place);
}

env::Task<void> RemoteCatalogs::until_unwanted(std::string place) {
  while (true) {
    const uint64_t seen = wanted_changed_.version();
    if (!is_wanted(place)) co_return;
    co_await wanted_changed_.wait(seen, std::chrono::hours(1));
  }
}

env::Task<void> RemoteCatalogs::read_one(std::string place) {
  std::string etag;
  {
    Lock lock(mutex_);
    const auto found = known_.find(place);
    if (found != known_.end()) etag = found->second.etag;
  }
  Task<void> unwanted = until_unwanted(place);
  const auto read = co_await env::unless(read_place(place, std::move(etag)), std::move(unwanted));
  if (!read) co_return;
  const Result<Document>& document = *read;
  if (!document && document.error().code == ErrorCode::kCancelled) co_return;
  co_await env::run_blocking([&] { take(place, document); });
}

env::Task<void> RemoteCatalogs::read_some(std::shared_ptr<Round> round) {
  // However it ends: who waits for the round must not wait for ever.
  const std::shared_ptr<void> leave(nullptr, [round](void*) {
    if (--round->reading == 0) round->done.notify_all();
  });
  while (true) {
    std::string place;
    {
      Lock lock(round->mutex);
      if (round->next >= round->places.size()) co_return;
      place = round->places[round->next++];
    }
    try {
      co_await read_one(place);
    } catch (const boost::system::system_error& failure) {
      if (failure.code() == boost::asio::error::operation_aborted) throw;
      take_problem(place, failure.what());
    } catch (const std::exception& failure) {
      take_problem(place, failure.what());
    }
  }
}

env::Task<void> RemoteCatalogs::refresh(std::vector<std::string> places) {
  if (places.empty()) co_return;
  const auto round = std::make_shared<Round>();
  round->places = std::move(places);
  const size_t readers = std::min(kReaders, round->places.size());
  round->reading = readers;
  for (size_t i = 0; i < readers; ++i) readers_.spawn("read", [this, round] { return read_some(round); });
  while (true) {
    const uint64_t seen = round->done.version();
    if (round->reading == 0) co_return;
    co_await round->done.wait(seen, std::chrono::hours(1));  // the end is told apart by the next suspension
  }
}

env::Task<void> RemoteCatalogs::stop() { return readers_.async_stop(); }

}  // namespace mullion::catalog
