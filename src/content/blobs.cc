// The tree of files and isos.
#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "content/content.h"
#include "content/internal/blob_path.h"
#include "content/internal/checksums.h"
#include "content/internal/explode.h"
#include "content/internal/file_handle.h"
#include "content/internal/random_text.h"

namespace mullion::content {

namespace {

namespace fs = std::filesystem;
constexpr Logger kLog("content");
constexpr std::string_view kBuckets[] = {"files", "isos"};
constexpr size_t kMaxListed = 1'000'000;

Error about(ErrorCode code, std::string_view method, std::string_view bucket, std::string_view path,
            std::string message) {
  return Error(code, std::string(method), std::string(bucket), "/" + std::string(path), {std::move(message)});
}

Error named(Error error, std::string_view method, std::string_view bucket, std::string_view path) {
  error.type = method;
  error.model = bucket;
  error.key = "/" + std::string(path);
  return error;
}

/// A range of a file, read directly: pieces of 256 KiB come from the page cache nearly always.
class FileBody final : public net::BodySource {
 public:
  FileBody(InputFile file, uint64_t first, uint64_t size)
      : file_(std::move(file)), at_(first), left_(size), size_(size) {}

  Task<Result<std::string_view>> next() override {
    const auto wanted = static_cast<size_t>(std::min<uint64_t>(left_, kPieceSize));
    if (wanted == 0) co_return std::string_view();
    if (auto read = file_.read(at_, wanted, piece_); !read) co_return read.error();
    if (piece_.size() < wanted)
      co_return Error(ErrorCode::kInternal, "file became shorter while it was read");
    at_ += wanted;
    left_ -= wanted;
    co_return std::string_view(piece_);
  }

  std::optional<uint64_t> size() const override { return size_; }

 private:
  InputFile file_;
  uint64_t at_;
  uint64_t left_;
  uint64_t size_;
  std::string piece_;
};

/// A directory below .uploads that goes away with everything in it.
class ScratchDirectory {
 public:
  explicit ScratchDirectory(env::Path path) : path_(std::move(path)) {}
  ~ScratchDirectory() { (void)env::remove_tree(path_); }
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;
  const env::Path& path() const { return path_; }

 private:
  env::Path path_;
};

class FileBlobs final : public Blobs {
 public:
  explicit FileBlobs(env::Path root) : root_(std::move(root)), sums_(root_ / ".sums") {
    // Uploads that a crash left half done.
    (void)env::remove_tree(root_ / ".uploads");
    for (const std::string_view directory : {".uploads", ".sums", "files", "isos"}) {
      if (auto made = env::make_directories(root_ / directory); !made) {
        kLog.error("cannot create directory name={} error={}", directory, made.error().text());
      }
    }
  }

  Result<std::vector<std::string>> list(std::string_view bucket, std::string_view directory,
                                        bool all) override;
  Result<Info> stat(std::string_view bucket, std::string_view path) override;
  Task<Result<Info>> put(std::string bucket, std::string path, net::BodySource& body, bool explode,
                         uint64_t max_bytes) override;
  Result<void> remove(std::string_view bucket, std::string_view path) override;
  Result<net::BodySourcePtr> open(const Info& info, uint64_t first, uint64_t last) override;

 private:
  struct Received {
    uint64_t size = 0;
    std::string sha256;
  };
  Task<Result<Received>> receive(OutputFile& output, net::BodySource& body, uint64_t max_bytes) const;
  Result<void> make_parent(const std::string& bucket, const std::string& path) const;
  Result<void> explode_beside(const std::string& bucket, const std::string& path, const env::Path& archive);
  Result<Info> finish(const std::string& bucket, const std::string& path, OutputFile output,
                      Received received);

