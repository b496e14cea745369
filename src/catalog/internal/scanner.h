// Reads files/rebar-catalog: checksums, and what packs and providers say of themselves.
#pragma once

#include <string>
#include <vector>

#include "catalog/build.h"
#include "catalog/internal/known_files.h"
#include "catalog/internal/places.h"
#include "env/runtime.h"
#include "files/blobs.h"

namespace mullion::catalog {

struct ScannerOptions {
  env::Path work;        // where programs are copied to before they are asked
  std::string platform;  // "ARCH/OS" of this server: only its programs can be asked
  env::Duration define_limit = std::chrono::seconds(30);
};

/// One scan at a time.
class Scanner {
 public:
  Scanner(files::Blobs& blobs, env::Path known_file, ScannerOptions options)
      : blobs_(blobs), known_(std::move(known_file)), options_(std::move(options)) {}

  struct Scan {
    std::vector<ScannedFile> files;
    size_t fresh = 0;  // those that were new or had changed
  };
  /// Files that vanish meanwhile are left out. An absent tree is an empty one. A file that is there but
  /// cannot be read is an error: a catalog without it would be wrong.
  env::Task<Result<Scan>> run();

 private:
  struct Read {
    std::optional<ScannedFile> file;  // absent: vanished, or it could not be read
    std::optional<Error> failure;     // of reading
    files::Blobs::Info info;
    bool fresh = false;
  };
  Read read(const std::string& path, const Place& place);
  Result<void> read_new(ScannedFile& file, const Place& place, const files::Blobs::Info& info);
  env::Task<Result<ScannedFile>> ask_provider(ScannedFile file, Place place, env::Path program);
  bool is_askable(const Place& place) const;

  files::Blobs& blobs_;
  KnownFiles known_;
  const ScannerOptions options_;
};

}  // namespace mullion::catalog
