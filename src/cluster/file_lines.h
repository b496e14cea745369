// How members give each other files: conversations on connections of their own.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cluster/file_plan.h"
#include "cluster/peer_link.h"
#include "files/followed_tree.h"

namespace mullion::cluster {

struct FileBytes {
  std::string sha256;
  uint64_t size = 0;
  bool operator==(const FileBytes&) const = default;
};

/// The other members, for who keeps the files of this one. Thread-safe.
class FilePeers {
 public:
  virtual ~FilePeers() = default;
  /// Goes on where `into` stands until it is whole; not verified. kNotFound: the member has no such bytes;
  /// kTooManyRequests: it gives to too many; kUnreachable, kTimeout. `rate` bytes a second at most, 0: any.
  /// Blocks.
  virtual Result<void> fetch(MemberId from, const FileBytes& wanted, files::PartialFile& into,
                             uint64_t rate) = 0;
  /// Asks a member to have all of them on its disk, and tells how it ended, by a thread of its own or, when
  /// nobody is asked any more, never.
  virtual void hold(MemberId to, std::vector<FileBytes> files, env::Duration patience,
                    std::function<void(Result<void>)> done) = 0;
};

/// What this member does for the others.
class FileGiver {
 public:
  virtual ~FileGiver() = default;
  /// A file with these bytes, as far as is known; kNotFound. Blocks.
  virtual Result<env::Path> file_of(const FileBytes& wanted) = 0;
  /// Gets them onto the disk here, from `from` when they are not. Blocks.
  virtual Result<void> keep(MemberId from, const std::vector<FileBytes>& files) = 0;
};

std::unique_ptr<FilePeers> make_file_peers(PeerLink& link, const env::Clock& clock);

/// The other side: serves the conversations that file peers begin. Limits how many go on at a time.
class FileServer {
 public:
  FileServer();
  ~FileServer();
  /// As PeerLink::Events::talk. `giver` null: nothing is here yet.
  env::Task<void> serve(MemberId from, std::string kind, net::KeyedStream& stream,
                        std::shared_ptr<FileGiver> giver);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace mullion::cluster
