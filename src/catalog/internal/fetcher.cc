#include "catalog/internal/fetcher.h"

#include <fmt/format.h>

#include "base/mutex.h"
#include "catalog/internal/log.h"
#include "catalog/internal/places.h"
#include "env/unless.h"
#include "net/range.h"
#include "net/web.h"

namespace mullion::catalog {

namespace {

constexpr int kTries = 4;
constexpr std::string_view kFilesBucket = "files";
constexpr std::string_view kIncoming = "rebar-catalog/.incoming";

bool matches(const Artifact& artifact, const files::Blobs::Info& info) {
  return artifact.sha256.empty() || artifact.sha256 == info.sha256;
}

/// Whether another try may end better.
bool is_passing(const Error& error) {
  return error.code == ErrorCode::kUnreachable || error.code == ErrorCode::kTimeout ||
         error.code == ErrorCode::kConflict;
}

/// What of the file an answer brings, `have` bytes being here; absent when it does not say, or not the right
/// one.
std::optional<net::ContentRange> piece_of(const net::UrlAnswer& answer, uint64_t have) {
  const uint64_t length = answer.body->size().value_or(0);  // chunked answers have none
  if (answer.status != 206) {
    if (length == 0) return std::nullopt;
    return net::ContentRange{{0, length - 1}, length};
  }
  auto range = net::parse_content_range(answer.headers.get("Content-Range").value_or(""));
  if (!range || range->bytes.first != have) return std::nullopt;
  if (length != 0 && range->bytes.last - range->bytes.first + 1 != length) return std::nullopt;
  if (!range->total) range->total = range->bytes.last + 1;
  return range;
}

}  // namespace

Error differs(const Artifact& artifact, std::string_view found) {
  return Error(ErrorCode::kCorrupt,
               fmt::format("{}: expected sha256 {}, the file has {}", artifact.path, artifact.sha256, found));
}

/// A download that has not ended. Who waits for it hears of its end whatever happens, also when it never
/// begins.
class Fetcher::Claim {
 public:
  Claim(Fetcher& fetcher, std::string sha256, PendingPtr pending)
      : fetcher_(fetcher), sha256_(std::move(sha256)), pending_(std::move(pending)) {}
  ~Claim() { fetcher_.finish(sha256_, pending_, Error(ErrorCode::kCancelled, "the download was given up")); }
  Claim(const Claim&) = delete;
  Claim& operator=(const Claim&) = delete;

 private:
  Fetcher& fetcher_;
  const std::string sha256_;
  const PendingPtr pending_;
};

/// Somebody who wants a download; the last one who leaves ends it.
class Fetcher::Waiter {
 public:
  Waiter(Fetcher& fetcher, std::string sha256, PendingPtr pending)
      : fetcher_(fetcher), sha256_(std::move(sha256)), pending_(std::move(pending)) {}
  ~Waiter() {
    {
      Lock lock(fetcher_.mutex_);  // held until it is settled: nobody joins what is given up
      if (--pending_->waiting > 0 || pending_->result) return;
      fetcher_.settle(sha256_, *pending_, Error(ErrorCode::kCancelled, "nobody wants it any more"));
    }
    pending_->changed.notify_all();
  }
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;

