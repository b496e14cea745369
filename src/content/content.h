// Content packs as layers below the writable one, preferences, and files and isos.
#pragma once

#include <boost/json/object.hpp>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "env/file.h"
#include "net/http.h"
#include "net/range.h"
#include "store/store.h"

namespace mullion::content {

using env::Task;

/// What this server does (Info.features).
extern const std::vector<std::string> kFeatures;
/// Whether a content pack may require `feature`: one that the server has announced, or one that only says
/// what the objects of the pack were written for, which its name tells.
bool is_feature_accepted(std::string_view feature, const std::vector<std::string>& announced);

/// The stack of layers (contract content.md). Packs are kept in the store's secrets space "contents" as
/// compressed JSON and their effective objects as store owner kLayered; a change of the stack is one commit.
/// Thread-safe. start(), load(), remove(), show() and seal_clear_values() block on the disk: call them
/// through env::run_blocking, not from coroutines.
class Layers {
 public:
  virtual ~Layers() = default;
  /// Loads built-ins and stored packs; first start creates profile `global` and user `rocketskates`.
  virtual Result<void> start() = 0;
  /// JSON array of ContentSummary, top layer first.
  virtual std::string summaries() const = 0;
  /// ContentSummary of one layer; kNotFound "No such content store".
  virtual Result<std::string> summary(std::string_view name) const = 0;
  /// What a reader may see of a secure value: (prefix, key of the object, SecureData JSON) -> clear JSON, or
  /// absent: the SecureData itself is shown.
  using Opener = std::function<std::optional<std::string>(std::string_view prefix, std::string_view key,
                                                          std::string_view sealed_json)>;
  /// The whole document {"meta","sections"}; kNotFound "No such content store". Without opener secure values
  /// stay sealed.
  virtual Result<std::string> show(std::string_view name, const Opener& opener = {}) const = 0;
  /// `replace`: PUT (must exist, names match) instead of POST (must not exist). Answers ContentSummary JSON.
  /// The document may be YAML. Refused as a whole with the texts of errors.md section 5, the old stack stays:
  /// kBadRequest (unreadable), kConflict (exists), kNotFound, kInvalid (a rule of the stack).
  virtual Result<std::string> load(std::string_view content_json, bool replace,
                                   std::string_view expected_name, bool replace_writable,
                                   std::string_view principal) = 0;
  /// kNotFound, kConflict when other layers require it or objects in use would vanish, kInvalid for
  /// built-ins.
  virtual Result<void> remove(std::string_view name, std::string_view principal) = 0;
  /// What is committed together with the layer of a plugin provider.
  struct Along {
    std::vector<store::Change> changes;
    std::vector<store::SecretChange> secrets;
  };
  /// The same for the content of a plugin provider, whose layer belongs to it: load() and remove() leave it
  /// alone (kConflict). Replaces the layer when the provider is known already.
  virtual Result<void> load_provider(std::string_view document_json, bool replace_writable,
                                     std::string_view principal, Along along) = 0;
  virtual Result<void> remove_provider(std::string_view name, std::string_view principal, Along along) = 0;
  /// A value of a secure parameter inside a pack, and the object that holds it: in clear, or as SecureData.
  struct SecureValue {
    std::string prefix, key, json;
  };
  /// How they become ciphertext: all of a pack at once -> SecureData JSON of each, in their order; what is
  /// SecureData comes back as it is, and can be opened from then on. To be set before start(); without it
  /// clear values are refused.
  using Sealer = std::function<Result<std::vector<std::string>>(const std::vector<SecureValue>& values)>;
  virtual void set_sealer(Sealer sealer) = 0;
  /// Seals what lies clear in packs that were loaded before its parameter became secure. Every pack is tried;
  /// the first error is told.
  virtual Result<void> seal_clear_values() = 0;
  /// Name and version of every uploaded pack and provider: Components of an Endpoint object.
  struct Component {
    std::string type, name, version;
    std::string prerequisites;                        // as its meta has them
    std::shared_ptr<const boost::json::object> meta;  // never null
    /// "PREFIX/KEY" of an object of it with a secret: a sealed value or a password. Empty: none has any.
    std::string secret_holder;
  };
  virtual std::vector<Component> components() const = 0;
  /// Whether local object (type, key) is held by a layer that must not be overridden: its layer name, or
  /// absent.
  virtual std::optional<std::string> read_only_layer(std::string_view type, std::string_view key) const = 0;
  /// Called after every change of the stack.
  using Listener =
      std::function<void(std::string_view action, std::string_view pack, std::string_view principal)>;
  virtual void on_change(Listener listener) = 0;
};
std::unique_ptr<Layers> make_layers(store::Store& store, std::vector<std::string> features);

/// What secret preferences look like in answers; setting this text back changes nothing.
inline constexpr std::string_view kMaskedPreference = "********";

/// Preferences: table of names, defaults, checks; values in the store (type "preferences", own objects
/// {"Name","Val"}, not replicated; baseTokenSecret and systemGrantorSecret in secrets space "state").
class Preferences {
 public:
  virtual ~Preferences() = default;
  /// Every preference with its value, sorted by name. Secret ones are shown as kMaskedPreference.
  virtual std::vector<std::pair<std::string, std::string>> all() const = 0;
  /// "" for unknown names. Cheap: answered from memory.
  virtual std::string get(std::string_view name) const = 0;
  /// Checks all names and values, then changes all in one commit. kInvalid with the texts of errors.md.
  /// `gate` may refuse a value for reasons outside this room (licence).
  virtual Task<Result<void>> set(std::vector<std::pair<std::string, std::string>> values,
                                 std::string principal) = 0;
  using Gate = std::function<Result<void>(std::string_view name, std::string_view value)>;
  virtual void set_gate(Gate gate) = 0;
  /// Called on the runtime after a preference changed and before set() answers; be short. Of secret ones only
  /// the name is told, by the thread that set them.
  virtual void on_change(std::function<void(std::string_view name, std::string_view value)> listener) = 0;
};
std::unique_ptr<Preferences> make_preferences(store::Store& store, env::Runtime& runtime);

/// What uploads and the archives in them may cost.
struct BlobLimits {
  uint64_t unpacked_bytes = uint64_t{64} << 30;
  uint64_t archive_entries = 200'000;
  uint64_t archive_ratio = 250;  // unpacked bytes for each byte of the archive, beyond the first 64 MiB
  size_t unfinished_uploads = 256;
  env::Duration unfinished_age = std::chrono::hours(24);  // untouched for longer: dropped
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
  /// Streams `body` in; `explode` unpacks it beside the file. kConflict "Failed to ensure final directory for
  /// X exists", kTooLarge, kInvalid (an archive that is refused), kInsufficientStorage. Refused uploads leave
  /// nothing behind.
  virtual Task<Result<Info>> put(std::string bucket, std::string path, net::BodySource& body, bool explode,
                                 uint64_t max_bytes) = 0;

  /// How far an upload in pieces has come; `finished` once its last piece is there and the file in its place.
  struct Progress {
    uint64_t size = 0;
    std::optional<Info> finished;
  };
  /// Streams one piece in. Pieces come in order, each beginning where the last one ended; one that begins at
  /// 0 starts again. What arrived of a piece that is cut stays. Errors of put(), and kConflict when the piece
  /// does not fit or another one is under way, kBadRequest when the body is not as long as the piece says.
  virtual Task<Result<Progress>> append(std::string bucket, std::string path, net::BodySource& body,
                                        net::ContentRange piece, bool explode, uint64_t max_bytes) = 0;
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
/// Reads the checksums of uploads that are remembered below `root`.
std::unique_ptr<Blobs> make_blobs(env::Path root, const BlobLimits& limits = {});

}  // namespace mullion::content
