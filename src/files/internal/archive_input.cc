#include "files/internal/archive_input.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

namespace mullion::files {

namespace {

/// Of one entry of a tar: four long headers of a megabyte each are the most that the library takes; what it
/// takes without a bound of its own are lists of the holes of a file.
constexpr uint64_t kMostBeforeEntry = uint64_t{4} << 20;
/// Zips and isos list their entries; whoever reads them reads the whole list before the first entry.
constexpr uint64_t kListedBytes = 256;

}  // namespace

Error unreadable(archive* reader) {
  const char* why = archive_error_string(reader);
  return Error(ErrorCode::kInvalid,
               fmt::format("Cannot explode: {}", why != nullptr ? why : "unreadable archive"));
}

Result<std::unique_ptr<ArchiveInput>> ArchiveInput::open(const env::Path& file, const ExplodeLimits& limits) {
  std::error_code problem;
  const uintmax_t bytes = std::filesystem::file_size(file, problem);
  if (problem) return env::error_from_errno(problem.value(), "archive");
  const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return env::error_from_errno(errno, "archive");
  std::unique_ptr<ArchiveInput> input(new ArchiveInput(limits, descriptor, bytes));
  if (auto known = input->look_inside(file); !known) return known.error();
  if (auto begun = input->begin(); !begun) return begun.error();
  return input;
}

ArchiveInput::~ArchiveInput() { ::close(descriptor_); }

/// Whether it is compressed.
Result<void> ArchiveInput::look_inside(const env::Path& file) {
  constexpr int kPlain = 1, kCompressedOnce = 2;
  Result<std::unique_ptr<XzInput>> xz = XzInput::open(descriptor_);
  if (!xz) return xz.error();
  xz_ = std::move(*xz);
  if (xz_) return {};
  Result<ArchivePtr> unpacker = make_unpacker();
  if (!unpacker) return unpacker.error();
  archive* handle = unpacker->get();
  if (archive_read_open_filename(handle, file.c_str(), kPiece) != ARCHIVE_OK) return unreadable(handle);
  const int filters = archive_filter_count(handle);
  if (filters == kPlain) return {};
  if (filters > kCompressedOnce)
    return Error(ErrorCode::kInvalid, "Cannot explode: it is compressed more than once");
  archive_entry* everything = nullptr;
  const int status = archive_read_next_header(handle, &everything);
  if (status != ARCHIVE_OK && status != ARCHIVE_WARN) return unreadable(handle);
  unpacker_ = std::move(*unpacker);
  return {};
}

Result<void> ArchiveInput::begin() {
  Result<ArchivePtr> reader = make_archive_reader();
  if (!reader) return reader.error();
  reader_ = std::move(*reader);
  archive* handle = reader_.get();
  archive_read_set_callback_data(handle, this);
  archive_read_set_read_callback(handle, give);
  if (!is_compressed()) {
    archive_read_set_skip_callback(handle, skip);
    archive_read_set_seek_callback(handle, seek);
  }
  if (archive_read_open1(handle) != ARCHIVE_OK) return failure();
  return {};
}

Error ArchiveInput::failure() const { return refused_ ? *refused_ : unreadable(reader_.get()); }

Result<archive_entry*> ArchiveInput::next() {
  ++entries_;
  continuations_.look(content_.first, std::string_view(piece_).substr(0, content_.second));
  content_ = {};
  searched_from_ = passed_;
  archive_entry* entry = nullptr;
  const int status = archive_read_next_header(reader_.get(), &entry);
  searched_from_.reset();
  if (refused_) return *refused_;
  if (status == ARCHIVE_EOF) return nullptr;
  if (status != ARCHIVE_OK && status != ARCHIVE_WARN) return failure();
  if (auto modest = check_method(); !modest) return modest.error();
  return entry;
}

/// The author of a zip chooses for each entry how much memory it takes to unpack it; of these up to 4 GiB.
Result<void> ArchiveInput::check_method() const {
  const char* name = archive_format_name(reader_.get());
  const std::string_view format = name != nullptr ? name : "";
  for (const std::string_view greedy : {"(lzma)", "(xz)", "(ppmd-1)"}) {
    if (format.ends_with(greedy))
      return Error(ErrorCode::kInvalid, fmt::format("Cannot explode: entry number {} is compressed as {}",
                                                    entries_, greedy.substr(1, greedy.size() - 2)));
  }
  return {};
}

Result<size_t> ArchiveInput::read(char* data, size_t size) {
  in_content_ = true;
  const la_ssize_t got = archive_read_data(reader_.get(), data, size);
  in_content_ = false;
  if (got < 0 || refused_) return failure();
  return static_cast<size_t>(got);
}

bool ArchiveInput::is(int format) const {
  return (archive_format(reader_.get()) & ARCHIVE_FORMAT_BASE_MASK) == format;
}

/// Of an iso by sectors, so that no piece holds content of a file together with directories.
Result<size_t> ArchiveInput::fill() {
  const size_t most = is(ARCHIVE_FORMAT_ISO9660) ? kSector : kPiece;
  if (xz_) return xz_->read(piece_.data(), most);
  if (unpacker_) {
    const la_ssize_t got = archive_read_data(unpacker_.get(), piece_.data(), most);
    if (got < 0) return unreadable(unpacker_.get());
    return static_cast<size_t>(got);
  }
  const ssize_t got = ::pread(descriptor_, piece_.data(), most, static_cast<off_t>(offset_));
  if (got < 0) return env::error_from_errno(errno, "archive");
  offset_ += static_cast<uint64_t>(got);
  return static_cast<size_t>(got);
}

/// `got` bytes came and go to the reader next. Before it has chosen a format, it may be that of isos.
void ArchiveInput::note(size_t got) {
  const uint64_t end = is_compressed() ? passed_ + got : offset_;
  passed_ += got;
  if (!is(0) && !is(ARCHIVE_FORMAT_ISO9660)) return;
  if (searched_from_) listed_ += got;
  if (in_content_) {
    content_ = {end - got, got};
  } else {
    continuations_.look(end - got, std::string_view(piece_).substr(0, got));
  }
}

uint64_t ArchiveInput::most_before_entry() const {
  if (is(ARCHIVE_FORMAT_TAR)) return kMostBeforeEntry;
  return std::max(kMostBeforeEntry, limits_.max_entries * kListedBytes);
}

Result<void> ArchiveInput::check_directories() const {
  if (!is(ARCHIVE_FORMAT_ISO9660)) return {};
  if (continuations_.shared())
    return Error(ErrorCode::kInvalid, "Cannot explode: entries of the iso go on in the same bytes");
  if (listed_ <= most_before_entry()) return {};
  return Error(ErrorCode::kTooLarge,
               fmt::format("Cannot explode: more than {} bytes of directories", most_before_entry()));
}

Result<void> ArchiveInput::check() const {
  if (limits_.stop != nullptr && *limits_.stop)
    return Error(ErrorCode::kUnavailable, "Cannot explode: the server stops");
  if (is_compressed() && passed_ > limits_.free_bytes && passed_ / limits_.max_ratio > bytes_) {
    return Error(ErrorCode::kTooLarge,
                 fmt::format("Cannot explode: unpacks to more than {} times its size", limits_.max_ratio));
  }
  if (Result<void> modest = check_directories(); !modest) return modest;
  const uint64_t most = most_before_entry();
  if (!searched_from_ || passed_ - *searched_from_ <= most) return {};
  return Error(
      ErrorCode::kTooLarge,
      fmt::format("Cannot explode: more than {} bytes to read before entry number {}", most, entries_));
}

la_ssize_t ArchiveInput::give(archive* reader, void* self, const void** piece) {
  auto& input = *static_cast<ArchiveInput*>(self);
  Result<size_t> got = input.fill();
  if (got) input.note(*got);
  const Result<void> fine = got ? input.check() : Result<void>(got.error());
  if (!fine) {
    input.refused_ = fine.error();
    archive_set_error(reader, EIO, "refused");
    return ARCHIVE_FATAL;
  }
  *piece = input.piece_.data();
  return static_cast<la_ssize_t>(*got);
}

la_int64_t ArchiveInput::skip(archive*, void* self, la_int64_t distance) {
  auto& input = *static_cast<ArchiveInput*>(self);
  const uint64_t left = input.bytes_ - std::min(input.offset_, input.bytes_);
  const uint64_t step = std::min(left, static_cast<uint64_t>(std::max<la_int64_t>(distance, 0)));
  input.offset_ += step;
  return static_cast<la_int64_t>(step);
}

la_int64_t ArchiveInput::seek(archive*, void* self, la_int64_t offset, int whence) {
  auto& input = *static_cast<ArchiveInput*>(self);
  const uint64_t from = whence == SEEK_END ? input.bytes_ : whence == SEEK_CUR ? input.offset_ : 0;
  const la_int64_t target = static_cast<la_int64_t>(from) + offset;
  if (target < 0) return ARCHIVE_FATAL;
  input.offset_ = static_cast<uint64_t>(target);
  return target;
}

}  // namespace mullion::files
