// The tree of files and isos.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "content/archive.h"
#include "content/content.h"
#include "content/internal/blob_path.h"
#include "content/internal/checksums.h"
#include "content/internal/file_body.h"
#include "content/internal/listing.h"
#include "content/internal/log.h"
#include "content/internal/partial_uploads.h"
#include "content/internal/random_text.h"
#include "content/internal/receive.h"
#include "content/internal/upload_list.h"
#include "env/pools.h"
#include "env/scratch_directory.h"

namespace mullion::content {

namespace {

namespace fs = std::filesystem;
constexpr std::string_view kBuckets[] = {"files", "isos"};
constexpr std::string_view kInstalls = "installs";
/// What this server writes by itself.
constexpr std::string_view kReadOnlyBuckets[] = {kInstalls, "plugins", "catalog"};

Error about_file(ErrorCode code, std::string_view method, std::string_view bucket, std::string_view path,
                 std::string message) {
  return Error(code, std::string(method), std::string(bucket), "/" + std::string(path), {std::move(message)});
}

Error named(Error error, std::string_view method, std::string_view bucket, std::string_view path) {
  error.type = method;
  error.model = bucket;
  error.key = "/" + std::string(path);
  return error;
}

ExplodeLimits explode_limits(const BlobLimits& limits) {
  ExplodeLimits out;
  out.max_bytes = limits.unpacked_bytes;
  out.max_entries = limits.archive_entries;
  out.max_ratio = std::max<uint64_t>(limits.archive_ratio, 1);
  return out;
}

template <size_t kCount>
bool is_one_of(const std::string_view (&buckets)[kCount], std::string_view bucket) {
  return std::find(std::begin(buckets), std::end(buckets), bucket) != std::end(buckets);
}

bool is_bucket(std::string_view bucket) { return is_one_of(kBuckets, bucket); }
bool is_readable(std::string_view bucket) { return is_bucket(bucket) || is_one_of(kReadOnlyBuckets, bucket); }

/// "files/a/b": what a file is called in the side trees.
std::string full_name(std::string_view bucket, std::string_view path) {
  return fmt::format("{}/{}", bucket, path);
}

/// Where an upload goes: checked names.
struct Place {
  std::string bucket;
  std::string path;
  std::string name() const { return full_name(bucket, path); }
};

Result<Place> place_of(std::string_view bucket, std::string_view path) {
  if (!is_bucket(bucket)) return about_file(ErrorCode::kNotFound, "POST", bucket, path, "No such bucket");
  const auto clean = clean_path(path, false);
  if (!clean) return named(clean.error(), "POST", bucket, path);
  if (path.ends_with('/'))
    return about_file(ErrorCode::kBadRequest, "POST", bucket, path, "Invalid path: a directory");
  return Place{std::string(bucket), *clean};
}

env::WallTime wall_time(const FileFacts& facts) {
  return env::WallTime(std::chrono::nanoseconds(facts.modified));
}

FileFacts facts_in(const Blobs::Info& info) {
  return {info.size, info.modified.time_since_epoch().count(), info.number};
}

class FileBlobs final : public Blobs {
 public:
  FileBlobs(env::Path root, const BlobLimits& limits)
      : root_(clean_root(std::move(root))),
        limits_(limits),
        sums_(root_ / ".sums"),
        list_(root_, sums_),
        partials_(root_ / ".unfinished", limits.unfinished_uploads, limits.unfinished_age) {}

  Result<std::vector<std::string>> list(std::string_view bucket, std::string_view directory,
                                        bool all) override;
  Result<Info> stat(std::string_view bucket, std::string_view path) override;
  Task<Result<Info>> put(std::string bucket, std::string path, net::BodySource& body, bool explode,
                         uint64_t max_bytes) override;
  Task<Result<Progress>> append(std::string bucket, std::string path, net::BodySource& body,
                                net::ContentRange piece, bool explode, uint64_t max_bytes) override;
  Result<uint64_t> unfinished(std::string_view bucket, std::string_view path) override;
  Result<void> drop_unfinished(std::string_view bucket, std::string_view path) override;
  Uploads uploads(std::string_view without, size_t most) override { return list_.read(without, most); }
  void on_change(ChangeListener listener) override { listeners_.push_back(std::move(listener)); }
  Result<Info> move(std::string_view bucket, std::string_view from, std::string_view to) override;
  Result<void> remove(std::string_view bucket, std::string_view path) override;
  Result<net::BodySourcePtr> open(const Info& info, uint64_t first, uint64_t last) override;

