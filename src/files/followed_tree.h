// The files of a server on its disk, compared with what is agreed of them.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "env/file.h"
#include "files/sharing.h"

namespace mullion::files {

/// Bytes of one checksum on their way in: what has come survives a restart, and nothing of it is visible
/// before the checksum was verified. One user at a time. Blocks on the disk.
class PartialFile {
 public:
  virtual ~PartialFile() = default;
  /// Where to go on.
  virtual uint64_t size() const = 0;
  virtual Result<void> write(std::string_view bytes) = 0;
  /// Verifies and syncs: from then on the tree holds the bytes. kCorrupt: they are others, and are dropped.
  virtual Result<void> finish() = 0;
};

/// Thread-safe; blocks on the disk. Bytes that no name has yet are held by their checksum, below `.held`.
class FollowedTree {
 public:
  virtual ~FollowedTree() = default;

  enum class Look { kSame, kAbsent, kDiffers };
  /// Whether the file is the one of the record. What was not changed since it was last read is not read
  /// again.
  virtual Look look(const FileRecord& record) = 0;
  enum class Finding {
    kSame,
    kAbsent,
    kAnother,  // whole, as far as is known: an older version, or what somebody has written there
    kDamaged,  // it was the one of the record, nobody has written it since, and its bytes are others
  };
  /// By reading it; `pace` is told of each piece that was read, and ends it by answering false (kSame then).
  virtual Finding verify(const FileRecord& record, const std::function<bool(size_t bytes)>& pace) = 0;

  virtual bool holds(const std::string& sha256) const = 0;
  /// Holds a complete, synced file under its checksum, without copying it.
  virtual Result<void> hold(const env::Path& file, const std::string& sha256) = 0;
  /// kInsufficientStorage: what is left of the disk after it would be too little.
  virtual Result<std::unique_ptr<PartialFile>> receive(const std::string& sha256, uint64_t size) = 0;
  /// Of bytes that are held.
  virtual void drop(const std::string& sha256) = 0;
  virtual env::Path held(const std::string& sha256) const = 0;
  virtual env::Path place_of(std::string_view name) const = 0;
  /// Held bytes become the file, over what is there, durably; they stay held.
  virtual Result<void> place(const FileRecord& record) = 0;
  virtual Result<void> remove(const std::string& name) = 0;
  /// Moves a file out of the way, into a folder beside the trees that an operator may look into.
  virtual Result<void> set_aside(const std::string& name) = 0;
  /// Drops held bytes, and those on their way, that are not wanted and older than an hour, or, when `at_once`
  /// has them, now.
  virtual void sweep(const std::set<std::string>& wanted, const std::set<std::string>& at_once) = 0;

  /// All files of the trees that are followed.
  virtual std::vector<std::string> names() const = 0;
  /// Facts of a file for its first record: size and checksum.
  virtual Result<FileRecord> describe(const std::string& name) = 0;

  /// Names that this server had a record of at some time. Files of others are nobody's business.
  virtual bool known(const std::string& name) const = 0;
  virtual void note_known(const std::vector<std::string>& names) = 0;
  /// Whether anything was ever noted: before, files that are here are of another life of this server.
  virtual bool met() const = 0;
};
/// `notes`: a file of this server alone. Trees: files, isos, plugins and upgrades below `root`.
std::unique_ptr<FollowedTree> make_followed_tree(env::Path root, env::Path notes);

}  // namespace mullion::files
