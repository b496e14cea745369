#include "files/followed_tree.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <chrono>
#include <filesystem>

#include "base/mutex.h"
#include "env/disk.h"
#include "env/random.h"
#include "files/file_handle.h"
#include "files/internal/checksums.h"
#include "files/internal/log.h"
#include "files/listing.h"
#include "files/sharing.h"

namespace mullion::files {
namespace {

namespace fs = std::filesystem;
constexpr std::string_view kTrees[] = {"files", "isos", "plugins", "upgrades"};
constexpr std::string_view kPartialEnd = ".part";
constexpr uint64_t kDiskReserve = uint64_t{16} << 20;
constexpr auto kHeldAge = std::chrono::hours(1);
constexpr uint64_t kLargestNotes = uint64_t{1} << 30;

/// A program may be run by this server, and by nobody else.
void give_mode(const env::Path& path, std::string_view name) {
  if (name.starts_with("plugins/")) (void)::chmod(path.c_str(), 0700);
}

class HeldPartial final : public PartialFile {
 public:
  HeldPartial(OutputFile output, uint64_t size, env::Path target, std::string sha256)
      : output_(std::move(output)), size_(size), target_(std::move(target)), sha256_(std::move(sha256)) {}

  uint64_t size() const override { return size_; }
  Result<void> write(std::string_view bytes) override {
    Result<void> written = output_.write(bytes);
    if (written) size_ += bytes.size();
    return written;
  }
  Result<void> finish() override {
    if (Result<void> synced = output_.sync(); !synced) return synced;
    const Result<InputFile> file = InputFile::open(output_.path());
    if (!file) return file.error();
    const Result<std::string> sum = sha256_of(*file);
    if (!sum) return sum.error();
    if (*sum == sha256_) return output_.move_to(target_);
    std::error_code ignored;
    fs::remove(output_.path(), ignored);
    return Error(ErrorCode::kCorrupt, "the bytes that came are not those of the checksum " + sha256_);
  }

 private:
  OutputFile output_;
  uint64_t size_;
  const env::Path target_;
  const std::string sha256_;
};

class DiskTree final : public FollowedTree {
 public:
  DiskTree(env::Path root, env::Path notes)
      : root_(std::move(root)), held_(root_ / ".held"), notes_(std::move(notes)), sums_(root_ / ".sums") {
    for (const env::Path& folder : {held_, root_ / ".sums", notes_.parent_path()}) {
      if (Result<void> made = env::make_directories(folder, 0750); !made)
        kLog.error("cannot create directory name={} error={}", folder.string(), made.error().text());
    }
    read_notes();
  }

  Look look(const FileRecord& record) override {
    const Result<InputFile> file = InputFile::open(place_of(record.name));
    if (!file) return Look::kAbsent;
    if (file->facts().size != record.size) return Look::kDiffers;
    if (const auto sum = sums_.remembered(record.name, *file))
      return *sum == record.sha256 ? Look::kSame : Look::kDiffers;
    const Result<std::string> sum = sha256_of(*file);
    if (!sum || *sum != record.sha256) return Look::kDiffers;
    remember(record, file->facts());
    return Look::kSame;
  }

  Finding verify(const FileRecord& record, const std::function<bool(size_t)>& pace) override {
    const Result<InputFile> file = InputFile::open(place_of(record.name));
    if (!file) return Finding::kAbsent;
    const std::optional<std::string> was = sums_.remembered(record.name, *file);
    if (was && *was != record.sha256) return Finding::kAnother;
    env::Sha256 hash;
    std::string piece;
    bool readable = file->facts().size == record.size;
    for (uint64_t offset = 0; readable && offset < record.size; offset += kPieceSize) {
      readable = file->read(offset, kPieceSize, piece).ok();
      hash.add(piece);
      if (readable && !pace(piece.size())) return Finding::kSame;
    }
    if (readable && hash.hex() == record.sha256) return Finding::kSame;
    sums_.forget(record.name);
    return was ? Finding::kDamaged : Finding::kAnother;
  }

  bool holds(const std::string& sha256) const override {
    std::error_code ignored;
    return fs::is_regular_file(held(sha256), ignored);
  }
  void drop(const std::string& sha256) override {
    std::error_code ignored;
    fs::remove(held(sha256), ignored);
  }
  env::Path held(const std::string& sha256) const override { return held_ / sha256; }
  env::Path place_of(std::string_view name) const override { return root_ / name; }

  Result<void> hold(const env::Path& file, const std::string& sha256) override {
    if (Result<void> linked = link_over(file, held(sha256)); !linked) return linked;
    return env::sync_directory(held_);
  }

  Result<std::unique_ptr<PartialFile>> receive(const std::string& sha256, uint64_t size) override {
    const env::Path path = held_ / (sha256 + std::string(kPartialEnd));
    std::error_code problem;
    uint64_t there = fs::file_size(path, problem);
    if (problem || there > size) there = 0;
    const Result<uint64_t> space = env::free_space(held_);
    if (space && *space < size - there + kDiskReserve)
      return Error(ErrorCode::kInsufficientStorage, fmt::format("{} bytes do not fit", size - there));
    Result<OutputFile> output = OutputFile::resume(path, there);
    if (!output) return output.error();
    return std::unique_ptr<PartialFile>(
        std::make_unique<HeldPartial>(std::move(*output), there, held(sha256), sha256));
  }