 private:
  Fetcher& fetcher_;
  const std::string sha256_;
  const PendingPtr pending_;
};

void Fetcher::settle(const std::string& sha256, Pending& pending, Result<Info> result) {
  pending.result = std::move(result);
  pending_.erase(sha256);
}

/// The first result holds.
void Fetcher::finish(const std::string& sha256, const PendingPtr& pending, Result<Info> result) {
  {
    Lock lock(mutex_);
    if (pending->result) return;
    settle(sha256, *pending, std::move(result));
  }
  pending->changed.notify_all();
}

bool Fetcher::is_own(const Artifact& artifact) const {
  return artifact.source.starts_with("self://") ||
         artifact.source.starts_with(dependencies_.static_url() + "/files/");
}

void Fetcher::sweep() {
  const auto left = dependencies_.blobs.list(kFilesBucket, kIncoming, true);
  for (const std::string& name : left ? *left : std::vector<std::string>())
    (void)dependencies_.blobs.remove(kFilesBucket, fmt::format("{}/{}", kIncoming, name));
}

env::Task<Result<files::Blobs::Info>> Fetcher::look(std::string path) {
  co_return co_await files::stat_aside(dependencies_.blobs, std::string(kFilesBucket), std::move(path));
}

env::Task<Result<files::Blobs::Info>> Fetcher::join(PendingPtr pending) {
  while (true) {
    const uint64_t seen = pending->changed.version();
    {
      Lock lock(mutex_);
      if (pending->result) co_return *pending->result;
    }
    const bool told = co_await pending->changed.wait(seen, std::chrono::hours(24));
    if (!told) co_return Error(ErrorCode::kCancelled, "cancelled");
  }
}

env::Task<Result<files::Blobs::Info>> Fetcher::fetch(Artifact artifact) {
  while (true) {
    Result<Info> local = co_await look(artifact.path);
    if (local && matches(artifact, *local)) co_return local;
    if (is_own(artifact)) {
      if (local) co_return differs(artifact, local->sha256);
      co_return Error(ErrorCode::kNotFound,
                      fmt::format("{}: there is no such file in files/", artifact.path));
    }
    if (artifact.sha256.empty()) {
      co_return Error(ErrorCode::kInvalid,
                      fmt::format("{}: the catalog gives no checksum for it", artifact.source));
    }
    const PendingPtr pending = begin_or_join(artifact);
    const Waiter waiter(*this, artifact.sha256, pending);
    Result<Info> joined = co_await join(pending);
    if (!joined && local) {  // what is there is wrong, and no better one can be had
      Error error = differs(artifact, local->sha256);
      error.messages.push_back(joined.error().text());
      joined = error;
    }
    if (!joined || joined->path == artifact.path) co_return joined;
    // The same bytes for another place: now it is our turn.
  }
}

/// The download of these bytes that is under way, or a new one; one more waits for it.
Fetcher::PendingPtr Fetcher::begin_or_join(const Artifact& artifact) {
  PendingPtr pending;
  {
    Lock lock(mutex_);
    PendingPtr& entry = pending_[artifact.sha256];
    const bool first = entry == nullptr;
    if (first) entry = std::make_shared<Pending>();
    pending = entry;
    ++pending->waiting;
    if (!first) return pending;
  }
  const auto claim = std::make_shared<const Claim>(*this, artifact.sha256, pending);
  downloads_.spawn("download", [this, artifact, pending, claim] { return work(artifact, pending); });
  return pending;
}

env::Task<void> Fetcher::work(Artifact artifact, PendingPtr pending) {
  const std::string sha256 = artifact.sha256;
  env::Task<void> over = until_over(pending);
  auto received = co_await env::unless(download(std::move(artifact)), std::move(over));
  if (received) finish(sha256, pending, *std::move(received));
}

env::Task<void> Fetcher::until_over(PendingPtr pending) { (void)co_await join(std::move(pending)); }

/// One try: what an earlier one left is completed.
env::Task<Result<files::Blobs::Info>> Fetcher::receive(Artifact artifact, std::string part, bool& resumed) {
  uint64_t have = 0;
  co_await env::run_blocking([&] {
    const auto size = dependencies_.blobs.unfinished(kFilesBucket, part);
    have = size ? *size : 0;
  });
  net::UrlOptions options;  // any certificate: what comes is checked by its SHA-256
  options.least_rate = dependencies_.pace.least;
  options.rate_window = dependencies_.pace.window;
  if (have > 0) options.headers.set("Range", fmt::format("bytes={}-", have));
  Result<net::UrlAnswer> answer =
      co_await net::open_url(dependencies_.runtime, artifact.source, std::move(options));
  if (!answer) co_return answer.error();
  resumed = answer->status == 206;
  const std::optional<net::ContentRange> piece = piece_of(*answer, have);
  net::BodySource& body = *answer->body;
  // With a name: GCC 12 destroys what braces make within a co_await twice.
  files::UploadOptions upload;
  upload.max_bytes = dependencies_.max_download;
  if (answer->status == 416 || (resumed && !piece)) {
    co_await env::run_blocking([&] { (void)dependencies_.blobs.drop_unfinished(kFilesBucket, part); });
    co_return Error(ErrorCode::kUnreachable, artifact.source + ": the rest of it is not there");
  }
  if (!piece) {  // nothing says where it ends, so that it could not be gone on with
    if (have > 0)
      co_await env::run_blocking([&] { (void)dependencies_.blobs.drop_unfinished(kFilesBucket, part); });
    co_return co_await dependencies_.blobs.put(std::string(kFilesBucket), part, body, upload);
  }
  Result<files::Blobs::Progress> progress =
      co_await dependencies_.blobs.append(std::string(kFilesBucket), part, body, *piece, upload);
  if (!progress) co_return progress.error();
  if (progress->finished) co_return *progress->finished;
  co_return Error(ErrorCode::kUnreachable, artifact.source + ": it ended early");
}

env::Task<Result<files::Blobs::Info>> Fetcher::download(Artifact artifact) {
  const std::string part = fmt::format("{}/{}", kIncoming, artifact.sha256);
  env::Duration pause = std::chrono::seconds(1);
  Result<Info> received = Error(ErrorCode::kUnreachable, artifact.source);
  for (int attempt = 0; attempt < kTries; ++attempt) {
    bool resumed = false;
    received = co_await receive(artifact, part, resumed);
    if (received && received->sha256 == artifact.sha256) {
      Result<Info> placed = Info{};
      co_await env::run_blocking(
          [&] { placed = dependencies_.blobs.move(kFilesBucket, part, artifact.path); });
      if (!placed) co_return placed;
      kLog.info("fetched source={} path={}", artifact.source, artifact.path);
      co_return placed;
    }
    if (received) {
      const Error wrong = differs(artifact, received->sha256);
      co_await env::run_blocking([&] { (void)dependencies_.blobs.remove(kFilesBucket, part); });
      received = wrong;
      // Two halves of different files; one whole one is what it is.
      if (!resumed) co_return wrong;
    } else if (!is_passing(received.error())) {
      co_return received;
    }
    if (attempt + 1 == kTries) break;
    const bool slept = co_await env::sleep_for(pause);
    if (!slept) break;
    pause *= 2;
  }
  co_return received;
}

}  // namespace mullion::catalog
