#include "files/archive.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <climits>

#include "files/file_handle.h"
#include "files/internal/archive_input.h"
#include "files/internal/blob_path.h"

namespace mullion::files {

namespace {

Error suspicious(std::string_view name, std::string_view what) {
  return Error(ErrorCode::kInvalid, fmt::format("Cannot explode: entry {} {}", name, what));
}

bool is_link(archive_entry* entry) {
  return archive_entry_hardlink(entry) != nullptr || archive_entry_symlink(entry) != nullptr ||
         archive_entry_filetype(entry) == AE_IFLNK;
}

std::string_view without_dot(std::string_view name) {
  while (name.starts_with("./")) name.remove_prefix(2);
  return name;
}

class Exploder {
 public:
  Exploder(ArchiveInput& input, const env::Path& target, const ExplodeLimits& limits, uint64_t archive_bytes)
      : input_(input), target_(target), limits_(limits), archive_bytes_(archive_bytes) {}

  Result<std::vector<std::string>> run() {
    while (true) {
      const Result<archive_entry*> entry = input_.next();
      if (!entry) return entry.error();
      if (*entry == nullptr) break;
      if (++entries_ > limits_.max_entries) {
        return Error(ErrorCode::kTooLarge,
                     fmt::format("Cannot explode: more than {} entries", limits_.max_entries));
      }
      if (auto wanted = check_wanted(); !wanted) return wanted.error();
      if (auto done = one(*entry); !done) return done.error();
    }
    return std::move(files_);
  }

 private:
  Result<void> one(archive_entry* entry) {
    const std::optional<std::string> whole = entry_name(input_.reader(), entry);
    if (!whole) return nameless();
    if (whole->size() > PATH_MAX) return nameless();  // no file can have it, and nobody can read it
    const std::string_view name = without_dot(*whole);
    if (name.empty() || name == ".") return {};  // the directory itself
    if (name.starts_with('/')) return suspicious(name, "has an absolute path");
    const auto path = clean_path(name, false);
    if (!path) return suspicious(name, "leaves its directory or has a forbidden name");
    if (is_link(entry) && !limits_.leave_links_out) return suspicious(*path, "is a link");
    if (is_link(entry)) return link(*path, entry);
    const auto kind = archive_entry_filetype(entry);
    if (collides(*path, kind == AE_IFDIR)) return suspicious(*path, "is both a file and a directory");
    if (auto few = check_directories(*path); !few) return few;
    if (kind == AE_IFDIR) return env::make_directories(target_ / *path);
    if (kind != AE_IFREG) return suspicious(*path, "is neither a file nor a directory");
    return file(*path);
  }

  /// What is left out without a word is missed when it is too late.
  Error nameless() const {
    return Error(
        ErrorCode::kInvalid,
        fmt::format("Cannot explode: entry number {} has no name, or one that cannot be read", entries_));
  }

  Result<void> link(const std::string& path, archive_entry* entry) {
    const std::optional<std::string> first = hard_link_name(input_.reader(), entry);
    if (!first) return nameless();
    return second_name(path, *first);
  }

  /// Whether an earlier entry stands in the way: a file where a directory is needed, or the reverse.
  bool collides(const env::Path& path, bool is_directory) const {
    std::error_code ignored;
    if (!is_directory && std::filesystem::is_directory(target_ / path, ignored)) return true;
    env::Path directory = target_;
    for (const env::Path& part : is_directory ? path : path.parent_path()) {
      directory /= part;
      if (std::filesystem::is_regular_file(directory, ignored)) return true;
    }
    return false;
  }

  /// Directories that no entry is for cost as much as entries, and each name may need dozens of them.
  Result<void> check_directories(const env::Path& path) {
    std::error_code ignored;
    for (env::Path above = path.parent_path(); !above.empty(); above = above.parent_path()) {
      if (std::filesystem::exists(target_ / above, ignored)) break;
      ++directories_;
    }
    if (directories_ <= limits_.max_entries) return {};
    return Error(ErrorCode::kTooLarge,
                 fmt::format("Cannot explode: more than {} directories", limits_.max_entries));
  }

  /// A place for a file; whether there was one of this name: the last entry of a name wins.
  Result<bool> make_place(const env::Path& target) const {
    if (auto made = env::make_directories(target.parent_path()); !made) return made.error();
    std::error_code ignored;
    return std::filesystem::remove(target, ignored);
  }

  /// Isos tell of two files with one content as of two names. A link to anything but a file that is here
  /// already is left out; `first` is empty for symbolic ones.
  Result<void> second_name(const std::string& path, std::string_view first) {
    const auto other = clean_path(without_dot(first), false);
    std::error_code ignored;
    if (!other || *other == path) return {};
    if (!std::filesystem::is_regular_file(std::filesystem::symlink_status(target_ / *other, ignored)))
      return {};
    if (collides(path, false)) return suspicious(path, "is both a file and a directory");
    if (auto few = check_directories(path); !few) return few;
    const env::Path target = target_ / path;
    const auto again = make_place(target);
    if (!again) return again.error();
    if (::link((target_ / *other).c_str(), target.c_str()) != 0)
      return env::error_from_errno(errno, "link " + path);
    if (!*again) files_.push_back(path);
    return {};
  }

  Result<void> file(const std::string& path) {
    const env::Path target = target_ / path;
    const auto again = make_place(target);
    if (!again) return again.error();
    auto output = OutputFile::create(target);
    if (!output) return output.error();
    if (auto copied = copy(*output); !copied) return copied;
    output->keep();
    if (!*again) files_.push_back(path);
    return {};
  }

