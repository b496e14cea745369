#include "api/internal/transfer.h"

#include <fmt/format.h>

#include <algorithm>

#include "api/internal/answers.h"
#include "base/letters.h"

namespace mullion::api {
namespace {

/// Dates in headers are whole seconds.
env::WallTime floored(env::WallTime time) { return std::chrono::floor<std::chrono::seconds>(time); }

bool changed_since(const FileVersion& file, env::WallTime time) { return floored(file.modified) > time; }

bool fails_precondition(const net::Headers& headers, const FileVersion& file) {
  if (const auto wanted = headers.get("If-Match")) return !etag_matches(*wanted, file.etag);
  env::WallTime time;
  const auto since = headers.get("If-Unmodified-Since");
  return since && net::parse_http_date(*since, time) && changed_since(file, time);
}

bool is_known(const net::Headers& headers, const FileVersion& file) {
  if (const auto known = headers.get("If-None-Match")) return etag_matches(*known, file.etag);
  env::WallTime time;
  const auto since = headers.get("If-Modified-Since");
  return since && net::parse_http_date(*since, time) && !changed_since(file, time);
}

/// A range of another version would not fit to what the client has. Dates must be the very date it was told.
bool range_applies(const net::Headers& headers, const FileVersion& file) {
  const auto condition = headers.get("If-Range");
  return !condition || *condition == file.etag || *condition == net::format_http_date(file.modified);
}

struct MediaType {
  std::string_view extension, type;
};
constexpr MediaType kMediaTypes[] = {
    {"avif", "image/avif"},
    {"bz2", "application/x-bzip2"},
    {"cfg", "text/plain; charset=utf-8"},
    {"conf", "text/plain; charset=utf-8"},
    {"css", "text/css; charset=utf-8"},
    {"csv", "text/csv; charset=utf-8"},
    {"deb", "application/vnd.debian.binary-package"},
    {"gif", "image/gif"},
    {"gz", "application/gzip"},
    {"htm", "text/html; charset=utf-8"},
    {"html", "text/html; charset=utf-8"},
    {"ico", "image/x-icon"},
    {"ipxe", "text/plain; charset=utf-8"},
    {"iso", "application/x-iso9660-image"},
    {"jpeg", "image/jpeg"},
    {"jpg", "image/jpeg"},
    {"js", "text/javascript; charset=utf-8"},
    {"json", "application/json"},
    {"ks", "text/plain; charset=utf-8"},
    {"map", "application/json"},
    {"md", "text/markdown; charset=utf-8"},
    {"mjs", "text/javascript; charset=utf-8"},
    {"pdf", "application/pdf"},
    {"png", "image/png"},
    {"rpm", "application/x-rpm"},
    {"seed", "text/plain; charset=utf-8"},
    {"sh", "text/x-shellscript; charset=utf-8"},
    {"svg", "image/svg+xml"},
    {"tar", "application/x-tar"},
    {"tgz", "application/gzip"},
    {"ttf", "font/ttf"},
    {"txt", "text/plain; charset=utf-8"},
    {"wasm", "application/wasm"},
    {"webp", "image/webp"},
    {"woff", "font/woff"},
    {"woff2", "font/woff2"},
    {"xml", "application/xml"},
    {"xz", "application/x-xz"},
    {"yaml", "application/yaml"},
    {"yml", "application/yaml"},
    {"zip", "application/zip"},
    {"zst", "application/zstd"},
};

}  // namespace

Transfer choose_transfer(std::string_view method, const net::Headers& headers, const FileVersion& file) {
  if (fails_precondition(headers, file)) return {412, {}, 0};
  if (is_known(headers, file)) return {304, {}, 0};
  const Transfer whole{200, {0, file.size == 0 ? 0 : file.size - 1}, file.size};
  const auto wanted = headers.get("Range");
  if (!wanted || method != "GET" || !range_applies(headers, file)) return whole;
  net::ByteRange bytes;
  switch (net::parse_range(*wanted, file.size, bytes)) {
    case net::RangeKind::kWhole:
      return whole;
    case net::RangeKind::kUnsatisfiable:
      return {416, {}, 0};
    case net::RangeKind::kPart:
      return {206, bytes, bytes.last - bytes.first + 1};
  }
  return whole;
}

std::string content_range(const net::ByteRange& bytes, uint64_t size) {
  return fmt::format("bytes {}-{}/{}", bytes.first, bytes.last, size);
}

net::Response range_refused(std::string_view model, std::string_view key, std::string_view method,
                            uint64_t size) {
  Error error(ErrorCode::kBadRequest, "", std::string(model), std::string(key),
              {fmt::format("The range begins behind the {} bytes of the file", size)});
  error.status_override = 416;
  net::Response response = error_response(error, method);
  response.headers.set("Content-Range", fmt::format("bytes */{}", size));
  return response;
}

std::string_view media_type(std::string_view path) {
  const std::string_view name = path.substr(path.rfind('/') + 1);
  const size_t dot = name.rfind('.');
  const std::string extension = lower_case(dot == std::string_view::npos ? "" : name.substr(dot + 1));
  const auto* found = std::lower_bound(
      std::begin(kMediaTypes), std::end(kMediaTypes), extension,
      [](const MediaType& entry, const std::string& wanted) { return entry.extension < wanted; });
  const bool known = found != std::end(kMediaTypes) && found->extension == extension;
  return known ? found->type : "application/octet-stream";
}

}  // namespace mullion::api