  env::Path root_;
  Checksums sums_;
};

bool is_bucket(std::string_view bucket) {
  return std::find(std::begin(kBuckets), std::end(kBuckets), bucket) != std::end(kBuckets);
}

std::string sum_name(std::string_view bucket, std::string_view path) {
  return fmt::format("{}/{}", bucket, path);
}

void list_one(const fs::directory_entry& entry, const env::Path& base, std::vector<std::string>& names) {
  std::error_code ignored;
  const std::string name = entry.path().lexically_relative(base).generic_string();
  if (entry.is_directory(ignored) && !entry.is_symlink(ignored)) {
    names.push_back(name + "/");
  } else if (entry.is_regular_file(ignored)) {
    names.push_back(name);
  }
}

template <typename Iterator>
Result<std::vector<std::string>> list_with(const env::Path& base) {
  std::vector<std::string> names;
  std::error_code problem;
  for (Iterator at(base, problem), end; !problem && at != end; at.increment(problem)) {
    list_one(*at, base, names);
    if (names.size() > kMaxListed)
      return Error(ErrorCode::kTooLarge, "directory has more than 1000000 names");
  }
  if (problem) return Error(ErrorCode::kInternal, "cannot list directory: " + problem.message());
  std::sort(names.begin(), names.end());
  return names;
}

Result<std::vector<std::string>> FileBlobs::list(std::string_view bucket, std::string_view directory,
                                                 bool all) {
  const auto path = clean_path(directory, true);
  std::error_code ignored;
  const env::Path base = root_ / bucket / (path ? *path : "");
  if (!is_bucket(bucket) || !path || !fs::is_directory(base, ignored)) {
    return about(ErrorCode::kNotFound, "GET", bucket, directory, "Not a directory");
  }
  return all ? list_with<fs::recursive_directory_iterator>(base) : list_with<fs::directory_iterator>(base);
}

Result<Blobs::Info> FileBlobs::stat(std::string_view bucket, std::string_view path) {
  const auto clean = clean_path(path, false);
  const Error absent =
      about(ErrorCode::kNotFound, "GET", bucket, clean ? *clean : path, "Not a regular file");
  if (!is_bucket(bucket) || !clean) return absent;
  Info info;
  info.path = *clean;
  info.file = root_ / bucket / *clean;
  const auto file = InputFile::open(info.file);
  if (!file) return named(file.error(), "GET", bucket, *clean);
  info.size = file->facts().size;
  auto sha256 = sums_.of(sum_name(bucket, *clean), *file);
  if (!sha256) return named(sha256.error(), "GET", bucket, *clean);
  info.sha256 = std::move(*sha256);
  return info;
}

Task<Result<FileBlobs::Received>> FileBlobs::receive(OutputFile& output, net::BodySource& body,
                                                     uint64_t max_bytes) const {
  Received received;
  Sha256 hash;
  while (true) {
    Result<std::string_view> piece = co_await body.next();
    if (!piece) co_return piece.error();
    if (piece->empty()) break;
    received.size += piece->size();
    if (received.size > max_bytes) {
      co_return Error(ErrorCode::kTooLarge, fmt::format("larger than {} bytes", max_bytes));
    }
    hash.add(*piece);
    if (auto written = output.write(*piece); !written) co_return written.error();
  }
  Result<void> synced;
  // Large files take seconds to become durable: not on a thread that serves others.
  co_await env::run_blocking([&output, &synced] { synced = output.sync(); });
  if (!synced) co_return synced.error();
  received.sha256 = hash.hex();
  co_return received;
}

Result<void> FileBlobs::make_parent(const std::string& bucket, const std::string& path) const {
  const env::Path target = root_ / bucket / path;
  std::error_code ignored;
  const bool made =
      env::make_directories(target.parent_path()).ok() && fs::is_directory(target.parent_path(), ignored);
  if (made && !fs::is_directory(target, ignored)) return {};
  return about(ErrorCode::kConflict, "POST", bucket, path,
               fmt::format("Failed to ensure final directory for {} exists", target.filename().string()));
}

Result<void> FileBlobs::explode_beside(const std::string& bucket, const std::string& path,
                                       const env::Path& archive) {
  const ScratchDirectory scratch(root_ / ".uploads" / random_text(18));
  const auto files = content::explode(archive, scratch.path(), ExplodeLimits{});
  if (!files) return files.error();
  const std::string parent = env::Path(path).parent_path().generic_string();
  for (const std::string& file : *files) {
    const std::string name = parent.empty() ? file : parent + "/" + file;
    if (auto made = make_parent(bucket, name); !made) return made;
    std::error_code problem;
    fs::rename(scratch.path() / file, root_ / bucket / name, problem);
    if (problem) return env::error_from_errno(problem.value(), "rename to " + name);
    sums_.forget(sum_name(bucket, name));
  }
  return {};
}

Result<Blobs::Info> FileBlobs::finish(const std::string& bucket, const std::string& path, OutputFile output,
                                      Received received) {
  Info info{path, received.size, std::move(received.sha256), root_ / bucket / path};
  if (auto made = make_parent(bucket, path); !made) return made.error();
  if (auto moved = output.move_to(info.file); !moved) return named(moved.error(), "POST", bucket, path);
  if (const auto facts = file_facts(info.file); facts && facts->size == info.size) {
    sums_.remember(sum_name(bucket, path), *facts, info.sha256);
  }
  return info;
}

Task<Result<Blobs::Info>> FileBlobs::put(std::string bucket, std::string path, net::BodySource& body,
                                         bool explode, uint64_t max_bytes) {
  const auto clean = clean_path(path, false);
  if (!is_bucket(bucket)) co_return about(ErrorCode::kNotFound, "POST", bucket, path, "No such bucket");
  if (!clean) co_return named(clean.error(), "POST", bucket, path);
  if (path.ends_with('/'))
    co_return about(ErrorCode::kBadRequest, "POST", bucket, path, "Invalid path: a directory");
  if (auto made = make_parent(bucket, *clean); !made) co_return made.error();

  auto output = OutputFile::create(root_ / ".uploads" / random_text(18));
  if (!output) co_return named(output.error(), "POST", bucket, *clean);
  Result<Received> received = co_await receive(*output, body, max_bytes);
  if (!received) co_return named(received.error(), "POST", bucket, *clean);

  Result<void> exploded;
  if (explode) {
    co_await env::run_blocking([&] { exploded = explode_beside(bucket, *clean, output->path()); });
  }
  if (!exploded) co_return named(exploded.error(), "POST", bucket, *clean);
  co_return finish(bucket, *clean, std::move(*output), std::move(*received));
}

Result<void> FileBlobs::remove(std::string_view bucket, std::string_view path) {
  const auto clean = clean_path(path, false);
  const Error refused =
      about(ErrorCode::kNotFound, "DELETE", bucket, clean ? *clean : path, "Unable to delete");
  if (!is_bucket(bucket) || !clean) return refused;
  std::error_code problem;
  const env::Path target = root_ / bucket / *clean;
  if (!fs::remove(target, problem) || problem) return refused;  // refuses directories with content
  sums_.forget(sum_name(bucket, *clean));
  return env::sync_directory(target.parent_path());
}

Result<net::BodySourcePtr> FileBlobs::open(const Info& info, uint64_t first, uint64_t last) {
  auto file = InputFile::open(info.file);
  if (!file) return file.error();
  if (file->facts().size != info.size) return Error(ErrorCode::kConflict, "file was replaced meanwhile");
  const uint64_t end = std::min(info.size, last == UINT64_MAX ? last : last + 1);
  const uint64_t size = first < end ? end - first : 0;
  return net::BodySourcePtr(std::make_unique<FileBody>(std::move(*file), first, size));
}

}  // namespace

std::unique_ptr<Blobs> make_blobs(env::Path root) { return std::make_unique<FileBlobs>(std::move(root)); }

}  // namespace mullion::content
