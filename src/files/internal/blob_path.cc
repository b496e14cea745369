#include "files/internal/blob_path.h"

#include <algorithm>

#include "base/text.h"

namespace mullion::files {

namespace {

constexpr size_t kMaxPath = 2048;
constexpr size_t kMaxPart = 250;
constexpr size_t kMaxDepth = 64;

Error bad_path(std::string_view why) {
  return Error(ErrorCode::kBadRequest, "Invalid path: " + std::string(why));
}

Result<void> check_part(std::string_view part) {
  if (part == "..") return bad_path("it leaves its directory");
  if (part == ".") return bad_path("it contains a part that is only a dot");
  if (part.size() > kMaxPart) return bad_path("a part is longer than 250 bytes");
  const bool control =
      std::any_of(part.begin(), part.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; });
  if (!is_valid_utf8(part)) return bad_path("it is not UTF-8");  // JSON tells of files by their names
  if (control || part.find('\\') != std::string_view::npos)
    return bad_path("it contains forbidden characters");
  return {};
}

}  // namespace

Result<std::string> clean_path(std::string_view path, bool may_be_empty) {
  if (path.size() > kMaxPath) return bad_path("longer than 2048 bytes");
  std::string out;
  size_t depth = 0;
  while (!path.empty()) {
    const size_t slash = std::min(path.find('/'), path.size());
    const std::string_view part = path.substr(0, slash);
    path.remove_prefix(std::min(slash + 1, path.size()));
    if (part.empty()) continue;
    if (auto checked = check_part(part); !checked) return checked.error();
    if (++depth > kMaxDepth) return bad_path("more than 64 directories deep");
    if (!out.empty()) out += '/';
    out += part;
  }
  if (out.empty() && !may_be_empty) return bad_path("it is empty");
  return out;
}

}  // namespace mullion::files