  Result<void> copy(OutputFile& output) {
    while (true) {
      const Result<size_t> got = input_.read(piece_.data(), piece_.size());
      if (!got) return got.error();
      if (*got == 0) return {};
      if (auto wanted = check_wanted(); !wanted) return wanted;
      bytes_ += *got;
      if (auto checked = check_size(); !checked) return checked;
      if (auto written = output.write(std::string_view(piece_.data(), *got)); !written) return written;
    }
  }

  Result<void> check_wanted() const {
    if (limits_.stop == nullptr || !*limits_.stop) return {};
    return Error(ErrorCode::kUnavailable, "Cannot explode: the server stops");
  }

  Result<void> check_size() const {
    if (bytes_ > limits_.max_bytes) {
      return Error(ErrorCode::kTooLarge,
                   fmt::format("Cannot explode: more than {} bytes unpacked", limits_.max_bytes));
    }
    if (bytes_ > limits_.free_bytes && bytes_ / limits_.max_ratio > archive_bytes_) {
      return Error(ErrorCode::kTooLarge,
                   fmt::format("Cannot explode: unpacks to more than {} times its size", limits_.max_ratio));
    }
    return {};
  }

  ArchiveInput& input_;
  const env::Path& target_;
  const ExplodeLimits& limits_;
  const uint64_t archive_bytes_;
  size_t entries_ = 0;
  size_t directories_ = 0;  // that were made for what lies in them
  uint64_t bytes_ = 0;
  std::string piece_ = std::string(kPieceSize, '\0');
  std::vector<std::string> files_;
};

/// Once for all files: syncing each would take longer than unpacking.
Result<void> sync_tree(const env::Path& tree) {
  const int descriptor = ::open(tree.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return env::error_from_errno(errno, "open unpacked tree");
  const int failed = ::syncfs(descriptor) != 0 ? errno : 0;
  ::close(descriptor);
  if (failed != 0) return env::error_from_errno(failed, "sync unpacked tree");
  return {};
}

}  // namespace

Result<std::vector<std::pair<std::string, std::string>>> first_entries(const env::Path& archive_path,
                                                                       size_t count, uint64_t max_bytes) {
  const Utf8Names names;
  const ExplodeLimits limits;
  const auto input = ArchiveInput::open(archive_path, limits);
  if (!input) return input.error();
  std::vector<std::pair<std::string, std::string>> out;
  while (out.size() < count) {
    const Result<archive_entry*> entry = (*input)->next();
    if (!entry) return entry.error();
    if (*entry == nullptr) break;
    std::string content(max_bytes, '\0');
    const Result<size_t> got = (*input)->read(content.data(), content.size());
    if (!got) return got.error();
    content.resize(*got);
    out.emplace_back(entry_name((*input)->reader(), *entry).value_or(""), std::move(content));
  }
  return out;
}

Result<std::string> gunzip(std::string_view stream, uint64_t max_bytes) {
  constexpr size_t kStep = 64 * 1024;
  const ArchivePtr reader(archive_read_new());
  archive_read_support_filter_gzip(reader.get());
  archive_read_support_format_raw(reader.get());
  archive_entry* entry = nullptr;
  const bool opened = archive_read_open_memory(reader.get(), stream.data(), stream.size()) == ARCHIVE_OK &&
                      archive_read_next_header(reader.get(), &entry) == ARCHIVE_OK &&
                      archive_filter_code(reader.get(), 0) == ARCHIVE_FILTER_GZIP;
  if (!opened) return Error(ErrorCode::kInvalid, "this is no gzip stream");
  std::string out;
  while (true) {
    const size_t before = out.size();
    out.resize(before + kStep);
    const la_ssize_t got = archive_read_data(reader.get(), out.data() + before, kStep);
    if (got < 0) return Error(ErrorCode::kInvalid, "the gzip stream is damaged");
    out.resize(before + static_cast<size_t>(got));
    if (out.size() > max_bytes)
      return Error(ErrorCode::kTooLarge, fmt::format("the gzip stream holds more than {} bytes", max_bytes));
    if (got == 0) return out;
  }
}

Result<std::vector<std::string>> explode(const env::Path& archive_path, const env::Path& target,
                                         const ExplodeLimits& limits) {
  const Utf8Names names;
  const auto input = ArchiveInput::open(archive_path, limits);
  if (!input) return input.error();
  if (auto made = env::make_directories(target); !made) return made.error();
  std::error_code problem;
  const uintmax_t archive_bytes = std::filesystem::file_size(archive_path, problem);
  if (problem) return env::error_from_errno(problem.value(), "archive");
  auto files = Exploder(**input, target, limits, archive_bytes).run();
  if (!files) return files;
  if (auto synced = sync_tree(target); !synced) return synced.error();
  return files;
}

Result<void> put_tree(const env::Path& tree, const env::Path& place) {
  if (auto made = env::make_directories(place.parent_path()); !made) return made;
  std::error_code ignored;
  const bool occupied = std::filesystem::exists(place, ignored);
  const unsigned how = occupied ? RENAME_EXCHANGE : RENAME_NOREPLACE;
  if (::renameat2(AT_FDCWD, tree.c_str(), AT_FDCWD, place.c_str(), how) != 0)
    return env::error_from_errno(errno, "rename to " + place.string());
  if (auto synced = env::sync_directory(place.parent_path()); !synced) return synced;
  return occupied ? env::remove_tree(tree) : Result<void>();
}

}  // namespace mullion::files
