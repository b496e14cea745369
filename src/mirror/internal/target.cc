#include "mirror/internal/target.h"

#include "base/percent.h"
#include "net/http.h"

namespace mullion::mirror {

std::optional<Target> read_target(std::string_view target) {
  constexpr std::string_view kRoot = "/api/v3/";
  constexpr std::string_view kMeta = "meta/";
  if (!target.starts_with(kRoot)) return std::nullopt;
  std::string_view path = target.substr(kRoot.size());
  path = path.substr(0, path.find('?'));
  const bool is_meta = path.starts_with(kMeta);
  if (is_meta) path.remove_prefix(kMeta.size());
  const size_t slash = path.find('/');
  if (slash == std::string_view::npos) return Target{std::string(path), "", !is_meta};
  const std::string_view rest = path.substr(slash + 1);
  const size_t end = rest.find('/');
  return Target{std::string(path.substr(0, slash)), percent_decode(rest.substr(0, end)),
                !is_meta && end == std::string_view::npos};
}

bool shows_object(std::string_view method, const Target& target) {
  if (!target.is_whole) return false;
  if (method == "POST") return target.key.empty();
  return !target.key.empty() && (method == "PUT" || method == "PATCH" || method == "DELETE");
}

}  // namespace mullion::mirror
