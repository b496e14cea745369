#include "joblogs/shared_job_logs.h"

#include <fmt/format.h>

#include <array>
#include <charconv>

#include "base/letters.h"
#include "base/mutex.h"
#include "env/runtime.h"
#include "joblogs/internal/log.h"
#include "joblogs/job_logs.h"
#include "store/secrets.h"

namespace mullion::joblogs {
namespace {

constexpr std::string_view kChunks = "job-logs";    // JOB/OFFSET (16 hexadecimal digits) -> bytes
constexpr std::string_view kEnds = "job-log-ends";  // JOB -> "SIZE LAST": LAST is where its last chunk begins
constexpr uint64_t kSmallChunk = 4096;              // shorter ones grow
constexpr uint64_t kLargestChunk = uint64_t{256} << 10;
constexpr size_t kLargestImport = size_t{64} << 20;
constexpr size_t kRemovedTogether = 1000;
constexpr size_t kJobSize = 36;  // of a UUID

struct LogEnd {
  uint64_t size = 0;
  uint64_t last = 0;
};
std::string encode_end(const LogEnd& end) { return fmt::format("{} {}", end.size, end.last); }
LogEnd decode_end(std::string_view text) {
  LogEnd out;
  const size_t blank = std::min(text.find(' '), text.size());
  std::from_chars(text.data(), text.data() + blank, out.size);
  if (blank < text.size()) std::from_chars(text.data() + blank + 1, text.data() + text.size(), out.last);
  return out;
}

std::string chunk_key(std::string_view job, uint64_t offset) {
  return fmt::format("{}/{:016x}", job, offset);
}
uint64_t offset_in(std::string_view key) {
  uint64_t out = 0;
  std::from_chars(key.data() + kJobSize + 1, key.data() + key.size(), out, 16);
  return out;
}

std::optional<std::string> end_text(const store::Store& store, std::string_view job) {
  return store.snapshot()->secret(kEnds, job);
}

/// Bytes of a log from `at` on, as many as lie together; empty: it has none there.
std::string read_chunk(const store::Store& store, std::string_view job, uint64_t at) {
  std::string out;
  const std::string prefix = fmt::format("{}/", job);
  const auto snapshot = store.snapshot();
  // Chunks are kLargestChunk long at most: the one that holds `at` begins not before that.
  const uint64_t from = at < kLargestChunk ? 0 : at - kLargestChunk;
  store::scan_secrets(*snapshot, kChunks, chunk_key(job, from),
                      [&](std::string_view key, std::string_view bytes) {
                        if (!key.starts_with(prefix)) return false;
                        const uint64_t begin = offset_in(key);
                        if (begin > at) return false;
                        if (at < begin + bytes.size()) out = std::string(bytes.substr(at - begin));
                        return out.empty();
                      });
  return out;
}

class LogBody final : public net::BodySource {
 public:
  LogBody(const store::Store& store, std::string job, uint64_t first, uint64_t length)
      : store_(store), job_(std::move(job)), at_(first), left_(length), size_(length) {}

  env::Task<Result<std::string_view>> next() override {
    if (left_ == 0) co_return std::string_view();
    Result<void> read;
    co_await env::run_blocking(
        [this, &read] { read = store::as_result([this] { piece_ = read_chunk(store_, job_, at_); }); });
    if (!read) co_return read.error();
    if (piece_.empty()) co_return Error(ErrorCode::kInternal, "the log became shorter while it was read");
    if (piece_.size() > left_) piece_.resize(left_);
    at_ += piece_.size();
    left_ -= piece_.size();
    co_return std::string_view(piece_);
  }
  std::optional<uint64_t> size() const override { return size_; }

 private:
  const store::Store& store_;
  const std::string job_;
  uint64_t at_;
  uint64_t left_;
  const uint64_t size_;
  std::string piece_;
};

class StoredJobLogs final : public JobLogs {
 public:
  StoredJobLogs(store::Store& store, env::Path directory, uint64_t max_bytes)
      : store_(store),
        directory_(directory),
        before_(make_job_logs(std::move(directory), max_bytes)),
        max_bytes_(max_bytes) {}

  Result<net::BodySourcePtr> open(std::string_view job) override {
    const Result<uint64_t> end = size(job);
    if (!end) return end.error();
    return open_part(job, 0, *end);
  }

  Result<uint64_t> size(std::string_view job) override {
    if (!is_uuid(job)) return uint64_t{0};
    return store::as_result([&]() -> Result<uint64_t> {
      const Lock lock(lock_of(job));
      if (Result<void> moved = move_in(job); !moved) return moved.error();
      return decode_end(end_text(store_, job).value_or("")).size;
    });
  }

