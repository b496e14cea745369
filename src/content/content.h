// Content packs as layers below the writable one, preferences, and files and isos.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "env/file.h"
#include "net/http.h"
#include "store/store.h"

namespace mullion::content {

using env::Task;

/// The stack of layers (contract content.md). Packs are kept in the store's secrets space "contents" as compressed
/// JSON and their effective objects as store owner kLayered; a change of the stack is one commit. Thread-safe.
class Layers {
 public:
  virtual ~Layers() = default;
  /// Loads built-ins and stored packs; first start creates profile `global` and user `rocketskates`.
  virtual Result<void> start() = 0;
  /// JSON array of ContentSummary, top layer first.
  virtual std::string summaries() const = 0;
  virtual Result<std::string> show(std::string_view name) const = 0;
  /// `replace`: PUT (must exist, names match) instead of POST (must not exist). Answers ContentSummary JSON.
  virtual Result<std::string> load(std::string_view content_json, bool replace, std::string_view expected_name,
                                   bool replace_writable, std::string_view principal) = 0;
  virtual Result<void> remove(std::string_view name, std::string_view principal) = 0;
  /// Name and version of every uploaded pack and provider: Components of an Endpoint object.
  struct Component {
    std::string type, name, version;
  };
  virtual std::vector<Component> components() const = 0;
  /// Whether local object (type, key) is held by a layer that must not be overridden: its layer name, or absent.
  virtual std::optional<std::string> read_only_layer(std::string_view type, std::string_view key) const = 0;
  /// Called after every change of the stack: (action, pack name).
  virtual void on_change(std::function<void(std::string_view action, std::string_view name)> listener) = 0;
};
std::unique_ptr<Layers> make_layers(store::Store& store, std::vector<std::string> features);

/// Preferences: table of names, defaults, checks; values in the store (type "preferences", own objects {"Name","Val"},
/// not replicated; baseTokenSecret and systemGrantorSecret in secrets space "state").
class Preferences {
 public:
  virtual ~Preferences() = default;
  /// Every preference with its value.
  virtual std::vector<std::pair<std::string, std::string>> all() const = 0;
  virtual std::string get(std::string_view name) const = 0;
  /// Checks all names and values, then changes all in one commit. kInvalid with the texts of errors.md. `gate` may
  /// refuse a value for reasons outside this room (licence).
  virtual Task<Result<void>> set(std::vector<std::pair<std::string, std::string>> values, std::string principal) = 0;
  using Gate = std::function<Result<void>(std::string_view name, std::string_view value)>;
  virtual void set_gate(Gate gate) = 0;
  /// Called (on the writer thread; be short) after a preference changed.
  virtual void on_change(std::function<void(std::string_view name, std::string_view value)> listener) = 0;
};
std::unique_ptr<Preferences> make_preferences(store::Store& store);

/// The file tree of files/ and isos/. Uploads go to a temporary neighbour, are synced and renamed: readers see the
/// old or the new file, never half. SHA-256 of each file is remembered beside it. Thread-safe.
class Blobs {
 public:
  virtual ~Blobs() = default;
  struct Info {
    std::string path;
    uint64_t size = 0;
    std::string sha256;  // lower-case hex
    env::Path file;
  };
  /// Names relative to `directory`, directories ending in '/', sorted; kNotFound.
  virtual Result<std::vector<std::string>> list(std::string_view bucket, std::string_view directory, bool all) = 0;
  virtual Result<Info> stat(std::string_view bucket, std::string_view path) = 0;
  /// Streams `body` in; kConflict "Failed to ensure final directory for X exists", kTooLarge, kInsufficientStorage.
  virtual Task<Result<Info>> put(std::string bucket, std::string path, net::BodySource& body, bool explode,
                                 uint64_t max_bytes) = 0;
  virtual Result<void> remove(std::string_view bucket, std::string_view path) = 0;
  /// [first, last] inclusive byte range of a file as a body.
  virtual Result<net::BodySourcePtr> open(const Info& info, uint64_t first, uint64_t last) = 0;
};
std::unique_ptr<Blobs> make_blobs(env::Path root);

}  // namespace mullion::content
