#include "catalog/items.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/letters.h"
#include "base/semantic_version.h"
#include "base/text.h"
#include "base/version.h"
#include "model/members.h"

namespace mullion::catalog {

namespace {

namespace json = boost::json;

constexpr std::string_view kAbsent = "NOTFOUND";
constexpr std::string_view kContentTypes[] = {"ContentPackage", "PluginProvider", "DRP", "DRPUX", "DRPCLI"};
constexpr std::string_view kTree = "rebar-catalog/";
constexpr std::string_view kOwnFiles = "self://files/";
constexpr size_t kLongestWord = 250;
constexpr size_t kNamedVersions = 8;  // in an error text

Error wrong(const Item& item, std::string_view field, std::string_view why) {
  return Error(ErrorCode::kInvalid, fmt::format("catalog item {}: {}: {}", item.id, field, why));
}

Result<std::string> text_of(const Item& item, const json::object& object, std::string_view field) {
  const json::value* value = object.if_contains(field);
  if (value == nullptr || value->is_null()) return std::string();
  if (!value->is_string()) return wrong(item, field, "expected a string");
  return std::string(value->get_string());
}

Result<void> read_checksums(Item& item, const json::object& object) {
  const json::value* given = object.if_contains("Shasum256");
  if (given == nullptr || given->is_null()) return {};
  if (!given->is_object()) return wrong(item, "Shasum256", "expected a map");
  for (const auto& [platform, value] : given->get_object()) {
    if (!value.is_string()) return wrong(item, "Shasum256", "expected strings");
    if (value.get_string() == kAbsent) continue;
    std::string sum = lower_case(value.get_string());
    const size_t slash = std::string_view(platform).find('/');
    const bool known = slash != std::string_view::npos &&
                       is_item_word(std::string_view(platform).substr(0, slash)) &&
                       is_item_word(std::string_view(platform).substr(slash + 1));
    if (!known)
      return wrong(item, "Shasum256", fmt::format("`{}` is not ARCH/OS", std::string_view(platform)));
    if (!is_sha256(sum)) return wrong(item, "Shasum256", fmt::format("`{}` is no SHA-256", sum));
    item.sha256.emplace(platform, std::move(sum));
  }
  return {};
}

Result<void> read_texts(Item& item, const json::object& object) {
  const std::pair<const char*, std::string*> texts[] = {{"Id", &item.id},
                                                        {"Name", &item.name},
                                                        {"Version", &item.version},
                                                        {"ActualVersion", &item.actual_version},
                                                        {"ContentType", &item.content_type},
                                                        {"Source", &item.source}};
  for (const auto& [field, target] : texts) {
    Result<std::string> text = text_of(item, object, field);
    if (!text) return text.error();
    *target = std::move(*text);
  }
  if (item.actual_version.empty()) item.actual_version = item.version;
  if (item.id.empty()) item.id = item.name + "-" + item.version;
  return {};
}

/// What DRP packages of v4.7 and newer are called: one for each platform.
bool has_platform_names(const Item& item) {
  if (item.content_type != "DRP" || item.sha256.contains(std::string(kEverywhere))) return false;
  if (!item.sha256.empty()) return true;
  const auto version = parse_full_version(item.actual_version);
  return version && version->numbers >= Version{4, 7, 0};
}

bool has_platform_folders(const Item& item) {
  return item.content_type == "PluginProvider" || item.content_type == "DRPCLI";
}

std::string with_platform_name(std::string source, std::string_view arch, std::string_view os) {
  if (!source.ends_with(".zip")) return source;
  return source.insert(source.size() - 4, fmt::format(".{}.{}", arch, os));
}

std::string program_name(const Item& item, std::string_view os) {
  if (item.content_type == "PluginProvider") return item.name;
  return os == "windows" ? "drpcli.exe" : "drpcli";
}

std::string expanded(const Item& item, std::string source, std::string_view arch, std::string_view os) {
  if (has_platform_folders(item)) return fmt::format("{}/{}/{}/{}", source, arch, os, program_name(item, os));
  return has_platform_names(item) ? with_platform_name(std::move(source), arch, os) : source;
}

/// Where an item's file, or its folder, belongs by the contract's table.
std::string file_place(const Item& item) {
  if (item.source.starts_with(kOwnFiles)) return item.source.substr(kOwnFiles.size());
  const bool archive = item.content_type == "DRP" || item.content_type == "DRPUX";
  const std::string_view ending = has_platform_folders(item) ? "" : archive ? ".zip" : ".json";
  return fmt::format("{}{}/{}{}", kTree, item.name, item.actual_version, ending);
}

Artifact made(const Item& item, std::string_view arch, std::string_view os, std::string sha256) {
  return {expanded(item, item.source, arch, os), expanded(item, file_place(item), arch, os),
          std::move(sha256)};
}

/// A file of this server: a path without detours.
Result<void> check_own_source(const Item& item) {
  if (!item.source.starts_with(kOwnFiles)) return {};
  std::string_view rest = std::string_view(item.source).substr(kOwnFiles.size());
  while (true) {
    const size_t slash = std::min(rest.find('/'), rest.size());
    if (!is_item_word(rest.substr(0, slash))) return wrong(item, "Source", "not fit for a path below files/");
    if (slash == rest.size()) return {};
    rest.remove_prefix(slash + 1);
  }
}

}  // namespace

bool is_installed(const Item& item) { return item.source.starts_with(kInstalledSource); }

std::string own_platform() { return fmt::format("{}/{}", program_arch(), program_os()); }

bool is_item_word(std::string_view text) {
  return !text.empty() && text != "." && text != ".." && text.size() <= kLongestWord && is_valid_utf8(text) &&
         std::none_of(text.begin(), text.end(),
                      [](unsigned char c) { return c < 0x20 || c == 0x7f || c == '/' || c == '\\'; });
}

Result<Item> Item::parse(const json::object& object) {
  Item item;
  if (auto read = read_texts(item, object); !read) return read.error();
  if (!is_item_word(item.name)) return wrong(item, "Name", "missing, or not fit for a name");
  if (!is_item_word(item.version)) return wrong(item, "Version", "missing, or not fit for a version");
  if (!is_item_word(item.actual_version)) return wrong(item, "ActualVersion", "not fit for a version");
  if (!is_item_word(item.id)) return wrong(item, "Id", "not fit for a name");
  if (std::find(std::begin(kContentTypes), std::end(kContentTypes), item.content_type) ==
      std::end(kContentTypes)) {
    return wrong(item, "ContentType",
                 fmt::format("`{}` is none of {}", item.content_type, fmt::join(kContentTypes, ", ")));
  }
  if (auto fine = check_own_source(item); !fine) return fine.error();
  if (auto read = read_checksums(item, object); !read) return read.error();
  item.tip = model::flag_member(object, "Tip");
  item.hot_fix = model::flag_member(object, "HotFix");
  if (const json::value* meta = object.if_contains("Meta"); meta != nullptr && meta->is_object()) {
    item.meta = meta->get_object();
  }
  return item;
}

json::object Item::json() const {
  json::object sums;
  if (content_type == "PluginProvider" && !sha256.contains(std::string(kEverywhere))) {
    for (const std::string_view arch : kArchitectures) {
      for (const std::string_view os : kSystems) sums[fmt::format("{}/{}", arch, os)] = kAbsent;
    }
  }
  for (const auto& [platform, sum] : sha256) sums[platform] = sum;
  return {{"Id", id},
          {"Type", "catalog_items"},
          {"Name", name},
          {"ActualVersion", actual_version},
          {"Version", version},
          {"ContentType", content_type},
          {"Source", source},
          {"Shasum256", std::move(sums)},
          {"NOJQSource", id + ":::" + source},
          {"Tip", tip},
          {"HotFix", hot_fix},
          {"Meta", meta}};
}

Result<Artifact> artifact_of(const Item& item, std::string_view arch, std::string_view os) {
  if (item.sha256.empty()) return made(item, arch, os, "");
  auto found = item.sha256.find(fmt::format("{}/{}", arch, os));
  if (found == item.sha256.end()) found = item.sha256.find(std::string(kEverywhere));
  if (found == item.sha256.end()) {
    return Error(ErrorCode::kNotFound,
                 fmt::format("{} {} has no build for {}/{}", item.name, item.actual_version, arch, os));
  }
  return made(item, arch, os, found->second);
}

std::vector<Artifact> artifacts_of(const Item& item) {
  std::vector<Artifact> out;
  for (const auto& [platform, sum] : item.sha256) {
    const size_t slash = platform.find('/');
    out.push_back(made(item, platform.substr(0, slash), platform.substr(slash + 1), sum));
  }
  const bool one_file = !has_platform_folders(item) && !has_platform_names(item);
  if (item.sha256.empty() && one_file) out.push_back(made(item, "any", "any", ""));
  return out;
}

std::vector<Artifact> possible_artifacts_of(const Item& item) {
  std::vector<Artifact> out = artifacts_of(item);
  if (!out.empty()) return out;
  for (const std::string_view arch : kArchitectures) {
    for (const std::string_view os : kSystems) out.push_back(made(item, arch, os, ""));
  }
  return out;
}

Items::Items(std::vector<Item> items, Withheld withheld)
    : items_(std::move(items)), withheld_(std::move(withheld)) {
  for (size_t i = 0; i < items_.size(); ++i) {
    by_id_.emplace(items_[i].id, i);
    by_name_[items_[i].name].push_back(i);
  }
}

const Item* Items::find(std::string_view id) const {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : &items_[found->second];
}

std::vector<const Item*> Items::named(std::string_view name, std::string_view content_type) const {
  std::vector<const Item*> out;
  const auto found = by_name_.find(name);
  if (found == by_name_.end()) return out;
  for (const size_t i : found->second) {
    const Item& item = items_[i];
    if (find(item.id) != &item) continue;  // another catalog came first
    if (content_type.empty() || item.content_type == content_type) out.push_back(&item);
  }
  return out;
}

const Item* newest_for(const std::vector<const Item*>& items, std::string_view word) {
  const Item* best = nullptr;
  FullVersion best_version;
  for (const Item* item : items) {
    const auto version = parse_full_version(item->actual_version);
    if (!version) continue;
    const bool fits = word == kTip ? version->is_tip() : version->is_release();
    if (!fits || (best != nullptr && *version <= best_version)) continue;
    best = item;
    best_version = *version;
  }
  return best;
}

Result<const Item*> Items::resolve(std::string_view name, std::string_view content_type,
                                   std::string_view word) const {
  const std::vector<const Item*> candidates = named(name, content_type);
  for (const Item* item : candidates) {
    if (item->version == word) return item;
  }
  for (const Item* item : candidates) {
    if (item->actual_version == word) return item;
  }
  if (word == kStable || word == kTip) {
    std::vector<const Item*> listed = candidates;
    std::erase_if(listed, [](const Item* item) { return is_installed(*item); });
    if (const Item* newest = newest_for(listed, word); newest != nullptr) return newest;
  }
  return not_found(name, content_type, word);
}

Error Items::not_found(std::string_view name, std::string_view content_type, std::string_view word) const {
  const std::vector<const Item*> candidates = named(name, content_type);
  const std::string_view kind = content_type.empty() ? "item" : content_type;
  std::string text = fmt::format("the catalog has no {} named {}", kind, name);
  if (!candidates.empty()) {
    std::vector<std::string_view> versions;
    for (const Item* item : candidates) {
      if (versions.size() < kNamedVersions) versions.push_back(item->version);
    }
    text = fmt::format("the catalog has no {} {} {}, but {}{}", kind, name, word, fmt::join(versions, ", "),
                       candidates.size() > versions.size() ? ", ..." : "");
  }
  if (const auto why = withheld_.find(name); why != withheld_.end()) {
    text += fmt::format("; what is installed here is not sent elsewhere: {}", why->second);
  }
  return Error(ErrorCode::kNotFound, std::move(text));
}

}  // namespace mullion::catalog
