#include "cli/documents/pack_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <map>

#include "base/text.h"
#include "cli/documents/document.h"
#include "model/object_type.h"
#include "yaml/typed_texts.h"
#include "yaml/yaml.h"

namespace mullion::cli {
namespace {

std::string extension_of(std::string_view path) {
  const std::string_view name = path.substr(path.find_last_of('/') + 1);
  const size_t dot = name.find_last_of('.');
  return dot == std::string_view::npos || dot == 0 ? std::string() : std::string(name.substr(dot + 1));
}

bool is_object_file(std::string_view path) {
  const std::string extension = extension_of(path);
  return extension == "yaml" || extension == "yml" || extension == "json";
}

/// Keys hold slashes, names of files do not.
std::string file_name_of(std::string_view key) {
  std::string name(key);
  std::replace(name.begin(), name.end(), '/', '.');
  return name;
}

bool safe_name(std::string_view name) {
  return !name.empty() && name != "." && name != ".." && name.find('/') == std::string_view::npos &&
         name.find('\0') == std::string_view::npos;
}

/// A template without anything but its text can be a file with this text.
bool is_plain_template(const std::string& section, const std::string& key, const json::value& object) {
  if (section != "templates" || is_object_file(key) || key.find('/') != std::string::npos) return false;
  const json::value rest = without_computed(object);
  if (!rest.is_object() || member(object, "Contents") == nullptr) return false;
  return std::all_of(rest.get_object().begin(), rest.get_object().end(), [](const auto& entry) {
    if (entry.key() == "ID" || entry.key() == "Contents") return true;
    if (entry.value().is_string()) return entry.value().get_string().empty();
    return entry.value().is_object() && entry.value().get_object().empty();
  });
}

Result<PackFile> file_of_object(const std::string& section, const std::string& key, const json::value& object,
                                const std::string& extension) {
  const std::string name = file_name_of(key);
  if (!safe_name(section) || !safe_name(name)) {
    return Error(ErrorCode::kBadRequest,
                 fmt::format("`{}` in `{}` cannot be the name of a file", key, section));
  }
  if (is_plain_template(section, key, object))
    return PackFile{"templates/" + name, text_member(object, "Contents")};
  const std::string path = section + "/" + name + "." + extension;
  const json::value kept = without_computed(object);
  return PackFile{path, extension == "json" ? pretty_json(kept) + "\n" : yaml::write(kept)};
}

void add_meta_files(const json::value& pack, std::vector<PackFile>& files) {
  const json::value* meta = member(pack, "meta");
  if (meta == nullptr || !meta->is_object()) return;
  for (const auto& entry : meta->get_object()) {
    const std::string name(entry.key());
    if (entry.value().is_string() && !entry.value().get_string().empty() && safe_name(name)) {
      files.push_back({"._" + name + ".meta", std::string(entry.value().get_string())});
    }
  }
}

Result<void> add_section_files(const std::string& section, const json::value& objects,
                               const std::string& extension, std::vector<PackFile>& files) {
  if (!objects.is_object()) {
    return Error(ErrorCode::kBadRequest, fmt::format("section `{}` is no map of objects", section));
  }
  for (const auto& entry : objects.get_object()) {
    Result<PackFile> file = file_of_object(section, std::string(entry.key()), entry.value(), extension);
    if (!file) return file.error();
    files.push_back(std::move(*file));
  }
  return {};
}

/// "._Name.meta" -> "Name"; "" for other files.
std::string meta_field_of(std::string_view path) {
  if (!path.starts_with("._") || !path.ends_with(".meta") || path.find('/') != std::string_view::npos)
    return {};
  return std::string(path.substr(2, path.size() - 7));
}

void fill_meta_defaults(json::object& meta) {
  for (const auto& [name, value] :
       {std::pair{"Name", "Unspecified"}, std::pair{"Version", "v0.0.0"}, std::pair{"Type", "dynamic"}}) {
    if (!meta.contains(name)) meta[name] = value;
  }
}

struct NamedObject {
  std::string key;
  json::value object;
};

Result<json::value> typed_object(const std::string& section, const std::string& text) {
  Result<json::value> object = yaml::read(text);
  const model::ObjectType* type = model::find_object_type(section);
  if (object && object->is_object() && type != nullptr)
    yaml::spell_texts(type->fields, object->get_object(), yaml::Nulls::kEmptyText);
  return object;
}

Result<NamedObject> object_of_file(const std::string& section, const PackFile& file) {
  const std::string name = file.path.substr(section.size() + 1);
  if (section == "templates" && !is_object_file(file.path)) {
    return NamedObject{name, json::object{{"ID", name}, {"Contents", file.text}}};
  }
  Result<json::value> object = typed_object(section, file.text);
  if (!object) {
    Error error = object.error();
    error.messages[0].insert(0, file.path + ": ");
    return error;
  }
  const std::string key = object_key(section, *object);
  if (key.empty()) return Error(ErrorCode::kBadRequest, file.path + " holds no object with a key");
  return NamedObject{key, std::move(*object)};
}

/// The section a file belongs to; "" when it belongs to none.
std::string section_of(const PackFile& file) {
  const size_t slash = file.path.find('/');
  if (slash == std::string::npos || slash == 0 || file.path[0] == '.') return {};
  if (file.path.find('/', slash + 1) != std::string::npos) return {};
  const std::string section = file.path.substr(0, slash);
  const bool hidden = file.path[slash + 1] == '.';
  const bool fits = is_object_file(file.path) || section == "templates";
  return fits && !hidden ? section : std::string();
}

}  // namespace

json::value without_computed(json::value object) {
  if (!object.is_object()) return object;
  json::object kept;
  for (auto& [name, value] : object.get_object()) {
    if (!model::is_bookkeeping(name)) kept.emplace(name, std::move(value));
  }
  return kept;
}

std::string object_key(std::string_view section, const json::value& object) {
  const model::ObjectType* type = model::find_object_type(section);
  if (type != nullptr) return text_member(object, type->key_field);
  const std::string id = text_member(object, "Id");
  return id.empty() ? text_member(object, "Name") : id;
}

Result<std::vector<PackFile>> files_of_pack(const json::value& pack, const std::string& extension) {
  const json::value* sections = member(pack, "sections");
  if (member(pack, "meta") == nullptr || sections == nullptr || !sections->is_object()) {
    return Error(ErrorCode::kBadRequest, "this is no content pack: it needs `meta` and `sections`");
  }
  std::vector<PackFile> files;
  add_meta_files(pack, files);
  for (const auto& section : sections->get_object()) {
    Result<void> added = add_section_files(std::string(section.key()), section.value(), extension, files);
    if (!added) return added.error();
  }
  std::sort(files.begin(), files.end(), [](const PackFile& a, const PackFile& b) { return a.path < b.path; });
  for (size_t i = 1; i < files.size(); ++i) {
    if (files[i].path != files[i - 1].path) continue;
    return Error(ErrorCode::kBadRequest, "two objects would become the file " + files[i].path);
  }
  return files;
}

Result<json::value> pack_of_files(const std::vector<PackFile>& files, PackRemarks& remarks) {
  json::object meta;
  json::object sections;
  std::map<std::pair<std::string, std::string>, std::string> places;  // of objects, by section and key
  for (const PackFile& file : files) {
    const std::string field = meta_field_of(file.path);
    if (!field.empty()) {
      meta[field] = field == "Documentation" ? file.text : std::string(trimmed(file.text));
      continue;
    }
    const std::string section = section_of(file);
    if (section.empty()) {
      remarks.skipped.push_back(file.path);
      continue;
    }
    Result<NamedObject> named = object_of_file(section, file);
    if (!named) return named.error();
    json::value& objects = sections[section];
    if (!objects.is_object()) objects = json::object();
    std::string& place = places[{section, named->key}];
    if (!place.empty()) {
      remarks.repeated.push_back(fmt::format("{} {} stands in {} and in {}: the last one counts", section,
                                             named->key, place, file.path));
    }
    place = file.path;
    objects.get_object()[named->key] = std::move(named->object);
  }
  fill_meta_defaults(meta);
  return json::value(json::object{{"meta", std::move(meta)}, {"sections", std::move(sections)}});
}

namespace {

std::string heading(const std::string& text, char line) {
  return text + "\n" + std::string(std::max<size_t>(text.size(), 3), line) + "\n\n";
}

std::string paragraph(const std::string& text) {
  const std::string kept(trimmed(text));
  return kept.empty() ? kept : kept + "\n\n";
}

std::vector<std::string> sorted_keys(const json::value& object) {
  std::vector<std::string> keys;
  if (!object.is_object()) return keys;
  for (const auto& entry : object.get_object()) keys.emplace_back(entry.key());
  std::sort(keys.begin(), keys.end());
  return keys;
}

std::string meta_document(const json::value& meta) {
  const std::string name = text_member(meta, "Name");
  const std::string shown = text_member(meta, "DisplayName");
  const std::string title = shown.empty() || shown == name ? name : fmt::format("{} ({})", shown, name);
  std::string out = heading(title, '=') + paragraph(text_member(meta, "Description"));
  static constexpr std::string_view kFields[] = {"Version",       "Author",           "License",
                                                 "Prerequisites", "RequiredFeatures", "Tags"};
  for (const std::string_view field : kFields) {
    const std::string value = text_member(meta, field);
    if (!value.empty()) out += fmt::format(":{}: {}\n", field, value);
  }
  return out + "\n" + paragraph(text_member(meta, "Documentation"));
}

std::string section_document(const std::string& section, const json::value& objects) {
  std::string out = heading(section, '-');
  for (const std::string& key : sorted_keys(objects)) {
    const json::value& object = objects.get_object().at(key);
    out += heading(key, '~') + paragraph(text_member(object, "Description")) +
           paragraph(text_member(object, "Documentation"));
  }
  return out;
}

}  // namespace

std::string pack_document(const json::value& pack) {
  const json::value* meta = member(pack, "meta");
  std::string out = meta_document(meta == nullptr ? json::value() : *meta);
  const json::value* sections = member(pack, "sections");
  if (sections == nullptr) return out;
  for (const std::string& section : sorted_keys(*sections)) {
    const json::value& objects = sections->get_object().at(section);
    if (!sorted_keys(objects).empty()) out += section_document(section, objects);
  }
  return out;
}

}  // namespace mullion::cli
