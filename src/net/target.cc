#include "net/target.h"

#include <algorithm>
#include <cctype>

#include "base/letters.h"
#include "base/percent.h"
#include "base/text.h"
#include "net/http.h"

namespace mullion::net {
namespace {

Error bad_path(std::string why) {
  return Error(ErrorCode::kBadRequest, "The request's path " + std::move(why));
}

/// Without scheme and host; absent when the target is of another form.
std::optional<std::string_view> origin_form(std::string_view text) {
  if (text.starts_with('/')) return text;
  const size_t scheme_end = text.find("://");
  if (scheme_end == std::string_view::npos || text.find_first_of("/?") < scheme_end) return std::nullopt;
  const size_t host_end = std::min(text.find_first_of("/?", scheme_end + 3), text.size());
  text.remove_prefix(host_end);
  return text;
}

bool has_broken_escape(std::string_view text) {
  for (size_t at = text.find('%'); at != std::string_view::npos; at = text.find('%', at + 1)) {
    if (at + 2 >= text.size() || !is_hex_digit(text[at + 1]) || !is_hex_digit(text[at + 2])) return true;
  }
  return false;
}

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

/// Whether "." or ".." stands between slashes: encoded ones count.
bool has_dot_part(std::string_view segment) {
  while (true) {
    const size_t slash = segment.find('/');
    const std::string_view part = segment.substr(0, slash);
    if (part == "." || part == "..") return true;
    if (slash == std::string_view::npos) return false;
    segment.remove_prefix(slash + 1);
  }
}

Result<void> check(std::string_view segment) {
  if (!is_valid_utf8(segment)) return bad_path("is not UTF-8");
  if (std::any_of(segment.begin(), segment.end(), is_control)) return bad_path("has a control character");
  if (has_dot_part(segment)) return bad_path("has a part that is \".\" or \"..\"");
  return {};
}

Result<std::vector<std::string>> segments_of(std::string_view path) {
  std::vector<std::string> segments;
  while (!path.empty()) {
    path.remove_prefix(1);  // a slash
    const size_t end = std::min(path.find('/'), path.size());
    std::string segment = percent_decode(path.substr(0, end));
    path.remove_prefix(end);
    if (segment.empty()) continue;
    if (Result<void> fine = check(segment); !fine) return fine.error();
    segments.push_back(std::move(segment));
  }
  return segments;
}

}  // namespace

Result<Target> parse_target(std::string_view text) {
  const std::optional<std::string_view> origin = origin_form(text);
  if (!origin) return bad_path("does not begin with a slash");
  if (origin->find('#') != std::string_view::npos)
    return bad_path("has a fragment, which stays with the client");
  const size_t question = std::min(origin->find('?'), origin->size());
  const std::string_view path = origin->substr(0, question);
  if (has_broken_escape(path)) return bad_path("has a percent sign without two hexadecimal digits");
  Result<std::vector<std::string>> segments = segments_of(path);
  if (!segments) return segments.error();
  Target target;
  target.segments = std::move(*segments);
  target.folder = path.ends_with('/');
  if (question < origin->size()) target.query = parse_query_string(origin->substr(question + 1));
  return target;
}

Result<void> Request::set_target(std::string text) {
  target = std::move(text);
  Result<Target> parsed = parse_target(target);
  if (!parsed) return parsed.error();
  path.clear();
  for (const std::string& segment : parsed->segments) (path += '/') += segment;
  if (parsed->folder || path.empty()) path += '/';
  segments = std::move(parsed->segments);
  folder = parsed->folder;
  query = std::move(parsed->query);
  return {};
}

std::string encode_path(std::span<const std::string> segments) {
  std::string out;
  for (const std::string& segment : segments) (out += '/') += percent_encode(segment);
  return out.empty() ? "/" : out;
}

std::string encode_query(std::span<const std::pair<std::string, std::string>> query) {
  std::string out;
  for (const auto& [name, value] : query) {
    out += out.empty() ? '?' : '&';
    out += percent_encode(name);
    if (!value.empty()) (out += '=') += percent_encode(value);
  }
  return out;
}

}  // namespace mullion::net
