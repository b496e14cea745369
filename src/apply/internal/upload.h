// Files on their way to an endpoint.
#pragma once

#include <functional>
#include <string>

#include "apply/internal/endpoint_memory.h"
#include "catalog/catalog.h"
#include "client/routes.h"
#include "env/timers.h"
#include "files/blobs.h"
#include "manager/endpoint_calls.h"

namespace mullion::apply {

using env::Task;

/// Where the bytes come from. Thread-safe.
class Artifacts {
 public:
  virtual ~Artifacts() = default;
  /// A file of this server whose checksum is the artifact's. kCorrupt names the artifact and both checksums.
  virtual Task<Result<files::Blobs::Info>> fetch(catalog::Artifact artifact) = 0;
  /// Bytes `first` to `last`, both included; kConflict when the file was replaced since fetch().
  virtual Result<net::BodySourcePtr> open(const files::Blobs::Info& info, uint64_t first, uint64_t last) = 0;
};
/// Files of this server (self://), and what the catalog fetches.
std::unique_ptr<Artifacts> make_artifacts(catalog::Catalog& catalog, files::Blobs& blobs);

/// Called with the bytes that went out since the last call, on the thread of the transfer.
using Moved = std::function<void(uint64_t bytes)>;

/// The endpoint that is worked on. What it refers to outlives the work.
struct Target {
  std::string endpoint;
  manager::EndpointCalls& calls;
  Artifacts& artifacts;
  EndpointMemory& memory;
  store::Store& store;
  const env::Clock& clock;
  const env::Timers& timers;
  Moved moved;
};

/// The whole file as the body of `sent`, which is how `request` goes out; read as it is sent.
Task<Result<client::Answer>> send_file(const Target& target, client::Request request, net::ClientRequest sent,
                                       files::Blobs::Info info);

/// SHA-256 of a file at the endpoint ("files/a"); "" when there is none.
Task<Result<std::string>> checksum_there(manager::EndpointCalls& calls, std::string path);
/// Puts a file to `path` ("files/a", "isos/b") in pieces; goes on where an earlier attempt with
/// the same content ended.
Task<Result<void>> upload_file(const Target& target, std::string path, files::Blobs::Info info, bool explode);
/// The same, and looks whether it is what was sent. kCorrupt: it was not and is removed, for nobody shall use
/// it.
Task<Result<void>> upload_intact(const Target& target, std::string path, files::Blobs::Info info,
                                 bool explode);

/// The size of the next piece, so that one takes a few seconds whatever the link.
uint64_t next_piece(uint64_t piece, env::Duration took);
inline constexpr uint64_t kFirstPiece = uint64_t{1} << 20;
inline constexpr uint64_t kLeastPiece = uint64_t{256} << 10;
inline constexpr uint64_t kLargestPiece = uint64_t{32} << 20;

}  // namespace mullion::apply
