// Archives that strangers made, entry by entry. Every byte that the reader of a format gets passes here,
// already uncompressed, so that none of its work and memory goes uncounted, and a stop is never waited with.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "files/archive.h"
#include "files/internal/archive_reader.h"
#include "files/internal/iso_continuations.h"
#include "files/internal/xz_input.h"

namespace mullion::files {

class ArchiveInput {
 public:
  /// `limits` has to outlive it. kInvalid, also for what is compressed more than once.
  static Result<std::unique_ptr<ArchiveInput>> open(const env::Path& file, const ExplodeLimits& limits);
  ~ArchiveInput();
  ArchiveInput(const ArchiveInput&) = delete;
  ArchiveInput& operator=(const ArchiveInput&) = delete;

  /// For what is asked about entries.
  archive* reader() const { return reader_.get(); }
  /// Null behind the last one. kInvalid, kTooLarge, kUnavailable.
  Result<archive_entry*> next();
  /// Of the content of the entry; 0 at its end. The same errors.
  Result<size_t> read(char* data, size_t size);

 private:
  ArchiveInput(const ExplodeLimits& limits, int descriptor, uint64_t bytes)
      : limits_(limits), descriptor_(descriptor), bytes_(bytes), piece_(kPiece, '\0') {}

  static constexpr size_t kPiece = size_t{64} << 10;
  static constexpr size_t kSector = size_t{2} << 10;  // of an iso
  static la_ssize_t give(archive*, void* self, const void** piece);
  static la_int64_t skip(archive*, void* self, la_int64_t distance);
  static la_int64_t seek(archive*, void* self, la_int64_t offset, int whence);

  Result<void> look_inside(const env::Path& file);
  Result<void> begin();
  bool is_compressed() const { return unpacker_ != nullptr || xz_ != nullptr; }
  bool is(int format) const;
  Result<size_t> fill();
  void note(size_t got);
  Result<void> check() const;
  Result<void> check_directories() const;
  Result<void> check_method() const;
  uint64_t most_before_entry() const;
  Error failure() const;

  const ExplodeLimits& limits_;
  const int descriptor_;
  const uint64_t bytes_;  // of the archive
  ArchivePtr unpacker_;   // of what is compressed, but for xz
  std::unique_ptr<XzInput> xz_;
  ArchivePtr reader_;
  std::string piece_;
  uint64_t offset_ = 0;  // in the file, when it is not compressed
  uint64_t passed_ = 0;
  std::optional<uint64_t> searched_from_;  // value of passed_ while the next entry is looked for
  size_t entries_ = 0;
  // Of isos, where all that directories list is kept to the end.
  uint64_t listed_ = 0;  // bytes that were read while entries were looked for
  IsoContinuations continuations_;
  bool in_content_ = false;              // what is read belongs to a file, but for the end of its last sector
  std::pair<uint64_t, size_t> content_;  // the piece of content_ that came last: its position, its size
  std::optional<Error> refused_;         // by us, whatever the library makes of it
};

/// What the library says of its failure.
Error unreadable(archive* reader);

}  // namespace mullion::files