 private:
  static env::Path clean_root(env::Path root);
  Result<void> check_space(const net::BodySource& body) const;
  Task<Result<void>> append_piece(OutputFile& output, net::BodySource& body, net::ByteRange bytes) const;
  Result<void> check_parent(const Place& place) const;
  Result<void> make_parent(const Place& place) const;
  Result<void> explode_beside(const Place& place, const env::Path& archive);
  Result<void> put_in_place(const std::vector<Place>& places, const std::vector<env::Path>& files,
                            std::vector<std::string>& changed);
  Result<Info> finish(const Place& place, OutputFile output, std::string sha256, bool explode);
  Result<Info> finish_pieces(const Place& place, const PartialUploads::Claim& claim, OutputFile output,
                             bool explode);

  /// Files came, changed or went; `sha256` of an upload.
  void tell(const std::vector<std::string>& names, const std::string& sha256 = "") {
    for (const std::string& name : names) list_.set(name, sha256);
    for (const auto& listener : listeners_) listener(names);
  }

  const env::Path root_;
  const BlobLimits limits_;
  Checksums sums_;
  UploadList list_;
  std::vector<ChangeListener> listeners_;
  PartialUploads partials_;
};

/// Makes the directories, without the uploads that a crash left half done.
env::Path FileBlobs::clean_root(env::Path root) {
  (void)env::remove_tree(root / ".uploads");
  for (const std::string_view directory : {".uploads", ".sums", "files", "isos"}) {
    if (auto made = env::make_directories(root / directory); !made) {
      kLog.error("cannot create directory name={} error={}", directory, made.error().text());
    }
  }
  return root;
}

Result<std::vector<std::string>> FileBlobs::list(std::string_view bucket, std::string_view directory,
                                                 bool all) {
  const auto path = clean_path(directory, true);
  Result<std::vector<std::string>> names = Error(ErrorCode::kNotFound, "");
  if (is_bucket(bucket) && path) names = list_directory(root_ / bucket / *path, all);
  if (names || names.error().code != ErrorCode::kNotFound) return names;
  return about_file(ErrorCode::kNotFound, "GET", bucket, directory, "Not a directory");
}

Result<Blobs::Info> FileBlobs::stat(std::string_view bucket, std::string_view path) {
  const auto clean = clean_path(path, false);
  const Error absent =
      about_file(ErrorCode::kNotFound, "GET", bucket, clean ? *clean : path, "Not a regular file");
  if (!is_readable(bucket) || !clean) return absent;
  Info info;
  info.path = *clean;
  info.file = root_ / bucket / *clean;
  const auto file = InputFile::open(info.file);
  if (!file) return named(file.error(), "GET", bucket, *clean);
  info.size = file->facts().size;
  info.modified = wall_time(file->facts());
  info.number = file->facts().number;
  if (bucket == kInstalls) return info;  // thousands of files, each read once by a few machines
  auto sha256 = sums_.of(full_name(bucket, *clean), *file);
  if (!sha256) return named(sha256.error(), "GET", bucket, *clean);
  info.sha256 = std::move(*sha256);
  return info;
}

/// Refuses at once what cannot fit, instead of when the disk is full for everybody.
Result<void> FileBlobs::check_space(const net::BodySource& body) const {
  std::error_code problem;
  const fs::space_info space = fs::space(root_, problem);
  if (problem || body.size().value_or(0) <= space.available) return {};
  return Error(ErrorCode::kInsufficientStorage,
               fmt::format("{} bytes do not fit: {} are free", *body.size(), space.available));
}

/// Whether the directories above exist or can be made, and no directory is in the file's place. Changes
/// nothing.
Result<void> FileBlobs::check_parent(const Place& place) const {
  const env::Path target = root_ / place.bucket / place.path;
  std::error_code ignored;
  env::Path parent = target.parent_path();
  while (!fs::exists(fs::symlink_status(parent, ignored))) parent = parent.parent_path();
  if (fs::is_directory(parent, ignored) && !fs::is_directory(target, ignored)) return {};
  return about_file(
      ErrorCode::kConflict, "POST", place.bucket, place.path,
      fmt::format("Failed to ensure final directory for {} exists", target.filename().string()));
}

Result<void> FileBlobs::make_parent(const Place& place) const {
  if (auto checked = check_parent(place); !checked) return checked;
  const env::Path parent = (root_ / place.bucket / place.path).parent_path();
  if (env::make_directories(parent)) return {};
  return check_parent(place);
}

Result<void> FileBlobs::explode_beside(const Place& place, const env::Path& archive) {
  const env::ScratchDirectory scratch(root_ / ".uploads" / random_text(18));
  const auto files = content::explode(archive, scratch.path(), explode_limits(limits_));
  if (!files) return files.error();
  std::vector<Place> places;
  std::vector<env::Path> unpacked;
  for (const std::string& file : *files) {
    unpacked.push_back(scratch.path() / file);
    places.push_back({place.bucket, (env::Path(place.path).parent_path() / file).generic_string()});
    // All before the first: an archive that does not fit changes nothing.
    if (auto checked = check_parent(places.back()); !checked) return checked;
  }
  std::vector<std::string> changed;
  Result<void> done = put_in_place(places, unpacked, changed);
  if (!changed.empty()) tell(changed);
  return done;
}

Result<void> FileBlobs::put_in_place(const std::vector<Place>& places, const std::vector<env::Path>& files,
                                     std::vector<std::string>& changed) {
  std::set<env::Path> parents;
  for (size_t i = 0; i < places.size(); ++i) {
    if (auto made = make_parent(places[i]); !made) return made;
    const env::Path target = root_ / places[i].bucket / places[i].path;
    std::error_code problem;
    fs::rename(files[i], target, problem);
    if (problem) return env::error_from_errno(problem.value(), "rename to " + places[i].path);
    sums_.forget(places[i].name());
    changed.push_back(places[i].name());
    parents.insert(target.parent_path());
  }
  for (const env::Path& parent : parents) {
    if (auto synced = env::sync_directory(parent); !synced) return synced;
  }
  return {};
}

/// From a file that is complete in the side tree to one in its place. Blocks.
Result<Blobs::Info> FileBlobs::finish(const Place& place, OutputFile output, std::string sha256,
                                      bool explode) {
  if (auto synced = output.sync(); !synced) return synced.error();
  if (explode) {
    if (auto exploded = explode_beside(place, output.path()); !exploded) return exploded.error();
  }
  const auto facts = output.facts();
  if (!facts) return facts.error();
  Info info{place.path,        facts->size,  std::move(sha256), root_ / place.bucket / place.path,
            wall_time(*facts), facts->number};
  if (auto made = make_parent(place); !made) return made.error();
  if (auto moved = output.move_to(info.file); !moved) return moved.error();
  sums_.remember(place.name(), *facts, info.sha256, Checksums::Origin::kUpload);
  tell({place.name()}, info.sha256);
  return info;
}

Task<Result<Blobs::Info>> FileBlobs::put(std::string bucket, std::string path, net::BodySource& body,
                                         bool explode, uint64_t max_bytes) {
  const auto place = place_of(bucket, path);
  if (!place) co_return place.error();
  if (auto checked = check_parent(*place); !checked) co_return checked.error();
  if (auto fits = check_space(body); !fits) co_return named(fits.error(), "POST", bucket, place->path);
  auto output = OutputFile::create(root_ / ".uploads" / random_text(18));
  if (!output) co_return named(output.error(), "POST", bucket, place->path);
  Sha256 hash;
  Result<uint64_t> received = co_await receive(*output, hash, body, max_bytes);
  if (!received) co_return named(received.error(), "POST", bucket, place->path);
  Result<Info> info = Info{};
  co_await env::run_blocking(explode ? env::Pool::kLong : env::Pool::kDisk,
                             [&] { info = finish(*place, std::move(*output), hash.hex(), explode); });
  if (!info) co_return named(info.error(), "POST", bucket, place->path);
  co_return info;
}

/// Exactly the bytes that were announced, or, when the sender was cut off, the first of them.
Task<Result<void>> FileBlobs::append_piece(OutputFile& output, net::BodySource& body,
                                           net::ByteRange bytes) const {
  const uint64_t length = bytes.last - bytes.first + 1;
  Sha256 unused;
  Result<uint64_t> received = co_await receive(output, unused, body, length);
  const bool wrong_length = received ? *received != length : received.error().code == ErrorCode::kTooLarge;
  if (wrong_length) {
    if (auto taken_back = output.cut(bytes.first); !taken_back) co_return taken_back.error();
    co_return Error(ErrorCode::kBadRequest,
                    fmt::format("Content-Range: expected a body of {} bytes, got another length", length));
  }
  if (!received) co_return received.error();
  Result<void> synced;
  co_await env::run_blocking([&] { synced = output.sync(); });
  co_return synced;
}

/// The last piece is there. What cannot become a file is dropped: nothing could be sent to mend it. Blocks.
Result<Blobs::Info> FileBlobs::finish_pieces(const Place& place, const PartialUploads::Claim& claim,
                                             OutputFile output, bool explode) {
  const auto written = InputFile::open(output.path());
  if (!written) return written.error();
  auto sha256 = sha256_of(*written);
  if (!sha256) return sha256.error();
  auto info = finish(place, std::move(output), std::move(*sha256), explode);
  if (!info) claim.drop();
  return info;
}

Task<Result<Blobs::Progress>> FileBlobs::append(std::string bucket, std::string path, net::BodySource& body,
                                                net::ContentRange piece, bool explode, uint64_t max_bytes) {
  const auto place = place_of(bucket, path);
  if (!place) co_return place.error();
  const auto refused = [&place](Error error) {
    return named(std::move(error), "POST", place->bucket, place->path);
  };
  if (std::max(piece.total.value_or(0), piece.bytes.last + 1) > max_bytes) {
    co_return refused(Error(ErrorCode::kTooLarge, fmt::format("larger than {} bytes", max_bytes)));
  }
  if (auto checked = check_parent(*place); !checked) co_return checked.error();
  if (auto fits = check_space(body); !fits) co_return refused(fits.error());
  const auto claim = partials_.claim(place->name());
  if (!claim) co_return refused(claim.error());
  auto output = claim->open(piece.bytes.first);
  if (!output) co_return refused(output.error());
  Result<void> appended = co_await append_piece(*output, body, piece.bytes);
  if (!appended) co_return refused(appended.error());
  if (!piece.last()) co_return Progress{piece.bytes.last + 1, std::nullopt};

  Result<Info> info = Info{};
  co_await env::run_blocking(env::Pool::kLong,
                             [&] { info = finish_pieces(*place, *claim, std::move(*output), explode); });
  if (!info) co_return refused(info.error());
  co_return Progress{info->size, std::move(*info)};
}

Result<uint64_t> FileBlobs::unfinished(std::string_view bucket, std::string_view path) {
  const auto place = place_of(bucket, path);
  const Error absent = about_file(ErrorCode::kNotFound, "GET", bucket, path, "No unfinished upload");
  if (!place) return absent;
  auto size = partials_.size(place->name());
  return size ? size : absent;
}

Result<void> FileBlobs::drop_unfinished(std::string_view bucket, std::string_view path) {
  if (auto found = unfinished(bucket, path); !found) return named(found.error(), "DELETE", bucket, path);
  const auto place = place_of(bucket, path);
  const auto claim = partials_.claim(place->name());
  if (!claim) return named(claim.error(), "DELETE", bucket, place->path);
  claim->drop();
  return {};
}

Result<Blobs::Info> FileBlobs::move(std::string_view bucket, std::string_view from, std::string_view to) {
  const auto source = place_of(bucket, from);
  const auto target = place_of(bucket, to);
  if (!source || !target) return source ? target.error() : source.error();
  auto info = stat(bucket, from);
  if (!info || source->path == target->path) return info;
  if (auto made = make_parent(*target); !made) return made.error();
  const env::Path old_file = std::exchange(info->file, root_ / bucket / target->path);
  std::error_code problem;
  fs::rename(old_file, info->file, problem);
  if (problem) return env::error_from_errno(problem.value(), "rename to " + target->path);
  info->path = target->path;
  sums_.remember(target->name(), facts_in(*info), info->sha256, Checksums::Origin::kUpload);
  sums_.forget(source->name());
  tell({source->name()});
  tell({target->name()}, info->sha256);
  for (const env::Path& file : {info->file, old_file}) {
    if (auto synced = env::sync_directory(file.parent_path()); !synced) return synced.error();
  }
  return info;
}

Result<void> FileBlobs::remove(std::string_view bucket, std::string_view path) {
  const auto clean = clean_path(path, false);
  const Error refused =
      about_file(ErrorCode::kNotFound, "DELETE", bucket, clean ? *clean : path, "Unable to delete");
  if (!is_bucket(bucket) || !clean) return refused;
  std::error_code problem;
  const env::Path target = root_ / bucket / *clean;
  if (!fs::remove(target, problem) || problem) return refused;  // refuses directories with content
  sums_.forget(full_name(bucket, *clean));
  tell({full_name(bucket, *clean)});
  return env::sync_directory(target.parent_path());
}

Result<net::BodySourcePtr> FileBlobs::open(const Info& info, uint64_t first, uint64_t last) {
  auto file = InputFile::open(info.file);
  if (!file) return file.error();
  if (file->facts() != facts_in(info)) return Error(ErrorCode::kConflict, "file was replaced meanwhile");
  const uint64_t end = std::min(info.size, last == UINT64_MAX ? last : last + 1);
  const uint64_t size = first < end ? end - first : 0;
  return net::BodySourcePtr(std::make_unique<FileBody>(std::move(*file), first, size));
}

}  // namespace

std::unique_ptr<Blobs> make_blobs(env::Path root, const BlobLimits& limits) {
  return std::make_unique<FileBlobs>(std::move(root), limits);
}

}  // namespace mullion::content
