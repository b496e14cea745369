#include "catalog/internal/fetcher.h"

#include <fmt/format.h>

#include "base/log.h"
#include "catalog/internal/places.h"
#include "net/range.h"
#include "net/web.h"

namespace mullion::catalog {

namespace {

constexpr Logger kLog("catalog");
constexpr int kTries = 4;
constexpr std::string_view kBucket = "files";

Error corrupt(const Artifact& artifact, std::string_view found) {
  return Error(ErrorCode::kCorrupt,
               fmt::format("{}: expected sha256 {}, the file has {}", artifact.path, artifact.sha256, found));
}

bool matches(const Artifact& artifact, const content::Blobs::Info& info) {
  return artifact.sha256.empty() || artifact.sha256 == info.sha256;
}

/// Whether another try may end better.
bool is_passing(const Error& error) {
  return error.code == ErrorCode::kUnreachable || error.code == ErrorCode::kTimeout ||
         error.code == ErrorCode::kConflict;
}

}  // namespace

/// The right to download a path. Who waits for it hears of its end whatever happens.
class Fetcher::Claim {
 public:
  Claim(Fetcher& fetcher, std::string path, std::shared_ptr<Pending> pending)
      : fetcher_(fetcher), path_(std::move(path)), pending_(std::move(pending)) {}
  ~Claim() { finish(Error(ErrorCode::kCancelled, "the download was given up")); }
  Claim(const Claim&) = delete;
  Claim& operator=(const Claim&) = delete;

  void finish(Result<Info> result) {
    {
      std::lock_guard lock(fetcher_.mutex_);
      if (pending_->result) return;
      pending_->result = std::move(result);
      fetcher_.pending_.erase(path_);
    }
    pending_->changed.notify_all();
  }

