// Files and isos.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "env/file.h"
#include "env/runtime.h"
#include "env/worker_pool.h"
#include "net/http.h"
#include "net/range.h"

namespace mullion::files {

using env::Task;

/// What uploads and the archives in them may cost.
struct BlobLimits {
  uint64_t unpacked_bytes = uint64_t{64} << 30;
  uint64_t archive_entries = 200'000;
  uint64_t archive_ratio = 250;  // unpacked bytes for each byte of the archive, beyond the first 64 MiB
  size_t unfinished_uploads = 256;
  env::Duration unfinished_age = std::chrono::hours(24);  // untouched for longer: dropped
  /// Ends unpacking and hashing with kUnavailable once it is true.
  const std::atomic<bool>* stop = nullptr;
};

/// What becomes of an upload, and who pays for it.
struct UploadOptions {
  bool explode = false;  // unpacks it beside the file
  uint64_t max_bytes = 0;
  /// On whose account it is unpacked and hashed; without a name, the server's.
  env::Caller caller = {};
};

/// The file tree of files/ and isos/. Uploads go to a temporary neighbour, are synced and renamed: readers
/// see the old or the new file, never half. SHA-256 of each file is remembered beside it. Thread-safe. What
/// is no Task blocks on the disk: call it through env::run_blocking.
class Blobs {
 public:
  virtual ~Blobs() = default;
  struct Info {
    std::string path;
    uint64_t size = 0;
    std::string sha256;  // lower-case hex
    env::Path file;
    env::WallTime modified;
    uint64_t number = 0;  // of this content of the file: another upload has another one
  };
  /// Names relative to `directory`, directories ending in '/', sorted; `all` descends. kNotFound.
  virtual Result<std::vector<std::string>> list(std::string_view bucket, std::string_view directory,
                                                bool all) = 0;
  /// kNotFound "Not a regular file". Bucket "installs" is what isos unpacked to, without checksums; "plugins"
  /// are the programs of plugin providers, "catalog" is what the catalog keeps. Reads the whole file once
  /// when it was not put here by put().
  virtual Result<Info> stat(std::string_view bucket, std::string_view path) = 0;
  /// The same without reading the file: a checksum that nobody has computed yet is left out. For whatever a
  /// stranger may ask: stat() is long work then (env::Pool::kLong), on the account of who wants the checksum.
  virtual Result<Info> look(std::string_view bucket, std::string_view path) { return stat(bucket, path); }
  /// Streams `body` in. kConflict "Failed to ensure final directory for X exists", kTooLarge, kInvalid (an
  /// archive that is refused), kInsufficientStorage, kUnavailable (too much other work of the caller, or the
  /// server stops). Refused uploads leave nothing behind.
  virtual Task<Result<Info>> put(std::string bucket, std::string path, net::BodySource& body,
                                 UploadOptions options) = 0;

  /// How far an upload in pieces has come; `finished` once its last piece is there and the file in its place.
  struct Progress {
    uint64_t size = 0;
    std::optional<Info> finished;
  };
  /// Streams one piece in. Pieces come in order, each beginning where the last one ended; one that begins at
  /// 0 starts again. What arrived of a piece that is cut stays. Errors of put(), and kConflict when the piece
  /// does not fit or another one is under way, kBadRequest when the body is not as long as the piece says.
  /// After kUnavailable the last piece may be sent again.
  virtual Task<Result<Progress>> append(std::string bucket, std::string path, net::BodySource& body,
                                        net::ContentRange piece, UploadOptions options) = 0;
  /// kNotFound "No unfinished upload".
  virtual Result<uint64_t> unfinished(std::string_view bucket, std::string_view path) = 0;
  /// Forgets the pieces; kNotFound, kConflict while one is under way.
  virtual Result<void> drop_unfinished(std::string_view bucket, std::string_view path) = 0;

  struct Uploads {
    std::map<std::string, std::string> sums;  // name -> SHA-256
    bool complete = true;                     // else there are more
  };
  /// What was uploaded, by name ("files/a", "isos/b"): not what archives unpacked to, not what is below
  /// `without`. In the order of names, `most` at most. Never touches the disk.
  virtual Uploads uploads(std::string_view without, size_t most) = 0;
  using ChangeListener = std::function<void(const std::vector<std::string>& names)>;
  /// Files ("files/a", "isos/b") were uploaded, replaced, unpacked or removed. On any thread; be short. To be
  /// called before the first request.
  virtual void on_change(ChangeListener listener) = 0;

  /// Gives a file another name, over what is there, and keeps its checksum; it counts as an upload.
  /// kNotFound, kConflict "Failed to ensure final directory for X exists".
  virtual Result<Info> move(std::string_view bucket, std::string_view from, std::string_view to) = 0;
  /// A file or an empty directory; kNotFound "Unable to delete".
  virtual Result<void> remove(std::string_view bucket, std::string_view path) = 0;
  /// [first, last] inclusive byte range of a file as a body; kConflict when it is not the file that `info` is
  /// about any more.
  virtual Result<net::BodySourcePtr> open(const Info& info, uint64_t first, uint64_t last) = 0;
};
/// stat() beside the coroutine threads, for what the server does by itself: as long work only when the
/// checksum has to be computed.
Task<Result<Blobs::Info>> stat_aside(Blobs& blobs, std::string bucket, std::string path);
/// Reads the checksums of uploads that are remembered below `root`.
std::unique_ptr<Blobs> make_blobs(env::Path root, const BlobLimits& limits = {});

}  // namespace mullion::files
