#include "files/internal/archive_reader.h"

#include <fmt/format.h>

#include "base/text.h"

namespace mullion::files {

namespace {

/// Characters 0x80 to 0xff of code page 437.
constexpr std::u16string_view kUpperHalf =
    u"ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐"
    u"└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u00a0";
static_assert(kUpperHalf.size() == 128);

/// What the library writes for what it cannot convert.
constexpr std::string_view kLostCharacter = "\xef\xbf\xbd";

struct Support {
  const char* name;
  int (*enable)(archive*);
};
constexpr Support kCompressions[] = {{"uncompressed archives", archive_read_support_filter_none},
                                     {"gzip", archive_read_support_filter_gzip},
                                     {"bzip2", archive_read_support_filter_bzip2},
                                     {"zstd", archive_read_support_filter_zstd},
                                     {"lz4", archive_read_support_filter_lz4},
                                     {"raw bytes", archive_read_support_format_raw},
                                     {"nothing", archive_read_support_format_empty}};
constexpr Support kFormats[] = {{"uncompressed archives", archive_read_support_filter_none},
                                {"tar", archive_read_support_format_tar},
                                {"zip", archive_read_support_format_zip},
                                {"iso", archive_read_support_format_iso9660}};

template <size_t kCount>
Result<ArchivePtr> reader_of(const Support (&parts)[kCount]) {
  ArchivePtr reader(archive_read_new());
  for (const Support& part : parts) {
    // A warning means that the library would run a program for it.
    if (part.enable(reader.get()) != ARCHIVE_OK)
      return Error(ErrorCode::kInternal, fmt::format("libarchive was built without {}", part.name));
  }
  return reader;
}

void append_utf8(std::string& out, char16_t character) {
  if (character < 0x80) {
    out += static_cast<char>(character);
  } else if (character < 0x800) {
    out += static_cast<char>(0xc0 | (character >> 6));
    out += static_cast<char>(0x80 | (character & 0x3f));
  } else {
    out += static_cast<char>(0xe0 | (character >> 12));
    out += static_cast<char>(0x80 | ((character >> 6) & 0x3f));
    out += static_cast<char>(0x80 | (character & 0x3f));
  }
}

bool is_zip(archive* reader) {
  return (archive_format(reader) & ARCHIVE_FORMAT_BASE_MASK) == ARCHIVE_FORMAT_ZIP;
}

std::optional<std::string> readable(archive* reader, std::string_view name) {
  if (name.find(kLostCharacter) != std::string_view::npos) return std::nullopt;
  if (is_valid_utf8(name)) return std::string(name);
  if (is_zip(reader)) return utf8_of_cp437(name);
  return std::nullopt;
}

}  // namespace

std::string utf8_of_cp437(std::string_view bytes) {
  std::string out;
  for (const unsigned char byte : bytes)
    append_utf8(out, byte < 0x80 ? static_cast<char16_t>(byte) : kUpperHalf[byte - 0x80]);
  return out;
}

Result<ArchivePtr> make_unpacker() { return reader_of(kCompressions); }
Result<ArchivePtr> make_archive_reader() { return reader_of(kFormats); }

Utf8Names::Utf8Names()
    : names_(::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr)),
      before_(::uselocale(names_)) {
}  // without that locale nothing changes: what has no name then is refused

Utf8Names::~Utf8Names() {
  ::uselocale(before_);
  if (names_ != nullptr) ::freelocale(names_);
}

std::optional<std::string> entry_name(archive* reader, archive_entry* entry) {
  const char* name = archive_entry_pathname(entry);
  if (name == nullptr || *name == '\0') return std::nullopt;
  return readable(reader, name);
}

std::optional<std::string> hard_link_name(archive* reader, archive_entry* entry) {
  const char* name = archive_entry_hardlink(entry);
  return name == nullptr ? std::string() : readable(reader, name);
}

}  // namespace mullion::files