  Result<void> place(const FileRecord& record) override {
    const env::Path target = place_of(record.name);
    if (Result<void> made = env::make_directories(target.parent_path()); !made) return made;
    give_mode(held(record.sha256), record.name);
    std::error_code ignored;
    if (fs::is_directory(fs::symlink_status(target, ignored))) fs::remove(target, ignored);  // when empty
    if (Result<void> linked = link_over(held(record.sha256), target); !linked) return linked;
    if (const Result<InputFile> file = InputFile::open(target)) remember(record, file->facts());
    return env::sync_directory(target.parent_path());
  }

  Result<void> remove(const std::string& name) override {
    std::error_code problem;
    const env::Path path = place_of(name);
    const bool gone = fs::remove(path, problem);
    if (problem) return env::error_from_errno(problem.value(), "remove " + name);
    sums_.forget(name);
    if (!gone) return {};
    return env::sync_directory(path.parent_path());
  }

  Result<void> set_aside(const std::string& name) override {
    const env::Path target = aside_ / name;
    if (Result<void> made = env::make_directories(target.parent_path(), 0750); !made) return made;
    std::error_code problem;
    fs::rename(place_of(name), target, problem);
    if (problem) return env::error_from_errno(problem.value(), "set aside " + name);
    sums_.forget(name);
    kLog.warn("a file from before this server joined the cluster was set aside in {}", target.string());
    return {};
  }

  void sweep(const std::set<std::string>& wanted, const std::set<std::string>& at_once) override {
    const auto now = fs::file_time_type::clock::now();
    std::error_code problem;
    for (fs::directory_iterator at(held_, problem), end; !problem && at != end; at.increment(problem)) {
      std::string sum = at->path().filename().string();
      if (sum.ends_with(kPartialEnd)) sum.resize(sum.size() - kPartialEnd.size());
      if (wanted.contains(sum)) continue;
      std::error_code ignored;
      const bool old = now - fs::last_write_time(at->path(), ignored) > kHeldAge;
      if (old || at_once.contains(sum)) fs::remove(at->path(), ignored);
    }
  }

  std::vector<std::string> names() const override {
    std::vector<std::string> out;
    for (const std::string_view tree : kTrees) {
      const auto listed = list_directory(root_ / tree, true);
      if (!listed) continue;
      for (const std::string& path : *listed) {
        std::string name = fmt::format("{}/{}", tree, path);
        if (!name.ends_with('/') && is_followed(name)) out.push_back(std::move(name));
      }
    }
    return out;
  }

  Result<FileRecord> describe(const std::string& name) override {
    const Result<InputFile> file = InputFile::open(place_of(name));
    if (!file) return file.error();
    Result<std::string> sum = sums_.of(name, *file);
    if (!sum) return sum.error();
    return FileRecord{name, file->facts().size, std::move(*sum), sums_.is_upload(name)};
  }

  bool known(const std::string& name) const override {
    const Lock lock(mutex_);
    return known_.contains(name);
  }
  bool met() const override {
    const Lock lock(mutex_);
    return met_;
  }
  void note_known(const std::vector<std::string>& names) override {
    const Lock lock(mutex_);
    std::string text;
    for (const std::string& name : names) {
      if (known_.insert(name).second) text += name + "\n";
    }
    if (met_ && text.empty()) return;
    Result<void> noted = env::append_to_file(notes_, text, kLargestNotes);
    if (noted) noted = env::sync_file(notes_);
    if (!noted) kLog.warn("the list of known files cannot be written error={}", noted.error().text());
    met_ = true;
  }

 private:
  void remember(const FileRecord& record, const FileFacts& facts) {
    sums_.remember(record.name, facts, record.sha256,
                   record.upload ? Checksums::Origin::kUpload : Checksums::Origin::kOther);
  }

  /// The file under another name, over what has it.
  Result<void> link_over(const env::Path& from, const env::Path& to) const {
    const env::Path link = held_ / (env::random_text(18) + std::string(kPartialEnd));
    std::error_code problem;
    fs::create_hard_link(from, link, problem);
    if (problem) return env::error_from_errno(problem.value(), "link " + from.filename().string());
    fs::rename(link, to, problem);
    std::error_code ignored;
    fs::remove(link, ignored);  // still there when both were the same file already, or on failure
    if (problem) return env::error_from_errno(problem.value(), "rename to " + to.filename().string());
    return {};
  }

  /// What went meanwhile needs no note any more.
  void read_notes() {
    const Lock lock(mutex_);
    const Result<std::string> text = env::read_file(notes_);
    met_ = text.ok();
    if (!met_) return;
    std::string kept;
    std::string_view rest = *text;
    while (!rest.empty()) {
      const std::string name(rest.substr(0, rest.find('\n')));
      rest.remove_prefix(std::min(rest.size(), name.size() + 1));
      std::error_code ignored;
      if (!is_followed(name) || !fs::exists(fs::symlink_status(place_of(name), ignored))) continue;
      if (known_.insert(name).second) kept += name + "\n";
    }
    if (kept.size() < text->size()) (void)env::write_file_atomic(notes_, kept, 0600);
  }

  const env::Path root_, held_, notes_;
  const env::Path aside_ = root_ / fmt::format("files.before-cluster-{}", env::random_text(9));
  Checksums sums_;
  mutable Mutex mutex_;  // guards what follows
  std::set<std::string> known_ GUARDED_BY(mutex_);
  bool met_ GUARDED_BY(mutex_) = false;
};

}  // namespace

std::unique_ptr<FollowedTree> make_followed_tree(env::Path root, env::Path notes) {
  return std::make_unique<DiskTree>(std::move(root), std::move(notes));
}

}  // namespace mullion::files
