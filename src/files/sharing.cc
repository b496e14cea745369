#include "files/sharing.h"

#include <algorithm>
#include <boost/json.hpp>

#include "base/json.h"
#include "base/letters.h"
#include "env/random.h"
#include "env/sha256.h"
#include "files/internal/blob_path.h"

namespace mullion::files {

namespace {

namespace json = boost::json;
constexpr std::string_view kPrograms = "plugins/";
constexpr std::string_view kFollowedTrees[] = {"files/", "isos/", kPrograms, "upgrades/"};

}  // namespace

bool is_followed(std::string_view name) {
  for (const std::string_view tree : kFollowedTrees) {
    if (!name.starts_with(tree)) continue;
    const std::string_view path = name.substr(tree.size());
    const Result<std::string> clean = clean_path(path, false);
    if (!clean || *clean != path) return false;
    return tree != kPrograms || (path.front() != '.' && path.find('/') == std::string_view::npos);
  }
  return false;
}

std::string record_key(std::string_view name) {
  env::Sha256 hash;
  hash.add(name);
  return hash.hex();
}

std::string encode_record(const FileRecord& record) {
  return json::serialize(json::object{
      {"name", record.name}, {"size", record.size}, {"sha256", record.sha256}, {"upload", record.upload}});
}

Result<FileRecord> decode_record(std::string_view text) {
  return read_json(text, "the record of a file", [](const json::object& object) -> Result<FileRecord> {
    FileRecord out{std::string(object.at("name").as_string()), object.at("size").to_number<uint64_t>(),
                   std::string(object.at("sha256").as_string()), object.at("upload").as_bool()};
    if (is_followed(out.name) && is_sha256(out.sha256)) return out;
    return Error(ErrorCode::kCorrupt, "a record of a file that cannot be");
  });
}

std::vector<store::SecretChange> secret_changes(const FileChanges& changes) {
  std::vector<store::SecretChange> out;
  out.reserve(changes.put.size() + changes.remove.size() + 1);
  for (const std::string& name : changes.remove)
    out.push_back({std::string(kFileRecords), record_key(name), std::nullopt});
  for (const FileRecord& record : changes.put)
    out.push_back({std::string(kFileRecords), record_key(record.name), encode_record(record)});
  out.push_back({std::string(kFileState), std::string(kFileRevision), env::random_text(18)});
  return out;
}

}  // namespace mullion::files