 private:
  Fetcher& fetcher_;
  const std::string path_;
  const std::shared_ptr<Pending> pending_;
};

bool Fetcher::is_own(const Artifact& artifact) const {
  return artifact.source.starts_with("self://") ||
         artifact.source.starts_with(dependencies_.static_url() + "/files/");
}

env::Task<Result<content::Blobs::Info>> Fetcher::look(std::string path) {
  Result<Info> info = Info{};
  co_await env::run_blocking([&] { info = dependencies_.blobs.stat(kBucket, path); });
  co_return info;
}

env::Task<Result<content::Blobs::Info>> Fetcher::join(std::shared_ptr<Pending> pending) {
  while (true) {
    const uint64_t seen = pending->changed.version();
    {
      std::lock_guard lock(mutex_);
      if (pending->result) co_return *pending->result;
    }
    const bool told = co_await pending->changed.wait(seen, std::chrono::hours(24));
    if (!told) co_return Error(ErrorCode::kCancelled, "cancelled");
  }
}

env::Task<Result<content::Blobs::Info>> Fetcher::fetch(Artifact artifact) {
  Result<Info> local = co_await look(artifact.path);
  if (local && matches(artifact, *local)) co_return local;
  if (is_own(artifact)) {
    if (local) co_return corrupt(artifact, local->sha256);
    co_return Error(ErrorCode::kNotFound, fmt::format("{}: there is no such file in files/", artifact.path));
  }
  if (artifact.sha256.empty()) {
    co_return Error(ErrorCode::kInvalid,
                    fmt::format("{}: the catalog gives no checksum for it", artifact.source));
  }
  std::shared_ptr<Pending> pending;
  bool first = false;
  {
    std::lock_guard lock(mutex_);
    std::shared_ptr<Pending>& entry = pending_[artifact.path];
    first = entry == nullptr;
    if (first) entry = std::make_shared<Pending>();
    pending = entry;
  }
  if (!first) {
    Result<Info> joined = co_await join(pending);
    if (joined && !matches(artifact, *joined)) co_return corrupt(artifact, joined->sha256);
    co_return joined;
  }
  Claim claim(*this, artifact.path, pending);
  Result<Info> fetched = co_await download(artifact);
  if (!fetched && local) {  // what is there is wrong, and no better one can be had
    Error error = corrupt(artifact, local->sha256);
    error.messages.push_back(fetched.error().text());
    fetched = error;
  }
  claim.finish(fetched);
  co_return fetched;
}

/// One try: what an earlier one left is completed.
env::Task<Result<content::Blobs::Info>> Fetcher::receive(Artifact artifact, std::string part, bool& resumed) {
  uint64_t have = 0;
  co_await env::run_blocking([&] {
    const auto size = dependencies_.blobs.unfinished(kBucket, part);
    have = size ? *size : 0;
  });
  net::UrlOptions options;  // any certificate: what comes is checked by its SHA-256
  if (have > 0) options.headers.set("Range", fmt::format("bytes={}-", have));
  Result<net::UrlAnswer> answer =
      co_await net::open_url(dependencies_.runtime, artifact.source, std::move(options));
  if (!answer) co_return answer.error();
  resumed = answer->status == 206;
  const auto range = net::parse_content_range(answer->headers.get("Content-Range").value_or(""));
  if (answer->status == 416 || (resumed && (!range || range->bytes.first != have))) {
    co_await env::run_blocking([&] { (void)dependencies_.blobs.drop_unfinished(kBucket, part); });
    co_return Error(ErrorCode::kUnreachable, artifact.source + ": the rest of it is not there");
  }
  const uint64_t first = resumed ? have : 0;
  const uint64_t size = answer->body->size().value_or(0);
  if (size == 0) {
    co_return co_await dependencies_.blobs.put(std::string(kBucket), part, *answer->body, false,
                                               dependencies_.max_download);
  }
  const net::ContentRange piece{{first, first + size - 1}, first + size};
  Result<content::Blobs::Progress> progress = co_await dependencies_.blobs.append(
      std::string(kBucket), part, *answer->body, piece, false, dependencies_.max_download);
  if (!progress) co_return progress.error();
  if (progress->finished) co_return *progress->finished;
  co_return Error(ErrorCode::kUnreachable, artifact.source + ": it ended early");
}

/// Blocks.
Result<content::Blobs::Info> Fetcher::place(const Artifact& artifact, const std::string& part) {
  const env::Path files = dependencies_.base_root / kBucket;
  const env::Path target = files / artifact.path;
  if (auto made = env::make_directories(target.parent_path()); !made) return made.error();
  std::error_code problem;
  std::filesystem::rename(files / part, target, problem);
  if (problem) return env::error_from_errno(problem.value(), "rename to " + artifact.path);
  if (auto synced = env::sync_directory(target.parent_path()); !synced) return synced.error();
  auto info = dependencies_.blobs.stat(kBucket, artifact.path);
  if (info && !matches(artifact, *info)) return corrupt(artifact, info->sha256);
  return info;
}

env::Task<Result<content::Blobs::Info>> Fetcher::download(Artifact artifact) {
  const std::string part = fmt::format("{}/.incoming/{}", kTreeName, artifact.sha256);
  env::Duration pause = std::chrono::seconds(1);
  Result<Info> received = Error(ErrorCode::kUnreachable, artifact.source);
  for (int attempt = 0; attempt < kTries; ++attempt) {
    bool resumed = false;
    received = co_await receive(artifact, part, resumed);
    if (received && received->sha256 == artifact.sha256) {
      Result<Info> placed = Info{};
      co_await env::run_blocking([&] { placed = place(artifact, part); });
      kLog.info("fetched source={} path={}", artifact.source, artifact.path);
      co_return placed;
    }
    if (received) {
      const Error wrong = corrupt(artifact, received->sha256);
      co_await env::run_blocking([&] { (void)dependencies_.blobs.remove(kBucket, part); });
      received = wrong;
      // Two halves of different files; one whole one is what it is.
      if (!resumed) co_return wrong;
    } else if (!is_passing(received.error())) {
      co_return received;
    }
    if (attempt + 1 < kTries && !co_await env::sleep_for(pause)) break;
    pause *= 2;
  }
  co_return received;
}

}  // namespace mullion::catalog
