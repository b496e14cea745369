// Archives to be unpacked: whatever they hold, nothing appears outside the directory, and limits hold.

#include "files/archive.h"

#include <archive.h>

#include <filesystem>

#include "env/random.h"
#include "files/file_handle.h"
#include "fuzz/fuzz.h"

using namespace mullion;
namespace fs = std::filesystem;

namespace {

constexpr files::ExplodeLimits kLimits{.max_bytes = 1 << 20, .max_entries = 64};

/// A directory of this process, in memory where there is one.
struct Scratch {
  fs::path path = (fs::exists("/dev/shm") ? fs::path("/dev/shm") : fs::temp_directory_path()) /
                  ("mullion-fuzz-" + env::random_uuid());
  Scratch() { fs::create_directories(path); }
  ~Scratch() { fs::remove_all(path); }
};

uint64_t size_of_tree(const fs::path& tree) {
  uint64_t bytes = 0;
  for (const auto& entry : fs::recursive_directory_iterator(tree)) {
    fuzz::require(!entry.is_symlink(), "no links are unpacked");
    fuzz::require(entry.is_directory() || entry.is_regular_file(), "only files and directories are unpacked");
    if (entry.is_regular_file()) bytes += entry.file_size();
  }
  return bytes;
}

}  // namespace

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const Scratch scratch;
  const fs::path file = scratch.path / "archive";
  {
    auto output = files::OutputFile::create(scratch.path / "new");
    fuzz::require(output.ok() && output->write(fuzz::text_of(data, size)).ok(), "the archive can be written");
    fuzz::require(output->move_to(file).ok(), "the archive can be moved");
  }
  const fs::path target = scratch.path / "target";
  const auto files = files::explode(file, target, kLimits);
  if (fs::exists(target)) {
    fuzz::require(size_of_tree(target) <= kLimits.max_bytes, "no more is unpacked than allowed");
  }
  if (files) {
    fuzz::require(files->size() <= kLimits.max_entries, "no more files than allowed");
    for (const std::string& name : *files) {
      fuzz::require(fs::is_regular_file(fs::symlink_status(target / name)), "every file told of is there");
    }
  }
  fs::remove_all(target);
  const auto left = std::distance(fs::directory_iterator(scratch.path), fs::directory_iterator());
  fuzz::require(left == 1, "nothing is unpacked beside the directory");
  return 0;
}
