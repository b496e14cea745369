#include "catalog/build.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

#include "base/semantic_version.h"
#include "catalog/internal/places.h"

namespace mullion::catalog {

namespace {

namespace json = boost::json;

/// Files of one version. The meta of the first one that has any counts.
void add_build(Item& item, const Place& place, const ScannedFile& file) {
  item.sha256.emplace(place.platform, file.sha256);
  if (item.meta.empty()) item.meta = file.meta;
}

/// drp/V.zip beside drp/V.ARCH.OS.zip: clients would take the one for what is in the other.
void settle_contradiction(Item& item, std::vector<std::string>& warnings) {
  if (item.sha256.size() < 2 || item.sha256.erase(std::string(kEverywhere)) == 0) return;
  warnings.push_back(fmt::format(
      "{}: it is there for everywhere and for single platforms; the former is left out", item.id));
}

/// Adds `stable` and `tip` of each name.
void add_aliases(std::vector<Item>& items) {
  std::map<std::string, std::vector<const Item*>> by_name;
  for (const Item& item : items) by_name[item.name].push_back(&item);
  std::vector<Item> aliases;
  for (const auto& [name, versions] : by_name) {
    for (const std::string_view word : {kStable, kTip}) {
      if (const Item* newest = newest_for(versions, word); newest != nullptr) {
        aliases.push_back(alias_of(*newest, word));
      }
    }
  }
  items.insert(items.end(), std::make_move_iterator(aliases.begin()), std::make_move_iterator(aliases.end()));
}

void write_indented(const json::value& value, size_t depth, std::string& out);

void write_line_start(size_t depth, bool first, std::string& out) {
  out += first ? "\n" : ",\n";
  out.append(depth * 2, ' ');
}

void write_object(const json::object& object, size_t depth, std::string& out) {
  out += '{';
  bool first = true;
  for (const auto& [name, value] : object) {
    write_line_start(depth + 1, std::exchange(first, false), out);
    out += json::serialize(json::string(name)) + ": ";
    write_indented(value, depth + 1, out);
  }
  out += '\n' + std::string(depth * 2, ' ') + '}';
}

void write_array(const json::array& array, size_t depth, std::string& out) {
  out += '[';
  bool first = true;
  for (const json::value& value : array) {
    write_line_start(depth + 1, std::exchange(first, false), out);
    write_indented(value, depth + 1, out);
  }
  out += '\n' + std::string(depth * 2, ' ') + ']';
}

void write_indented(const json::value& value, size_t depth, std::string& out) {
  if (value.is_object() && !value.get_object().empty()) return write_object(value.get_object(), depth, out);
  if (value.is_array() && !value.get_array().empty()) return write_array(value.get_array(), depth, out);
  out += json::serialize(value);
}

}  // namespace

Item version_item(std::string_view name, std::string_view version, std::string_view content_type,
                  std::string source) {
  Item item;
  item.id = fmt::format("{}-{}", name, version);
  item.name = name;
  item.version = item.actual_version = version;
  item.content_type = content_type;
  item.source = std::move(source);
  const auto parsed = parse_full_version(version);
  item.tip = parsed && parsed->is_tip();
  item.hot_fix = parsed && parsed->is_release();
  return item;
}

Item alias_of(const Item& target, std::string_view word) {
  Item alias = target;
  alias.id = fmt::format("{}-{}", target.name, word);
  alias.version = word;
  alias.tip = target.tip || word == kTip;
  return alias;
}

BuiltItems build_items(const std::vector<ScannedFile>& files, std::string_view source_root) {
  BuiltItems built;
  std::map<std::string, Item> items;  // by id
  for (const ScannedFile& file : files) {
    const Result<std::optional<Place>> place = place_of(file.path);
    if (!place) {
      built.warnings.push_back(place.error().messages.front());
      continue;
    }
    if (!*place) continue;
    if (!file.problem.empty()) {
      built.warnings.push_back(fmt::format("{}: {}", file.path, file.problem));
      continue;
    }
    Item item = version_item((*place)->name, (*place)->version, (*place)->content_type,
                             fmt::format("{}/{}", source_root, (*place)->item_path));
    const auto [entry, fresh] = items.try_emplace(item.id, item);
    if (!fresh && (entry->second.content_type != item.content_type || entry->second.name != item.name)) {
      built.warnings.push_back(fmt::format("{}: there is a {} {} already", file.path,
                                           entry->second.content_type, entry->second.id));
      continue;
    }
    add_build(entry->second, **place, file);
  }
  for (auto& [id, item] : items) {
    settle_contradiction(item, built.warnings);
    built.items.push_back(std::move(item));
  }
  add_aliases(built.items);
  std::stable_sort(built.items.begin(), built.items.end(),
                   [](const Item& a, const Item& b) { return a.id < b.id; });
  return built;
}

std::string catalog_text(const std::vector<Item>& items, std::string_view version) {
  json::object section;
  for (const Item& item : items) section[item.id] = item.json();
  json::object meta{{"Name", kPackName},
                    {"Version", version},
                    {"Type", "catalog"},
                    {"Description", "What can be installed from this server"},
                    {"Source", "buildCatalog"}};
  json::object document{{"meta", std::move(meta)}, {"sections", {{"catalog_items", std::move(section)}}}};
  return indented_json(std::move(document)) + "\n";
}

std::string indented_json(const json::value& value) {
  std::string out;
  write_indented(value, 0, out);
  return out;
}

}  // namespace mullion::catalog
