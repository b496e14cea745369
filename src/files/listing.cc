#include "files/listing.h"

#include <algorithm>
#include <cerrno>

#include "base/text.h"

namespace mullion::files {

namespace {

namespace fs = std::filesystem;
constexpr size_t kMaxListed = 1'000'000;

void list_one(const fs::directory_entry& entry, const env::Path& base, std::vector<std::string>& names) {
  std::error_code ignored;
  if (entry.is_symlink(ignored)) return;
  const std::string name = entry.path().lexically_relative(base).generic_string();
  if (!is_valid_utf8(name)) return;  // put here by hand: nobody could ask for it
  if (entry.is_directory(ignored)) {
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

}  // namespace

Result<std::vector<std::string>> list_directory(const env::Path& directory, bool all) {
  std::error_code problem;
  const fs::file_status status = fs::status(directory, problem);
  const bool unseen = status.type() == fs::file_type::none && problem.value() != ENAMETOOLONG;
  if (unseen) return env::error_from_errno(problem.value(), directory.string());
  if (!fs::is_directory(status)) return Error(ErrorCode::kNotFound, directory.string() + ": not a directory");
  return all ? list_with<fs::recursive_directory_iterator>(directory)
             : list_with<fs::directory_iterator>(directory);
}

}  // namespace mullion::files