  Result<net::BodySourcePtr> open_part(std::string_view job, uint64_t first, uint64_t length) override {
    const Result<uint64_t> end = size(job);
    if (!end) return end.error();
    if (first > *end || length > *end - first)
      return Error(ErrorCode::kNotFound, "the log became shorter while it was read");
    if (length == 0) return net::body_from_string("");
    return net::BodySourcePtr(std::make_unique<LogBody>(store_, std::string(job), first, length));
  }

  Result<void> append(std::string_view job, std::string_view text) override {
    if (!is_uuid(job)) return Error(ErrorCode::kInvalid, fmt::format("{} is not the id of a job", job));
    return store::as_result([&]() -> Result<void> {
      const Lock lock(lock_of(job));
      if (Result<void> moved = move_in(job); !moved) return moved;
      return add(job, text);
    });
  }

  void remove(std::string_view job) override {
    if (!is_uuid(job)) return;
    const Result<void> removed = store::as_result([&]() -> Result<void> {
      const Lock lock(lock_of(job));
      before_->remove(job);
      return erase(job);
    });
    if (!removed) kLog.warn("job log not removed job={} reason={}", job, removed.error().text());
  }

  std::vector<std::string> jobs() override {
    std::vector<std::string> found = before_->jobs();
    const auto snapshot = store_.snapshot();
    store::scan_secrets(*snapshot, kEnds, "", [&found](std::string_view job, std::string_view) {
      found.emplace_back(job);
      return true;
    });
    return found;
  }

 private:
  /// A log from before the servers kept their logs together. Read as a file: it is small enough for memory,
  /// or its end is cut.
  Result<void> move_in(std::string_view job) {
    const Result<uint64_t> old = before_->size(job);
    if (!old || *old == 0) return {};
    if (!end_text(store_, job)) {
      Result<std::string> text =
          env::read_file(directory_ / std::string(job.substr(0, 2)) / std::string(job));
      if (!text) return text.error();
      if (text->size() > kLargestImport) text->resize(kLargestImport);
      if (Result<void> added = add(job, *text); !added) return added;
    }
    before_->remove(job);
    return {};
  }

  /// One commit, or nothing: the end must still be the one that it was made for.
  Result<void> add(std::string_view job, std::string_view text) {
    const std::optional<std::string> known = end_text(store_, job);
    LogEnd end = decode_end(known.value_or(""));
    if (text.size() > max_bytes_ || end.size > max_bytes_ - text.size())
      return Error(ErrorCode::kTooLarge, fmt::format("The log of a job holds at most {} bytes", max_bytes_));
    store::Batch batch;
    std::string bytes(text);
    const uint64_t last_length = end.size - end.last;
    if (last_length > 0 && last_length < kSmallChunk) {
      bytes = read_chunk(store_, job, end.last) + bytes;
    } else {
      end.last = end.size;
    }
    for (size_t at = 0; at < bytes.size(); at += kLargestChunk) {
      if (at > 0) end.last += kLargestChunk;
      batch.secrets.push_back(
          {std::string(kChunks), chunk_key(job, end.last), bytes.substr(at, kLargestChunk)});
    }
    end.size += text.size();
    batch.secrets.push_back({std::string(kEnds), std::string(job), encode_end(end)});
    batch.secret_guards.push_back({std::string(kEnds), std::string(job), known});
    batch.principal = "system";
    return commit(std::move(batch));
  }

  Result<void> erase(std::string_view job) {
    const std::string prefix = fmt::format("{}/", job);
    while (true) {
      store::Batch batch;
      batch.principal = "system";
      const auto snapshot = store_.snapshot();
      store::scan_secrets(*snapshot, kChunks, prefix, [&](std::string_view key, std::string_view) {
        if (!key.starts_with(prefix) || batch.secrets.size() >= kRemovedTogether) return false;
        batch.secrets.push_back({std::string(kChunks), std::string(key), std::nullopt});
        return true;
      });
      const bool more = batch.secrets.size() >= kRemovedTogether;
      if (!more && batch.secrets.empty() && !snapshot->secret(kEnds, job)) return {};
      if (!more) batch.secrets.push_back({std::string(kEnds), std::string(job), std::nullopt});
      if (Result<void> done = commit(std::move(batch)); !done || !more) return done;
    }
  }

  Result<void> commit(store::Batch batch) {
    const Result<store::Cursor> done = store_.commit_sync(std::move(batch));
    if (!done) return done.error();
    return {};
  }

  Mutex& lock_of(std::string_view job) { return locks_[std::hash<std::string_view>{}(job) % locks_.size()]; }

  store::Store& store_;
  const env::Path directory_;
  const std::unique_ptr<JobLogs> before_;
  const uint64_t max_bytes_;
  std::array<Mutex, 16> locks_;  // writers of one job take turns
};

}  // namespace

std::unique_ptr<JobLogs> make_shared_job_logs(store::Store& store, env::Path directory, uint64_t max_bytes) {
  return std::make_unique<StoredJobLogs>(store, std::move(directory), max_bytes);
}

}  // namespace mullion::joblogs
