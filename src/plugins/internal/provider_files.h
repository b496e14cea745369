// The files of plugin providers: programs, and what they unpack.
//
// A program arrives as `.NAME.SHA256` beside its place. Its checksum is committed together with definition
// and content layer; only then it is renamed to NAME. So after a crash the store says which of the two is
// right.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "files/sharing.h"
#include "plugins/providers.h"

namespace mullion::plugins {

inline constexpr std::string_view kProgramSums = "plugin-programs";  // space of the store's secrets

/// A program that arrived, not yet in its place.
struct StagedProgram {
  env::Path path;
  std::string sha256;
  uint64_t size = 0;
};

/// The names of a provider's files as servers that share them know them (sharing.h): its program, and what
/// those begin with that it unpacks.
std::string program_record(std::string_view name);
std::string files_prefix(std::string_view name);
/// A program that arrived and what it unpacked into `unpacked`. Reads all of it: blocks.
Result<std::vector<files::OfferedFile>> offered_files(const StagedProgram& program, std::string_view name,
                                                      const env::Path& unpacked);

/// Thread-safe for different providers.
class ProviderFiles {
 public:
  explicit ProviderFiles(env::Path base_root);
  /// Streams a program in; kTooLarge, kInsufficientStorage. Whoever calls it discards or places it.
  Task<Result<StagedProgram>> receive(const std::string& name, net::BodySource& body,
                                      uint64_t max_bytes) const;
  Result<void> place(const std::string& name, const StagedProgram& staged) const;
  void discard(const StagedProgram& staged) const;
  /// Moves in what was committed before a crash and removes other leftovers.
  void recover(const store::Snapshot& snapshot) const;

  env::Path program(std::string_view name) const { return programs_ / name; }
  /// An empty folder to unpack into.
  Result<env::Path> make_unpack_folder() const;
  /// Puts an unpacked folder in the place of the former one of `name`.
  Result<void> place_unpacked(const std::string& name, const env::Path& folder) const;
  void remove(const std::string& name) const;

 private:
  env::Path unpacked(const std::string& name) const { return files_ / name; }

  const env::Path programs_, files_, uploads_;
};

}  // namespace mullion::plugins
