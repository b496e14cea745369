// The tree of files and isos.
#include "files/blobs.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "env/pools.h"
#include "env/random.h"
#include "env/scratch_directory.h"
#include "files/archive.h"
#include "files/file_body.h"
#include "files/file_handle.h"
#include "files/internal/blob_path.h"
#include "files/internal/checksums.h"
#include "files/internal/log.h"
#include "files/internal/partial_uploads.h"
#include "files/internal/upload_list.h"
#include "files/listing.h"
#include "files/receive.h"
#include "files/shared_blobs.h"
#include "files/sharing.h"

namespace mullion::files {

namespace {

namespace fs = std::filesystem;
constexpr std::string_view kBuckets[] = {"files", "isos"};
constexpr std::string_view kInstalls = "installs";
constexpr std::string_view kUnfinished = ".unfinished";  // uploads in pieces
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
  out.stop = limits.stop;
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

/// An upload that is complete aside, and what an archive unpacked to.
struct Arrival {
  Place place;
  OutputFile output;
  std::string sha256;
  FileFacts facts = {};
  std::unique_ptr<env::ScratchDirectory> scratch = nullptr;
  std::vector<Place> places = {};
  std::vector<env::Path> unpacked = {};
};

class FileBlobs final : public SharedBlobs {
 public:
  FileBlobs(env::Path root, const BlobLimits& limits, Sharing* sharing)
      : root_(clean_root(std::move(root))),
        limits_(limits),
        sharing_(sharing),
        sums_(root_ / ".sums", limits.stop),
        list_(root_, sums_),
        partials_(root_ / kUnfinished, limits.unfinished_uploads, limits.unfinished_age) {}

  Result<std::vector<std::string>> list(std::string_view bucket, std::string_view directory,
                                        bool all) override;
  Result<Info> stat(std::string_view bucket, std::string_view path) override;
  Result<Info> look(std::string_view bucket, std::string_view path) override;
  Task<Result<Info>> put(std::string bucket, std::string path, net::BodySource& body,
                         UploadOptions options) override;
  Task<Result<Progress>> append(std::string bucket, std::string path, net::BodySource& body,
                                net::ContentRange piece, UploadOptions options) override;
  Result<uint64_t> unfinished(std::string_view bucket, std::string_view path) override;
  Result<void> drop_unfinished(std::string_view bucket, std::string_view path) override;
  Uploads uploads(std::string_view without, size_t most) override { return list_.read(without, most); }
  void on_change(ChangeListener listener) override { listeners_.push_back(std::move(listener)); }
  Result<Info> move(std::string_view bucket, std::string_view from, std::string_view to) override;
  Result<void> remove(std::string_view bucket, std::string_view path) override;
  Result<net::BodySourcePtr> open(const Info& info, uint64_t first, uint64_t last) override;
  void noticed(const std::string& name) override;

 private:
  enum class Sum { kComputed, kRemembered };
  static env::Path clean_root(env::Path root);
  Result<Info> describe(std::string_view bucket, std::string_view path, Sum sum) const;
  Result<void> check_space(const net::BodySource& body) const;
  Task<Result<void>> append_piece(OutputFile& output, net::BodySource& body, net::ByteRange bytes,
                                  const std::string& caller) const;
  Result<void> check_parent(const Place& place) const;
  Result<void> make_parent(const Place& place) const;
  Result<void> explode_aside(Arrival& arrival) const;
  Result<void> put_in_place(const std::vector<Place>& places, const std::vector<env::Path>& files,
                            std::vector<std::string>& changed);
  Result<void> prepare(Arrival& arrival, bool explode) const;
  Task<Result<void>> share(const Arrival& arrival, const env::Caller& caller) const;
  Result<Info> place(Arrival& arrival);
  Task<Result<Info>> finish(Arrival& arrival, const UploadOptions& options);
  Task<Result<Info>> finish_pieces(Arrival& arrival, const UploadOptions& options);
  Result<void> move_file(const Place& source, const Place& target, const Info& info) const;
  bool is_shared(std::string_view name) const { return sharing_ != nullptr && sharing_->find(name); }
  Error not_here(std::string_view bucket, std::string_view path) const;
  void add_shared(std::string_view bucket, std::string_view directory, bool all,
                  std::vector<std::string>& names) const;

