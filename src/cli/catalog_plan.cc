#include "cli/catalog_plan.h"

#include <algorithm>
#include <boost/json.hpp>
#include <charconv>
#include <set>

#include "base/text.h"
#include "cli/document.h"

namespace mullion::cli {
namespace {

constexpr std::string_view kTree = "/rebar-catalog/";
constexpr std::string_view kEverywhere = "any/any";
constexpr std::string_view kAbsent = "NOTFOUND";

std::string checksum(const json::value& item) {
  const json::value* sums = member(item, "Shasum256");
  return sums == nullptr ? std::string() : pretty_json(*sums);
}

bool is_wanted(const json::value& item, const CatalogFilter& filter) {
  const json::value* tip = member(item, "Tip");
  const bool is_tip = tip != nullptr && tip->is_bool() && tip->get_bool();
  if (is_tip && !filter.tip) return false;
  if (filter.version.empty() || (is_tip && filter.tip)) return true;
  return text_member(item, "Version") == filter.version ||
         text_member(item, "ActualVersion") == filter.version;
}

bool is_current(const std::string& id, const json::value& item, const json::object& local) {
  const json::value* have = local.if_contains(id);
  return have != nullptr && text_member(*have, "ActualVersion") == text_member(item, "ActualVersion") &&
         checksum(*have) == checksum(item);
}

/// "files/"-relative place of a URL; "" when it is not of a catalog.
std::string place_of(const std::string& url) {
  const size_t tree = url.find(kTree);
  if (tree == std::string::npos) return {};
  std::string path = url.substr(tree + 1);
  path.resize(std::min(path.size(), path.find('?')));
  return path.find("/../") == std::string::npos ? path : std::string();
}

/// Numbers of "1.2.10.json"; empty when it is no version.
std::vector<uint64_t> version_of(std::string_view name) {
  std::vector<uint64_t> numbers;
  if (!name.ends_with(".json")) return numbers;
  name.remove_suffix(5);
  if (name.starts_with('v')) name.remove_prefix(1);
  for (const std::string& part : split_list(name.substr(0, name.find('-')), '.')) {
    uint64_t number = 0;
    const auto [end, failure] = std::from_chars(part.data(), part.data() + part.size(), number);
    if (failure != std::errc() || end != part.data() + part.size()) return {};
    numbers.push_back(number);
  }
  return numbers;
}

}  // namespace

std::string item_url(const json::value& item, const std::string& platform) {
  std::string url = text_member(item, "Source");
  const std::string kind = text_member(item, "ContentType");
  if (kind == "PluginProvider") return url + "/" + platform + "/" + text_member(item, "Name");
  if (kind == "DRPCLI") {
    return url + "/" + platform + (platform.ends_with("windows") ? "/drpcli.exe" : "/drpcli");
  }
  const json::value* sums = member(item, "Shasum256");
  const bool everywhere = sums == nullptr || member(*sums, kEverywhere) != nullptr;
  if (kind != "DRP" || everywhere || !url.ends_with(".zip")) return url;
  std::string dotted = "." + platform;
  std::replace(dotted.begin(), dotted.end(), '/', '.');
  return url.insert(url.size() - 4, dotted);
}

std::vector<std::string> item_urls(const json::value& item) {
  std::set<std::string> urls;
  const json::value* sums = member(item, "Shasum256");
  if (sums != nullptr && sums->is_object()) {
    for (const auto& entry : sums->get_object()) {
      const bool there = entry.value() != json::value(json::string_view(kAbsent));
      if (there) urls.insert(item_url(item, std::string(entry.key())));
    }
  }
  if (urls.empty()) urls.insert(text_member(item, "Source"));
  return {urls.begin(), urls.end()};
}

std::vector<CatalogCopy> plan_catalog_update(const json::object& source, const json::object& local,
                                             const CatalogFilter& filter) {
  std::vector<CatalogCopy> copies;
  std::set<std::string> planned;
  for (const auto& entry : source) {
    const json::value& item = entry.value();
    if (!is_wanted(item, filter) || is_current(std::string(entry.key()), item, local)) continue;
    for (const std::string& url : item_urls(item)) {
      const std::string path = place_of(url);
      if (!path.empty() && planned.insert(path).second) copies.push_back({url, path});
    }
  }
  std::sort(copies.begin(), copies.end(),
            [](const CatalogCopy& a, const CatalogCopy& b) { return a.path < b.path; });
  return copies;
}

std::string newest_catalog(const std::vector<std::string>& names) {
  std::string newest;
  for (const std::string& name : names) {
    const std::vector<uint64_t> version = version_of(name);
    if (!version.empty() && (newest.empty() || version > version_of(newest))) newest = name;
  }
  return newest;
}

}  // namespace mullion::cli
