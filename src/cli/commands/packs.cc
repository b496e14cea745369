// Content packs as files and directories: bundle, unbundle, document; made of live objects: bundlize,
// convert.
#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <filesystem>
#include <fstream>
#include <ostream>

#include "base/text.h"
#include "cli/commands/handlers.h"
#include "cli/documents/document.h"
#include "cli/documents/pack_files.h"
#include "cli/documents/source.h"
#include "cli/output/output.h"
#include "env/file.h"
#include "yaml/yaml.h"

namespace mullion::cli {
namespace {

namespace fs = std::filesystem;

constexpr uintmax_t kLargestFile = 64ULL * 1024 * 1024;

std::string directory_of(const Invocation& call) {
  return call.flags.has("dir") ? call.flags.get("dir") : ".";
}

Result<PackFile> read_pack_file(const fs::path& root, const fs::path& path) {
  std::error_code failure;
  if (fs::file_size(path, failure) > kLargestFile || failure) {
    return Error(ErrorCode::kTooLarge, path.string() + " is larger than a pack may hold");
  }
  Result<std::string> text = env::read_file(path);
  if (!text) return Error(ErrorCode::kBadRequest, "cannot read " + path.string());
  return PackFile{path.lexically_relative(root).generic_string(), std::move(*text)};
}

/// What a pack directory holds.
struct PackDirectory {
  std::vector<PackFile> files;
  std::vector<std::string> skipped;  // folders too deep to be sections
};

/// Takes one entry into `found`. An object that is not seen would be missing in the pack without a word.
Result<void> take_entry(const fs::path& root, const fs::directory_entry& entry, bool deep,
                        PackDirectory& found) {
  std::error_code failure;
  const fs::file_status status = fs::status(entry.path(), failure);
  const std::string path = entry.path().lexically_relative(root).generic_string();
  if (fs::is_directory(status)) {
    if (deep) found.skipped.push_back(path + "/");
    return {};
  }
  if (!fs::is_regular_file(status)) {
    const bool hidden = entry.path().filename().string().starts_with('.');  // locks of editors and the like
    if (hidden) return {};
    return Error(ErrorCode::kBadRequest,
                 path + (entry.is_symlink() ? " is a link to what is no file" : " is no file"));
  }
  Result<PackFile> file = read_pack_file(root, entry.path());
  if (!file) return file.error();
  found.files.push_back(std::move(*file));
  return {};
}

/// Files of the directory and of the directories right below it, linked ones too.
Result<PackDirectory> read_pack_directory(const fs::path& root, const fs::path& output) {
  std::error_code failure, ignored;
  PackDirectory found;
  fs::recursive_directory_iterator entry(root, fs::directory_options::follow_directory_symlink, failure);
  if (failure) return Error(ErrorCode::kBadRequest, "cannot read the directory " + root.string());
  for (; entry != fs::recursive_directory_iterator(); entry.increment(failure)) {
    if (failure) break;
    const bool hidden = entry->path().filename().string().starts_with('.');
    const bool hidden_directory = hidden && entry->is_directory(ignored);
    if (hidden_directory || entry.depth() > 0) entry.disable_recursion_pending();
    if (hidden_directory || fs::equivalent(entry->path(), output, ignored)) continue;
    Result<void> taken = take_entry(root, *entry, entry.depth() > 0, found);
    if (!taken) return taken.error();
  }
  if (failure) return Error(ErrorCode::kBadRequest, "cannot read all of the directory " + root.string());
  std::sort(found.files.begin(), found.files.end(),
            [](const PackFile& a, const PackFile& b) { return a.path < b.path; });
  return found;
}

/// FIELD=VALUE words into the pack's meta.
Result<void> set_meta(json::value& pack, std::span<const std::string> words) {
  json::object& meta = pack.get_object()["meta"].get_object();
  for (const std::string& word : words) {
    const size_t equals = word.find('=');
    if (equals == std::string::npos || equals == 0) {
      return usage_error("expected FIELD=VALUE instead of `" + word + "`");
    }
    meta[word.substr(0, equals)] = word.substr(equals + 1);
  }
  return {};
}

/// As YAML or JSON: what the file's name says, else the chosen format.
std::string pack_text(const Invocation& call, const std::string& path, const json::value& pack) {
  const std::string extension = fs::path(path).extension();
  const bool yaml = extension == ".yaml" || extension == ".yml" ||
                    (extension != ".json" && call.options.format == Format::kYaml);
  return yaml ? yaml::write(pack) : pretty_json(pack) + "\n";
}

Result<void> write_pack(Invocation& call, const std::string& path, const json::value& pack) {
  const std::string text = pack_text(call, path, pack);
  if (path == "-") {
    call.terminal.out << text;
    return {};
  }
  Result<void> written = env::write_file_atomic(path, text);
  return written ? Result<void>() : Result<void>(Error(written.error().code, "cannot write " + path));
}

Result<void> write_pack_file(const fs::path& root, const PackFile& file) {
  const fs::path path = root / file.path;
  Result<void> made = env::make_directories(path.parent_path());
  if (!made) return Error(made.error().code, "cannot make the directory " + path.parent_path().string());
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << file.text;
  out.close();
  return out ? Result<void>()
             : Result<void>(Error(ErrorCode::kInsufficientStorage, "cannot write " + path.string()));
}

/// Objects that `PFX:ID` or `PFX:INDEX=VALUE` names, with secure values in clear.
Result<json::array> objects_named(Invocation& call, const std::string& word, std::string& prefix) {
  const size_t colon = word.find(':');
  prefix = word.substr(0, colon);
  const std::string rest = word.substr(colon + 1);
  const size_t equals = rest.find('=');
  if (equals == std::string::npos) {
    Result<json::value> object = call.session.get(client::get_object(prefix, rest).with("decode", "true"));
    return object ? Result<json::array>(json::array{*object}) : Result<json::array>(object.error());
  }
  const client::Request list = client::get_collection(prefix)
                                   .with(rest.substr(0, equals), rest.substr(equals + 1))
                                   .with("decode", "true");
  Result<json::value> objects = call.session.get(list);
  if (!objects) return objects.error();
  return objects->is_array() ? objects->get_array() : json::array();
}

Result<void> collect_objects(Invocation& call, const std::string& word, json::value& pack,
                             std::vector<client::Request>& deletions) {
  std::string prefix;
  Result<json::array> objects = objects_named(call, word, prefix);
  if (!objects) return objects.error();
  json::value& section = pack.get_object()["sections"].get_object()[prefix];
  if (!section.is_object()) section = json::object();
  for (json::value& object : *objects) {
    const std::string key = object_key(prefix, object);
    if (key.empty()) return Error(ErrorCode::kInternal, "an object of " + prefix + " came without its key");
    section.get_object()[key] = without_computed(std::move(object));
    deletions.push_back(client::delete_object(prefix, key));
  }
  return {};
}

/// Collections in the order in which their objects may refer to each other; what is not here comes last.
constexpr std::string_view kCreationOrder[] = {
    "params",  "templates", "profiles", "bootenvs", "tasks", "stages",  "workflows",   "roles",
    "tenants", "users",     "contexts", "subnets",  "pools", "plugins", "reservations"};

std::vector<std::string> sections_in_order(const json::object& sections) {
  std::vector<std::string> names;
  for (const auto& section : sections) names.emplace_back(section.key());
  const auto rank = [](const std::string& name) {
    return std::find(std::begin(kCreationOrder), std::end(kCreationOrder), name) - std::begin(kCreationOrder);
  };
  std::stable_sort(names.begin(), names.end(),
                   [&](const std::string& a, const std::string& b) { return rank(a) < rank(b); });
  return names;
}

}  // namespace

Result<void> pack_bundle(Invocation& call) {
  const std::string& output = call.argument(0);
  Result<PackDirectory> directory = read_pack_directory(directory_of(call), output);
  if (!directory) return directory.error();
  PackRemarks remarks{directory->skipped, {}};
  Result<json::value> pack = pack_of_files(directory->files, remarks);
  if (!pack) return pack.error();
  Result<void> set = set_meta(*pack, std::span(call.arguments).subspan(1));
  if (!set) return set;
  for (const std::string& path : remarks.skipped)
    call.terminal.err << "not part of the pack: " << escaped(path) << "\n";
  for (const std::string& text : remarks.repeated) call.terminal.err << "warning: " << escaped(text) << "\n";
  return write_pack(call, output, *pack);
}

Result<void> pack_unbundle(Invocation& call) {
  Result<json::value> pack = read_document(call, call.argument(0));
  if (!pack) return pack.error();
  const bool as_json = call.options.format_given && call.options.format == Format::kJson;
  Result<std::vector<PackFile>> files = files_of_pack(*pack, as_json ? "json" : "yaml");
  if (!files) return files.error();
  for (const PackFile& file : *files) {
    Result<void> written = write_pack_file(directory_of(call), file);
    if (!written) return written;
  }
  return {};
}

Result<void> pack_document_command(Invocation& call) {
  Result<json::value> pack = read_pack(call, call.argument(0));
  if (!pack) return pack.error();
  call.terminal.out << pack_document(*pack);
  return {};
}

Result<void> pack_bundlize(Invocation& call) {
  json::value pack = json::object{{"meta", json::object{{"Name", "Unspecified"}, {"Version", "v0.0.0"}}},
                                  {"sections", json::object()}};
  std::vector<client::Request> deletions;
  for (const std::string& word : std::span(call.arguments).subspan(1)) {
    const bool is_object = word.find(':') != std::string::npos && word.find(':') < word.find('=');
    Result<void> taken =
        is_object ? collect_objects(call, word, pack, deletions) : set_meta(pack, {&word, 1});
    if (!taken) return taken;
  }
  Result<void> written = write_pack(call, call.argument(0), pack);
  // The file is there before anything is deleted: whatever fails from here on, nothing is lost.
  for (size_t i = 0; written && call.flags.on("delete") && i < deletions.size(); ++i) {
    Result<json::value> gone = call.session.send_json({deletions[i]});
    if (!gone) return gone.error();
  }
  if (!written || !call.flags.on("reload")) return written;
  return print_answer(call, upload_pack(call, pack, true));
}

Result<void> pack_convert(Invocation& call) {
  Result<json::value> pack = read_pack(call, call.argument(0));
  if (!pack) return pack.error();
  const json::value* sections = member(*pack, "sections");
  if (sections == nullptr || !sections->is_object()) return {};
  for (const std::string& section : sections_in_order(sections->get_object())) {
    const json::value& objects = sections->get_object().at(section);
    if (!objects.is_object()) continue;
    for (const auto& object : objects.get_object()) {
      Result<json::value> made =
          call.session.send_value(client::post_collection(section), without_computed(object.value()));
      if (!made) return made.error();
      call.terminal.out << fmt::format("Created {}:{}\n", escaped(section),
                                       escaped(std::string_view(object.key())));
    }
  }
  return {};
}

}  // namespace mullion::cli
