#include "joblogs/job_logs.h"

#include <fmt/format.h>

#include <array>
#include <optional>

#include "base/letters.h"
#include "base/mutex.h"
#include "files/file_body.h"
#include "files/file_handle.h"
#include "joblogs/internal/log.h"

namespace mullion::joblogs {
namespace {

namespace fs = std::filesystem;

class FileJobLogs final : public JobLogs {
 public:
  FileJobLogs(env::Path directory, uint64_t max_bytes)
      : directory_(std::move(directory)), max_bytes_(max_bytes) {}

  Result<net::BodySourcePtr> open(std::string_view job) override {
    Result<std::optional<files::InputFile>> file = file_of(job);
    if (!file) return file.error();
    if (!*file) return net::body_from_string("");
    const uint64_t size = (*file)->facts().size;
    return net::BodySourcePtr(std::make_unique<files::FileBody>(std::move(**file), 0, size));
  }

  Result<uint64_t> size(std::string_view job) override {
    const Result<std::optional<files::InputFile>> file = file_of(job);
    if (!file) return file.error();
    return *file ? (*file)->facts().size : uint64_t{0};
  }

  Result<net::BodySourcePtr> open_part(std::string_view job, uint64_t first, uint64_t length) override {
    Result<std::optional<files::InputFile>> file = file_of(job);
    if (!file) return file.error();
    const uint64_t size = *file ? (*file)->facts().size : 0;
    if (first > size || length > size - first)
      return Error(ErrorCode::kNotFound, "the log became shorter while it was read");
    if (length == 0) return net::body_from_string("");
    return net::BodySourcePtr(std::make_unique<files::FileBody>(std::move(**file), first, length));
  }

  Result<void> append(std::string_view job, std::string_view text) override {
    if (!is_uuid(job)) return Error(ErrorCode::kInvalid, fmt::format("{} is not the id of a job", job));
    const env::Path path = path_of(job);
    Lock lock(lock_of(job));
    if (Result<void> made = env::make_directories(path.parent_path(), 0750); !made) return made;
    Result<void> appended = env::append_to_file(path, text, max_bytes_);
    if (appended || appended.error().code != ErrorCode::kTooLarge) return appended;
    return Error(ErrorCode::kTooLarge, fmt::format("The log of a job holds at most {} bytes", max_bytes_));
  }

  void remove(std::string_view job) override {
    if (!is_uuid(job)) return;
    Lock lock(lock_of(job));
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
      if (is_uuid(name)) found.push_back(name);
    }
    return found;
  }

 private:
  /// Absent: nothing was written yet.
  Result<std::optional<files::InputFile>> file_of(std::string_view job) const {
    if (!is_uuid(job)) return std::optional<files::InputFile>();
    Result<files::InputFile> file = files::InputFile::open(path_of(job));
    if (file) return std::optional<files::InputFile>(std::move(*file));
    if (file.error().code == ErrorCode::kNotFound) return std::optional<files::InputFile>();
    return file.error();
  }
  /// Folders of moderate size: jobs are many.
  env::Path path_of(std::string_view job) const {
    return directory_ / std::string(job.substr(0, 2)) / std::string(job);
  }
  Mutex& lock_of(std::string_view job) { return locks_[std::hash<std::string_view>{}(job) % locks_.size()]; }

  const env::Path directory_;
  const uint64_t max_bytes_;
  std::array<Mutex, 16> locks_;  // writers of one job take turns
};

}  // namespace

std::unique_ptr<JobLogs> make_job_logs(env::Path directory, uint64_t max_bytes) {
  return std::make_unique<FileJobLogs>(std::move(directory), max_bytes);
}

}  // namespace mullion::joblogs
