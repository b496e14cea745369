// Keeps the files of a member equal to what all members agree on.
#pragma once

#include <functional>
#include <memory>

#include "cluster/file_lines.h"
#include "files/followed_tree.h"
#include "files/sharing.h"
#include "store/store.h"

namespace mullion::cluster {

/// What a keeper asks of its member. Thread-safe.
class FileHost {
 public:
  virtual ~FileHost() = default;
  /// Whether this member serves, with a valid lease.
  virtual bool serves() const = 0;
  virtual std::vector<FilePeer> peers() const = 0;
  /// Whether an upload waits for all that have a vote (who is left behind meanwhile has none any more) rather
  /// than for a majority of them.
  virtual bool all_hold() const { return false; }
  /// How far the files here are has changed.
  virtual void standing_changed() = 0;
};

struct KeeperOptions {
  bool alone_is_enough = false;  // an upload waits for nobody else to have its bytes
  uint64_t catch_up_rate = 0;    // bytes a second of what is fetched for nobody in particular; 0: any
  uint64_t check_rate =
      uint64_t{20} << 20;  // bytes a second of files that are read to see whether they are whole
  env::Duration look_pause = std::chrono::milliseconds(50);  // between looks at the records
  env::Duration full_look_pause = std::chrono::seconds(10);  // between looks at all files' sizes and times
  env::Duration check_pause = std::chrono::hours(6);         // between two readings of all files
};

/// Thread-safe. Works from start() until stop() with threads of its own.
class FileKeeper : public files::Sharing, public FileGiver {
 public:
  /// A file came into its place or went.
  using Listener = std::function<void(const std::string& name)>;

  virtual void start() = 0;
  /// Nothing new is begun.
  virtual void end() = 0;
  /// Waits too: to be called after what it fetches from has stopped.
  virtual void stop() = 0;
  virtual FileStanding standing() const = 0;
  /// On a thread of the keeper; be short. Null: nobody.
  virtual void set_listener(Listener listener) = 0;
};
/// All must outlive it.
std::shared_ptr<FileKeeper> make_file_keeper(store::Store& store, files::FollowedTree& tree, FilePeers& peers,
                                             FileHost& host, const env::Clock& clock,
                                             const KeeperOptions& options = {});

}  // namespace mullion::cluster
