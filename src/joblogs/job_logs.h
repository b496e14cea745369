// Logs of jobs: one file for each job below the base root, beside the store: never replicated, gone with the
// job.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "env/file.h"
#include "net/http.h"

namespace mullion::joblogs {

/// Thread-safe. Everything blocks on the disk: call it through env::run_blocking.
class JobLogs {
 public:
  virtual ~JobLogs() = default;
  /// The log from its beginning to its present end. A job without a log has an empty one.
  virtual Result<net::BodySourcePtr> open(std::string_view job) = 0;
  /// Bytes it has at present.
  virtual Result<uint64_t> size(std::string_view job) = 0;
  /// `length` bytes from `first` on. Reading fails when the log was removed meanwhile and has fewer.
  virtual Result<net::BodySourcePtr> open_part(std::string_view job, uint64_t first, uint64_t length) = 0;
  /// kTooLarge when the log would pass its limit: nothing is appended then. kInvalid when `job` is no UUID.
  virtual Result<void> append(std::string_view job, std::string_view text) = 0;
  /// No error when there is none.
  virtual void remove(std::string_view job) = 0;
  /// Jobs that have a log.
  virtual std::vector<std::string> jobs() = 0;
};
/// Logs of at most `max_bytes` each in `directory`, which is made when the first log is written.
std::unique_ptr<JobLogs> make_job_logs(env::Path directory, uint64_t max_bytes);

}  // namespace mullion::joblogs
