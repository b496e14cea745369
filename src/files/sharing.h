// Files of several servers that keep one database: what they agree on, and what a server's rooms ask of it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/letters.h"
#include "base/result.h"
#include "env/file.h"
#include "env/runtime.h"
#include "store/types.h"

namespace mullion::files {

/// Spaces of private values: one record for each file, and what is said of all of them.
inline constexpr std::string_view kFileRecords = "shared-files";
inline constexpr std::string_view kFileState = "shared-files-state";
/// In kFileState: another text after each change of a record.
inline constexpr std::string_view kFileRevision = "revision";

/// A file as all of them know it.
struct FileRecord {
  std::string name;  // below the base root: "files/a/b", "isos/c", "plugins/d"
  uint64_t size = 0;
  std::string sha256;   // lower-case hex
  bool upload = false;  // by its own name; else it came with something else
  bool operator==(const FileRecord&) const = default;
};

/// Whether a file of this name is followed: below one of the trees, and in its shortest form.
bool is_followed(std::string_view name);
/// The key of a record: names may be longer than keys.
std::string record_key(std::string_view name);
std::string encode_record(const FileRecord& record);
/// kCorrupt; also for a name that no file below the base root may have.
Result<FileRecord> decode_record(std::string_view text);

struct FileChanges {
  std::vector<FileRecord> put;
  std::vector<std::string> remove;  // names
};
/// The changes as part of a batch.
std::vector<store::SecretChange> secret_changes(const FileChanges& changes);

/// Bytes that are to become a file: synced, at `path` on the file system of the base root, and not to be
/// changed any more.
struct OfferedFile {
  FileRecord record;
  env::Path path;
};

/// Thread-safe.
class Sharing {
 public:
  virtual ~Sharing() = default;
  /// Answers once a majority has the bytes on its disks. kUnavailable: it has not, within a time that grows
  /// with the size, or this server serves no more; nothing is visible anywhere then.
  virtual env::Task<Result<void>> hold(std::vector<OfferedFile> files) = 0;
  /// Makes a change hold for all; files appear and go at the others soon afterwards. Errors of a commit.
  /// Blocks.
  virtual Result<void> commit(const FileChanges& changes) = 0;
  /// What is agreed, whether the file is here or not. Blocks.
  virtual std::optional<FileRecord> find(std::string_view name) const = 0;
  /// The names below `prefix` ("files/a/"), sorted, without it. Blocks.
  virtual std::vector<std::string> names(std::string_view prefix) const = 0;
  /// Somebody waits for this file, which is not here: it comes before others.
  virtual void hurry(std::string_view name) = 0;
};

}  // namespace mullion::files
