// Readers of archives that strangers made: which formats there are, and what their entries are called.
#pragma once

#include <archive.h>
#include <archive_entry.h>
#include <locale.h>

#include <memory>
#include <optional>
#include <string>

#include "base/result.h"

namespace mullion::files {

struct CloseArchive {
  void operator()(archive* handle) const { archive_read_free(handle); }
};
using ArchivePtr = std::unique_ptr<archive, CloseArchive>;

/// The only ways to readers. Of what is compressed with gzip, bzip2, zstd or lz4, as one entry, by code of
/// this process (xz_input.h is for xz): filters of the library that start programs are not among them.
/// kInternal when the library was built without one of these.
Result<ArchivePtr> make_unpacker();
/// Of tar, zip and iso, not compressed. kInternal likewise.
Result<ArchivePtr> make_archive_reader();

/// While it lives, the library gives names to this thread in UTF-8. It belongs to the thread that made it.
class Utf8Names {
 public:
  Utf8Names();
  ~Utf8Names();
  Utf8Names(const Utf8Names&) = delete;
  Utf8Names& operator=(const Utf8Names&) = delete;

 private:
  locale_t names_;
  locale_t before_;
};

/// What an entry is called, in UTF-8. Names of zip archives that are not UTF-8 are CP437, as the format says.
/// Absent when nobody can say: no name, bytes of an unknown character set, or characters that got lost.
/// Needs an Utf8Names.
std::optional<std::string> entry_name(archive* reader, archive_entry* entry);
/// The same for what a hard link is another name of; an empty text when the entry is none.
std::optional<std::string> hard_link_name(archive* reader, archive_entry* entry);

/// `bytes` of code page 437 as UTF-8.
std::string utf8_of_cp437(std::string_view bytes);

}  // namespace mullion::files
