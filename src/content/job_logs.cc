#include "content/job_logs.h"

#include <fmt/format.h>

#include <array>
#include <mutex>

#include "content/internal/file_handle.h"
#include "content/internal/log.h"

namespace mullion::content {
namespace {

namespace fs = std::filesystem;
constexpr size_t kUuidSize = 36;

/// What may become a file name: hexadecimal digits and dashes.
bool is_job_key(std::string_view job) {
  return job.size() == kUuidSize &&
         job.find_first_not_of("0123456789abcdefABCDEF-") == std::string_view::npos;
}

class LogBody final : public net::BodySource {
 public:
  explicit LogBody(InputFile file) : file_(std::move(file)) {}

  net::Task<Result<std::string_view>> next() override {
    const auto wanted = static_cast<size_t>(std::min<uint64_t>(file_.facts().size - at_, kPieceSize));
    if (wanted == 0) co_return std::string_view();
    if (auto read = file_.read(at_, wanted, piece_); !read) co_return read.error();
    if (piece_.size() < wanted)
      co_return Error(ErrorCode::kInternal, "the log became shorter while it was read");
    at_ += wanted;
    co_return std::string_view(piece_);
  }
  std::optional<uint64_t> size() const override { return file_.facts().size; }

 private:
  InputFile file_;
  uint64_t at_ = 0;
  std::string piece_;
};

class FileJobLogs final : public JobLogs {
 public:
  FileJobLogs(env::Path directory, uint64_t max_bytes)
      : directory_(std::move(directory)), max_bytes_(max_bytes) {}

  Result<net::BodySourcePtr> open(std::string_view job) override {
    if (!is_job_key(job)) return net::body_from_string("");
    Result<InputFile> file = InputFile::open(path_of(job));
    if (!file && file.error().code == ErrorCode::kNotFound) return net::body_from_string("");
    if (!file) return file.error();
    return net::BodySourcePtr(std::make_unique<LogBody>(std::move(*file)));
  }

  Result<void> append(std::string_view job, std::string_view text) override {
    if (!is_job_key(job)) return Error(ErrorCode::kInvalid, fmt::format("{} is not the id of a job", job));
    const env::Path path = path_of(job);
    std::lock_guard lock(lock_of(job));
    if (Result<void> made = env::make_directories(path.parent_path(), 0750); !made) return made;
    Result<void> appended = env::append_to_file(path, text, max_bytes_);
    if (appended || appended.error().code != ErrorCode::kTooLarge) return appended;
    return Error(ErrorCode::kTooLarge, fmt::format("The log of a job holds at most {} bytes", max_bytes_));
  }

  void remove(std::string_view job) override {
    if (!is_job_key(job)) return;
    std::lock_guard lock(lock_of(job));
    std::error_code problem;
    fs::remove(path_of(job), problem);
    if (problem) kLog.warn("job log not removed job={} reason={}", job, problem.message());
  }

  std::vector<std::string> jobs() override {
    std::vector<std::string> found;
    std::error_code problem;
    for (fs::recursive_directory_iterator at(directory_, problem), end; !problem && at != end;
         at.increment(problem)) {
      const std::string name = at->path().filename().string();
      if (is_job_key(name)) found.push_back(name);
    }
    return found;
  }

 private:
  /// Folders of moderate size: jobs are many.
  env::Path path_of(std::string_view job) const {
    return directory_ / std::string(job.substr(0, 2)) / std::string(job);
  }
  std::mutex& lock_of(std::string_view job) {
    return locks_[std::hash<std::string_view>{}(job) % locks_.size()];
  }

  const env::Path directory_;
  const uint64_t max_bytes_;
  std::array<std::mutex, 16> locks_;  // writers of one job take turns
};

}  // namespace

std::unique_ptr<JobLogs> make_job_logs(env::Path directory, uint64_t max_bytes) {
  return std::make_unique<FileJobLogs>(std::move(directory), max_bytes);
}

}  // namespace mullion::content