  /// Files came, changed or went; `sha256` of an upload.
  void tell(const std::vector<std::string>& names, const std::string& sha256 = "") {
    for (const std::string& name : names) list_.set(name, sha256);
    for (const auto& listener : listeners_) listener(names);
  }

  const env::Path root_;
  const BlobLimits limits_;
  Sharing* const sharing_;  // null: the files are this server's alone
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
  if (sharing_ != nullptr && is_bucket(bucket) && path) {
    std::vector<std::string> merged = names ? std::move(*names) : std::vector<std::string>();
    add_shared(bucket, *path, all, merged);
    if (names || !merged.empty()) names = std::move(merged);
  }
  if (names || names.error().code != ErrorCode::kNotFound) return names;
  return about_file(ErrorCode::kNotFound, "GET", bucket, directory, "Not a directory");
}

Result<Blobs::Info> FileBlobs::stat(std::string_view bucket, std::string_view path) {
  return describe(bucket, path, Sum::kComputed);
}

Result<Blobs::Info> FileBlobs::look(std::string_view bucket, std::string_view path) {
  return describe(bucket, path, Sum::kRemembered);
}

Result<Blobs::Info> FileBlobs::describe(std::string_view bucket, std::string_view path, Sum sum) const {
  const auto clean = clean_path(path, false);
  const Error absent =
      about_file(ErrorCode::kNotFound, "GET", bucket, clean ? *clean : path, "Not a regular file");
  if (!is_readable(bucket) || !clean) return absent;
  Info info;
  info.path = *clean;
  info.file = root_ / bucket / *clean;
  const auto file = InputFile::open(info.file);
  if (!file && file.error().code == ErrorCode::kNotFound) return not_here(bucket, *clean);
  if (!file) return named(file.error(), "GET", bucket, *clean);
  info.size = file->facts().size;
  info.modified = wall_time(file->facts());
  info.number = file->facts().number;
  if (bucket == kInstalls) return info;  // thousands of files, each read once by a few machines
  const std::string name = full_name(bucket, *clean);
  if (sum == Sum::kRemembered) {
    info.sha256 = sums_.remembered(name, *file).value_or("");
    return info;
  }
  auto sha256 = sums_.of(name, *file);
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

Result<void> FileBlobs::explode_aside(Arrival& arrival) const {
  arrival.scratch = std::make_unique<env::ScratchDirectory>(root_ / ".uploads" / env::random_text(18));
  const env::Path& folder = arrival.scratch->path();
  const auto files = files::explode(arrival.output.path(), folder, explode_limits(limits_));
  if (!files) return files.error();
  const env::Path beside = env::Path(arrival.place.path).parent_path();
  for (const std::string& file : *files) {
    arrival.unpacked.push_back(folder / file);
    arrival.places.push_back({arrival.place.bucket, (beside / file).generic_string()});
    // All before the first: an archive that does not fit changes nothing.
    if (auto checked = check_parent(arrival.places.back()); !checked) return checked;
  }
  return {};
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

/// Everything of it is on the disk, aside. Blocks.
Result<void> FileBlobs::prepare(Arrival& arrival, bool explode) const {
  if (auto synced = arrival.output.sync(); !synced) return synced;
  if (explode) {
    if (auto exploded = explode_aside(arrival); !exploded) return exploded;
  }
  const auto facts = arrival.output.facts();
  if (!facts) return facts.error();
  arrival.facts = *facts;
  return {};
}

/// From files aside to files in their places. Blocks.
Result<Blobs::Info> FileBlobs::place(Arrival& arrival) {
  std::vector<std::string> changed;
  const Result<void> unpacked = put_in_place(arrival.places, arrival.unpacked, changed);
  if (!changed.empty()) tell(changed);
  if (!unpacked) return unpacked.error();
  Info info{arrival.place.path,       arrival.facts.size,
            arrival.sha256,           root_ / arrival.place.bucket / arrival.place.path,
            wall_time(arrival.facts), arrival.facts.number};
  if (auto made = make_parent(arrival.place); !made) return made.error();
  if (auto moved = arrival.output.move_to(info.file); !moved) return moved.error();
  sums_.remember(arrival.place.name(), arrival.facts, info.sha256, Checksums::Origin::kUpload);
  tell({arrival.place.name()}, info.sha256);
  return info;
}

/// What is to be agreed on before it is visible. Blocks: everything that was unpacked is read.
Result<std::vector<OfferedFile>> offers_of(const Arrival& arrival, const std::atomic<bool>* stop) {
  std::vector<OfferedFile> out;
  for (size_t i = 0; i < arrival.places.size(); ++i) {
    const auto file = InputFile::open(arrival.unpacked[i]);
    if (!file) return file.error();
    auto sum = sha256_of(*file, stop);
    if (!sum) return sum.error();
    FileRecord record{arrival.places[i].name(), file->facts().size, std::move(*sum), false};
    out.push_back({std::move(record), arrival.unpacked[i]});
  }
  FileRecord record{arrival.place.name(), arrival.facts.size, arrival.sha256, true};
  out.push_back({std::move(record), arrival.output.path()});
  return out;
}

/// A majority has the bytes, and the change holds for all.
Task<Result<void>> FileBlobs::share(const Arrival& arrival, const env::Caller& caller) const {
  if (sharing_ == nullptr) co_return Result<void>();
  Result<std::vector<OfferedFile>> offers = Error(ErrorCode::kInternal, "");
  Result<void> done = co_await env::run_blocking(env::Pool::kLong, caller,
                                                 [&] { offers = offers_of(arrival, limits_.stop); });
  if (!done) co_return done;
  if (!offers) co_return offers.error();
  FileChanges changes;
  for (const OfferedFile& offer : *offers) changes.put.push_back(offer.record);
  done = co_await sharing_->hold(std::move(*offers));
  if (!done) co_return done;
  co_await env::run_blocking([&] { done = sharing_->commit(changes); });
  co_return done;
}

/// From a file that is complete in the side tree to one in its place.
Task<Result<Blobs::Info>> FileBlobs::finish(Arrival& arrival, const UploadOptions& options) {
  const env::Pool pool = options.explode ? env::Pool::kLong : env::Pool::kDisk;
  Result<void> ready;
  const Result<void> run =
      co_await env::run_blocking(pool, options.caller, [&] { ready = prepare(arrival, options.explode); });
  if (!run) ready = run;
  if (ready) ready = co_await share(arrival, options.caller);
  Result<Info> info = Info{};
  co_await env::run_admitted(pool, options.caller, [&] {
    if (ready) {
      info = place(arrival);
    } else {
      info = ready.error();
    }
    arrival.scratch.reset();
  });
  co_return info;
}

Task<Result<Blobs::Info>> FileBlobs::put(std::string bucket, std::string path, net::BodySource& body,
                                         UploadOptions options) {
  const auto place = place_of(bucket, path);
  if (!place) co_return place.error();
  if (auto checked = check_parent(*place); !checked) co_return checked.error();
  if (auto fits = check_space(body); !fits) co_return named(fits.error(), "POST", bucket, place->path);
  auto output = OutputFile::create(root_ / ".uploads" / env::random_text(18));
  if (!output) co_return named(output.error(), "POST", bucket, place->path);
  env::Sha256 hash;
  Result<uint64_t> received = co_await receive(*output, hash, body, options.max_bytes, options.caller.name);
  if (!received) co_return named(received.error(), "POST", bucket, place->path);
  Arrival arrival{*place, std::move(*output), hash.hex()};
  Result<Info> info = co_await finish(arrival, options);
  if (!info) co_return named(info.error(), "POST", bucket, place->path);
  co_return info;
}

/// Exactly the bytes that were announced, or, when the sender was cut off, the first of them.
Task<Result<void>> FileBlobs::append_piece(OutputFile& output, net::BodySource& body, net::ByteRange bytes,
                                           const std::string& caller) const {
  const uint64_t length = bytes.last - bytes.first + 1;
  env::Sha256 unused;
  Result<uint64_t> received = co_await receive(output, unused, body, length, caller);
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

/// Blocks.
Result<std::string> sum_of(const env::Path& path, const std::atomic<bool>* stop) {
  const auto written = InputFile::open(path);
  if (!written) return written.error();
  return sha256_of(*written, stop);
}

/// The same for one that came in pieces, whose sum nobody knows yet.
Task<Result<Blobs::Info>> FileBlobs::finish_pieces(Arrival& arrival, const UploadOptions& options) {
  Result<std::string> sum = std::string();
  const Result<void> run = co_await env::run_blocking(
      env::Pool::kLong, options.caller, [&] { sum = sum_of(arrival.output.path(), limits_.stop); });
  if (!run) co_return run.error();
  if (!sum) co_return sum.error();
  arrival.sha256 = std::move(*sum);
  co_return co_await finish(arrival, options);
}

Task<Result<Blobs::Progress>> FileBlobs::append(std::string bucket, std::string path, net::BodySource& body,
                                                net::ContentRange piece, UploadOptions options) {
  const auto place = place_of(bucket, path);
  if (!place) co_return place.error();
  const auto refused = [&place](Error error) {
    return named(std::move(error), "POST", place->bucket, place->path);
  };
  if (std::max(piece.total.value_or(0), piece.bytes.last + 1) > options.max_bytes) {
    co_return refused(Error(ErrorCode::kTooLarge, fmt::format("larger than {} bytes", options.max_bytes)));
  }
  if (auto checked = check_parent(*place); !checked) co_return checked.error();
  if (auto fits = check_space(body); !fits) co_return refused(fits.error());
  const auto claim = partials_.claim(place->name());
  if (!claim) co_return refused(claim.error());
  auto output = claim->open(piece.bytes.first);
  if (!output) co_return refused(output.error());
  Result<void> appended = co_await append_piece(*output, body, piece.bytes, options.caller.name);
  if (!appended) co_return refused(appended.error());
  if (!piece.last()) co_return Progress{piece.bytes.last + 1, std::nullopt};

  Arrival arrival{*place, std::move(*output), ""};
  Result<Info> info = co_await finish_pieces(arrival, options);
  if (info) co_return Progress{info->size, std::move(*info)};
  co_await env::run_blocking([&] {
    // What came too early, or too late, may be tried again with its last piece; what cannot become a file is
    // dropped: nothing could be sent to mend it.
    const bool again = info.error().code == ErrorCode::kUnavailable;
    if (!again || !arrival.output.cut(piece.bytes.first)) claim->drop();
  });
  co_return refused(info.error());
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

/// To where `info` says. Of a shared file the old name may go by other hands as soon as the new one is agreed
/// on.
Result<void> FileBlobs::move_file(const Place& source, const Place& target, const Info& info) const {
  const env::Path old_file = root_ / source.bucket / source.path;
  std::error_code problem;
  if (sharing_ == nullptr) {
    fs::rename(old_file, info.file, problem);
    if (problem) return env::error_from_errno(problem.value(), "rename to " + target.path);
    return {};
  }
  const env::ScratchDirectory aside(root_ / ".uploads" / env::random_text(18));
  if (auto made = env::make_directories(aside.path()); !made) return made;
  fs::create_hard_link(old_file, aside.path() / "file", problem);
  if (problem) return env::error_from_errno(problem.value(), "link " + source.path);
  const FileRecord record{target.name(), info.size, info.sha256, true};
  if (auto agreed = sharing_->commit({{record}, {source.name()}}); !agreed) return agreed;
  fs::rename(aside.path() / "file", info.file, problem);
  if (problem) return env::error_from_errno(problem.value(), "rename to " + target.path);
  std::error_code ignored;
  fs::remove(old_file, ignored);
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
  if (auto moved = move_file(*source, *target, *info); !moved) return moved.error();
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
  const std::string name = full_name(bucket, *clean);
  const bool shared = is_shared(name);
  if (shared) {
    if (auto agreed = sharing_->commit({{}, {name}}); !agreed)
      return named(agreed.error(), "DELETE", bucket, *clean);
  }
  const env::Path target = root_ / bucket / *clean;
  const bool removed = fs::remove(target, problem) && !problem;  // refuses directories with content
  if (!removed && !shared) return refused;
  sums_.forget(name);
  tell({name});
  if (!removed) return {};  // it was not here, or the keeper of shared files was faster
  return env::sync_directory(target.parent_path());
}

/// A file that is not on this disk.
Error FileBlobs::not_here(std::string_view bucket, std::string_view path) const {
  const std::string name = full_name(bucket, path);
  if (!is_shared(name)) return about_file(ErrorCode::kNotFound, "GET", bucket, path, "Not a regular file");
  sharing_->hurry(name);
  return about_file(
      ErrorCode::kUnavailable, "GET", bucket, path,
      "The file is on its way to this server from another member of the cluster; try again soon");
}

/// Files that are agreed on and not here yet are listed too.
void FileBlobs::add_shared(std::string_view bucket, std::string_view directory, bool all,
                           std::vector<std::string>& names) const {
  const std::string prefix = fmt::format("{}/{}{}", bucket, directory, directory.empty() ? "" : "/");
  std::set<std::string> merged(names.begin(), names.end());
  for (const std::string& name : sharing_->names(prefix)) {
    for (size_t slash = name.find('/'); slash != std::string::npos; slash = name.find('/', slash + 1)) {
      merged.insert(name.substr(0, slash + 1));
      if (!all) break;
    }
    if (all || name.find('/') == std::string::npos) merged.insert(name);
  }
  names.assign(merged.begin(), merged.end());
}

/// Its checksum, if it is an upload, is one of those that are told.
void FileBlobs::noticed(const std::string& name) {
  std::string sha256;
  if (const auto file = InputFile::open(root_ / name); file && sums_.is_upload(name))
    sha256 = sums_.remembered(name, *file).value_or("");
  tell({name}, sha256);
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

Task<Result<Blobs::Info>> stat_aside(Blobs& blobs, std::string bucket, std::string path) {
  Result<Blobs::Info> info = Blobs::Info{};
  co_await env::run_blocking([&] { info = blobs.look(bucket, path); });
  if (info && info->sha256.empty())
    co_await env::run_blocking(env::Pool::kLong, [&] { info = blobs.stat(bucket, path); });
  co_return info;
}

std::unique_ptr<Blobs> make_blobs(env::Path root, const BlobLimits& limits) {
  return std::make_unique<FileBlobs>(std::move(root), limits, nullptr);
}

std::unique_ptr<SharedBlobs> make_shared_blobs(env::Path root, const BlobLimits& limits, Sharing& sharing) {
  // Another member may have been sent other pieces under the same names meanwhile.
  if (Result<void> dropped = env::remove_tree(root / kUnfinished); !dropped)
    kLog.warn("unfinished uploads not removed: {}", dropped.error().text());
  return std::make_unique<FileBlobs>(std::move(root), limits, &sharing);
}

}  // namespace mullion::files
