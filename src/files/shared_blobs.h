// The tree of files and isos of a server that shares its files with others.
#pragma once

#include <memory>
#include <string>

#include "files/blobs.h"
#include "files/sharing.h"

namespace mullion::files {

/// As Blobs, but a file is visible once it is agreed on, and goes when that is; one that is agreed on and not
/// here yet is listed, and kUnavailable.
class SharedBlobs : public Blobs {
 public:
  /// A file came into its place, or went, by other hands: listeners are told. Blocks on the disk.
  virtual void noticed(const std::string& name) = 0;
};
/// Uploads in pieces that are not complete end with the server that took them: what is left of earlier ones
/// is dropped here. `sharing` must outlive it.
std::unique_ptr<SharedBlobs> make_shared_blobs(env::Path root, const BlobLimits& limits, Sharing& sharing);

}  // namespace mullion::files
