#include "catalog/internal/known_files.h"

#include <boost/json.hpp>

#include "base/json.h"
#include "catalog/internal/log.h"
#include "model/members.h"
#include "model/object.h"

namespace mullion::catalog {

namespace {

namespace json = boost::json;
constexpr int64_t kFormat = 2;  // 1 remembered errors of reading as faults of the files

int64_t nanoseconds(const files::Blobs::Info& info) { return info.modified.time_since_epoch().count(); }

template <typename Number>
Number number_of(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  json::error_code problem;
  const Number number = value == nullptr ? Number() : value->to_number<Number>(problem);
  return problem ? Number() : number;
}

}  // namespace

void KnownFiles::load() {
  if (std::exchange(loaded_, true)) return;
  const auto text = env::read_file(file_);
  if (!text) return;
  const auto parsed = parse_json(*text);
  if (!parsed || !parsed->is_object() || number_of<int64_t>(parsed->get_object(), "format") != kFormat)
    return;
  const json::value* files = parsed->get_object().if_contains("files");
  if (files == nullptr || !files->is_object()) return;
  for (const auto& [path, value] : files->get_object()) {
    if (!value.is_object()) continue;
    const json::object& object = value.get_object();
    Entry entry;
    entry.size = number_of<uint64_t>(object, "size");
    entry.number = number_of<uint64_t>(object, "number");
    entry.modified = number_of<int64_t>(object, "modified");
    entry.scanned = {path, model::text_member(object, "sha256"), {}, model::text_member(object, "problem")};
    if (const json::value* meta = object.if_contains("meta"); meta != nullptr && meta->is_object()) {
      entry.scanned.meta = meta->get_object();
    }
    entries_.emplace(path, std::move(entry));
  }
}

std::optional<ScannedFile> KnownFiles::find(const std::string& path, const files::Blobs::Info& info) {
  load();
  const auto found = entries_.find(path);
  if (found == entries_.end()) return std::nullopt;
  Entry& entry = found->second;
  const bool same = entry.size == info.size && entry.number == info.number &&
                    entry.modified == nanoseconds(info) && entry.scanned.sha256 == info.sha256;
  if (!same) return std::nullopt;
  entry.seen = true;
  return entry.scanned;
}

void KnownFiles::keep(const ScannedFile& scanned, const files::Blobs::Info& info) {
  load();
  entries_[scanned.path] = Entry{info.size, info.number, nanoseconds(info), scanned, true};
  changed_ = true;
}

void KnownFiles::save() {
  if (std::erase_if(entries_, [](const auto& entry) { return !entry.second.seen; }) > 0) changed_ = true;
  json::object files;
  for (auto& [path, entry] : entries_) {
    entry.seen = false;
    if (!changed_) continue;
    files[path] = json::object{{"size", entry.size},         {"number", entry.number},
                               {"modified", entry.modified}, {"sha256", entry.scanned.sha256},
                               {"meta", entry.scanned.meta}, {"problem", entry.scanned.problem}};
  }
  if (!std::exchange(changed_, false)) return;
  const std::string text = json::serialize(json::object{{"format", kFormat}, {"files", std::move(files)}});
  // What is not remembered is read again by the next build: no reason to fail.
  Result<void> written = env::make_directories(file_.parent_path(), 0750);
  if (written) written = env::write_file_atomic(file_, text, 0640);
  if (!written) {
    kLog.warn("checked files are not remembered reason={}", written.error().text());
  }
}

}  // namespace mullion::catalog
