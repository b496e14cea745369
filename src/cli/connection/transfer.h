// Bytes between files and servers, with progress on a terminal.
#pragma once

#include <chrono>
#include <cstdint>
#include <iosfwd>
#include <string>

#include "catalog/items.h"
#include "cli/tree/command.h"

namespace mullion::cli {

/// A bar on stderr that is redrawn a few times a second; silent when stderr is no terminal.
class Progress {
 public:
  Progress(Terminal& terminal, std::string name);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// `size` 0: unknown. `done` bytes were there before.
  void begin(uint64_t size, uint64_t done = 0);
  void add(uint64_t bytes);

 private:
  void draw();

  Terminal& terminal_;
  std::string name_;
  uint64_t size_ = 0;
  uint64_t done_ = 0;
  uint64_t first_ = 0;
  std::chrono::steady_clock::time_point started_;
  std::chrono::steady_clock::time_point drawn_;
  bool visible_ = false;
};

/// The line a Progress shows; `width` columns at most. Pure.
std::string progress_line(const std::string& name, uint64_t done, uint64_t size, double bytes_per_second,
                          size_t width);

/// Streams the body of the answer to a GET into `out`.
Result<void> download_to_stream(Invocation& call, const client::Request& request, std::ostream& out);

/// Streams the body of the answer to a GET into a file. A file that is there already is fetched only when it
/// differs; what an interrupted download left in FILE.part is completed. The checksum that the server gives
/// is verified before the file takes its name.
Result<void> download_to_file(Invocation& call, const client::Request& request, const std::string& path);

/// Streams an artifact of a catalog into a file, which takes its name only with the right checksum; kCorrupt.
Result<void> fetch_to_file(Invocation& call, const catalog::Artifact& artifact, const std::string& path);

/// Streams a file, "-" (stdin) or an http(s) URL as the body of `request`; the server's answer.
Result<json::value> upload_source(Invocation& call, const client::Request& request,
                                  const std::string& source);

/// Fetches an artifact to a file of its own, and sends it on when its checksum is right.
Result<json::value> upload_artifact(Invocation& call, const client::Request& request,
                                    const catalog::Artifact& artifact);

/// A new name in the folder for temporary files; the file goes with this object.
class ScratchFile {
 public:
  ScratchFile();
  ~ScratchFile();
  ScratchFile(const ScratchFile&) = delete;
  ScratchFile& operator=(const ScratchFile&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace mullion::cli
