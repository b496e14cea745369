// This process itself: what it was started as, and how another program takes its place.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "env/file.h"
#include "env/process.h"

namespace mullion::env {

/// What a process runs.
struct ProcessImage {
  Path program;                          // absolute
  std::vector<std::string> arguments;    // the first is the name it was called by
  std::vector<std::string> environment;  // "NAME=VALUE"
};

/// This process as it was started. To be asked early: the name of a program that is replaced meanwhile is
/// lost.
Result<ProcessImage> own_image();
/// "NAME=VALUE" of this process.
std::vector<std::string> own_environment();
/// A path that names this process's program even when its file was removed.
Path own_program_file();
/// The same environment with other values of some variables; an empty value removes one.
std::vector<std::string> with_variables(std::vector<std::string> environment,
                                        const std::map<std::string, std::string>& values);

/// The program becomes this process: same number, same folder, nothing open but the standard descriptors.
/// Returns only when it cannot.
Error become(const ProcessImage& image);

/// A child that has this process's folder and outputs, in a group of its own; it ends with this process. For
/// processes without other children, from one thread.
class Trainee {
 public:
  static Result<Trainee> start(const ProcessImage& image);
  Trainee(Trainee&& other) noexcept;
  Trainee& operator=(Trainee&&) = delete;
  /// Kills what still runs.
  ~Trainee();

  /// Absent while it runs.
  std::optional<ProcessEnd> poll();
  /// Asks it to end, waits up to `patience`, then kills it and everything in its group.
  void stop(Duration patience);

 private:
  explicit Trainee(int id) : id_(id) {}
  int id_ = 0;
  std::optional<ProcessEnd> end_;
};

}  // namespace mullion::env
