#include "catalog/internal/builder.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

#include "base/json.h"
#include "base/semantic_version.h"
#include "catalog/internal/log.h"
#include "env/pools.h"
#include "model/object.h"

namespace mullion::catalog {

namespace {

namespace fs = std::filesystem;
namespace json = boost::json;
constexpr size_t kKeptVersions = 5;
constexpr size_t kMaxWarnings = 200;

ScannerOptions scanner_options(const Dependencies& dependencies) {
  ScannerOptions options;
  options.work = dependencies.base_root / "catalog" / "work";
  options.platform = dependencies.platform;
  options.define_limit = dependencies.define_limit;
  return options;
}

/// "1.2.3.json" -> the version; nothing for other names.
std::optional<FullVersion> version_of_file(const std::string& name) {
  if (!name.ends_with(".json")) return std::nullopt;
  auto version = parse_full_version(name.substr(0, name.size() - 5));
  if (!version) return std::nullopt;
  return *version;
}

/// Catalogs of `folder`, newest first.
std::vector<std::pair<FullVersion, env::Path>> versions_in(const env::Path& folder) {
  std::vector<std::pair<FullVersion, env::Path>> out;
  std::error_code problem;
  for (fs::directory_iterator at(folder, problem), end; !problem && at != end; at.increment(problem)) {
    if (auto version = version_of_file(at->path().filename())) out.emplace_back(*version, at->path());
  }
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
  return out;
}

std::string meta_text(const json::value& document, std::string_view field) {
  const json::value* meta = document.is_object() ? document.get_object().if_contains("meta") : nullptr;
  const json::value* value =
      meta != nullptr && meta->is_object() ? meta->get_object().if_contains(field) : nullptr;
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

/// What the file of the last build says, null when there is none that can be read.
json::value last_catalog(const env::Path& file) {
  const auto text = env::read_file(file);
  if (!text) return nullptr;
  auto parsed = parse_json(*text);
  return parsed ? std::move(*parsed) : json::value(nullptr);
}

bool same_items(const json::value& last, const std::string& text) {
  const auto built = parse_json(text);
  if (!last.is_object() || !built || !built->is_object()) return false;
  const json::value* before = last.get_object().if_contains("sections");
  const json::value* now = built->get_object().if_contains("sections");
  return before != nullptr && now != nullptr && *before == *now;
}

}  // namespace

Builder::Builder(const Dependencies& dependencies)
    : dependencies_(dependencies),
      tree_(dependencies.base_root / "files" / kTreeName),
      scanner_(dependencies.blobs, dependencies.base_root / "catalog" / "known-files.json",
               scanner_options(dependencies)) {}

/// The licence of this server is an item like others, so that version sets can name it. Blocks.
void Builder::keep_licence() {
  auto document = dependencies_.layers.show(kLicenceName);
  if (!document) return;
  const auto parsed = parse_json(*document);
  if (!parsed) return;
  const std::string version = meta_text(*parsed, "Version");
  if (!parse_full_version(version) || version.find('/') != std::string::npos) return;
  const env::Path file = tree_ / kLicenceName / (version + ".json");
  const std::string text = indented_json(*parsed) + "\n";
  if (const auto present = env::read_file(file); present && *present == text) return;
  Result<void> written = env::make_directories(file.parent_path());
  if (written) written = env::write_file_atomic(file, text);
  if (!written) kLog.warn("the licence could not be put into the catalog reason={}", written.error().text());
}

bool Builder::is_current(const std::string& version) const {
  const auto summary = dependencies_.layers.summary(kPackName);
  if (!summary) return false;
  const auto parsed = parse_json(*summary);
  std::error_code problem;
  return parsed && meta_text(*parsed, "Version") == version &&
         fs::exists(tree_ / kPackName / (version + ".json"), problem);
}

std::string Builder::next_version(const std::string& present) const {
  Version newest{1, 0, 0};
  if (const auto own = parse_full_version(present)) newest = std::max(newest, own->numbers);
  const auto files = versions_in(tree_ / kPackName);
  if (!files.empty()) newest = std::max(newest, files.front().first.numbers);
  const auto loaded = dependencies_.layers.summary(kPackName);
  const auto parsed = loaded ? parse_json(*loaded) : Result<json::value>(json::value(nullptr));
  if (const auto version = parsed ? parse_version(meta_text(*parsed, "Version")) : Result<Version>(newest)) {
    newest = std::max(newest, *version);
  }
  return Version{newest.major, newest.minor, newest.patch + 1}.text();
}

void Builder::prune() const {
  const auto files = versions_in(tree_ / kPackName);
  for (size_t i = kKeptVersions; i < files.size(); ++i) {
    std::error_code ignored;
    fs::remove(files[i].second, ignored);
  }
}

/// Everything is on the disk before the pack is loaded, and the known name is renamed last. Blocks.
Result<void> Builder::publish(const BuiltItems& built, BuildReport& report, const std::string& principal) {
  const env::Path known_name = tree_ / fmt::format("{}.json", kPackName);
  const json::value last = last_catalog(known_name);
  report.version = meta_text(last, "Version");
  if (same_items(last, catalog_text(built.items, report.version)) && is_current(report.version)) return {};
  report.version = next_version(report.version);
  report.changed = true;
  const std::string text = catalog_text(built.items, report.version);
  const env::Path versioned = tree_ / kPackName / (report.version + ".json");
  const env::Path staged = dependencies_.base_root / "catalog" / "staged.json";
  for (const env::Path& folder : {versioned.parent_path(), staged.parent_path()}) {
    if (auto made = env::make_directories(folder); !made) return made;
  }
  Result<void> done = env::write_file_atomic(staged, text);
  if (done) done = env::write_file_atomic(versioned, text);
  if (done) {
    const bool replace = dependencies_.layers.summary(kPackName).ok();
    auto loaded = dependencies_.layers.load(text, replace, kPackName, false, principal);
    if (!loaded) done = loaded.error();
  }
  std::error_code problem;
  if (!done) {
    fs::remove(versioned, problem);
    fs::remove(staged, problem);
    return done;
  }
  fs::rename(staged, known_name, problem);
  if (problem) return env::error_from_errno(problem.value(), "rename to " + known_name.filename().string());
  prune();
  return env::sync_directory(tree_);
}

env::Task<Result<BuildReport>> Builder::build(std::string principal) {
  co_await env::run_blocking([this] { keep_licence(); });
  Result<Scanner::Scan> scan = co_await scanner_.run();
  if (!scan) co_return scan.error();
  BuildReport report;
  report.files = scan->files.size();
  report.hashed = scan->fresh;
  Result<void> published;
  co_await env::run_blocking(env::Pool::kLong, [&] {
    BuiltItems built =
        build_items(scan->files, dependencies_.static_url() + "/files/" + std::string(kTreeName));
    report.items = built.items.size();
    report.warnings = std::move(built.warnings);
    published = publish(built, report, principal);
  });
  if (!published) co_return published.error();
  if (report.warnings.size() > kMaxWarnings) {
    const size_t more = report.warnings.size() - kMaxWarnings;
    report.warnings.resize(kMaxWarnings);
    report.warnings.push_back(fmt::format("and {} more", more));
  }
  kLog.info("catalog built version={} items={} files={} read={} warnings={}", report.version, report.items,
            report.files, report.hashed, report.warnings.size());
  co_return report;
}

}  // namespace mullion::catalog
