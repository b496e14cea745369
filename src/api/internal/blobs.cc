#include "api/internal/blobs.h"

#include <charconv>

#include "api/internal/answers.h"

namespace mullion::api {
namespace {

namespace json = boost::json;

Error blob_error(const std::string& bucket, const std::string& path, Error error) {
  if (error.model.empty()) error.model = bucket;
  if (error.key.empty()) error.key = "/" + path;
  return error;
}

bool parse_number(std::string_view text, uint64_t& out) {
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), out);
  return failure == std::errc{} && end == text.data() + text.size() && !text.empty();
}

/// Key of an object in files shows a leading slash, in isos none (contract api.md 4.2).
std::string shown_path(const std::string& bucket, const std::string& path) {
  return bucket == "files" ? "/" + path : path;
}

bool range_applies(const net::Request& request, const std::string& etag) {
  const auto condition = request.headers.get("If-Range");
  return !condition || *condition == etag;
}

}  // namespace

RangeKind parse_range(std::string_view header, uint64_t size, ByteRange& out) {
  constexpr std::string_view kUnit = "bytes=";
  if (!header.starts_with(kUnit)) return RangeKind::kWhole;
  header.remove_prefix(kUnit.size());
  const size_t dash = header.find('-');
  if (dash == std::string_view::npos || header.find(',') != std::string_view::npos) return RangeKind::kWhole;
  const std::string_view first = header.substr(0, dash);
  const std::string_view last = header.substr(dash + 1);
  uint64_t number = 0;
  if (first.empty()) {
    if (!parse_number(last, number)) return RangeKind::kWhole;
    if (number == 0 || size == 0) return RangeKind::kUnsatisfiable;
    out = {number >= size ? 0 : size - number, size - 1};
    return RangeKind::kPart;
  }
  if (!parse_number(first, out.first)) return RangeKind::kWhole;
  out.last = size == 0 ? 0 : size - 1;
  if (!last.empty()) {
    if (!parse_number(last, number) || number < out.first) return RangeKind::kWhole;
    out.last = std::min(out.last, number);
  }
  return out.first >= size ? RangeKind::kUnsatisfiable : RangeKind::kPart;
}

env::Task<Result<net::Response>> serve_blob(content::Blobs& blobs, const net::Request& request,
                                            std::string bucket, std::string path) {
  std::optional<Result<content::Blobs::Info>> found;
  // A checksum may have to be computed first.
  co_await env::run_blocking([&] { found = blobs.stat(bucket, path); });
  if (!*found) co_return Error(ErrorCode::kNotFound, "", bucket, "/" + path, {"Not a regular file"});
  const content::Blobs::Info info = std::move(**found);
  net::Response response;
  const std::string etag = "\"SHA256:" + info.sha256 + "\"";
  response.headers.set("ETag", etag);
  response.headers.set("X-DRP-SHA256SUM", info.sha256);
  response.headers.set("Accept-Ranges", "bytes");
  response.headers.set("Content-Type", "application/octet-stream");
  const auto known = request.headers.get("If-None-Match");
  if (known && etag_matches(*known, etag)) {
    response.status = 304;
    co_return response;
  }
  ByteRange range{0, info.size == 0 ? 0 : info.size - 1};
  RangeKind kind = RangeKind::kWhole;
  const auto wanted = request.headers.get("Range");
  if (wanted && range_applies(request, etag)) kind = parse_range(*wanted, info.size, range);
  if (kind == RangeKind::kUnsatisfiable) {
    response = json_response(416, std::string());
    response.headers.set("Content-Range", fmt::format("bytes */{}", info.size));
    co_return response;
  }
  if (kind == RangeKind::kPart) {
    response.status = 206;
    response.headers.set("Content-Range", fmt::format("bytes {}-{}/{}", range.first, range.last, info.size));
  } else {
    range = {0, info.size == 0 ? 0 : info.size - 1};
  }
  const uint64_t length = info.size == 0 ? 0 : range.last - range.first + 1;
  if (request.method == "HEAD" || length == 0) {
    response.headers.set("Content-Length", std::to_string(length));
    co_return response;
  }
  Result<net::BodySourcePtr> body = blobs.open(info, range.first, range.last);
  if (!body) co_return blob_error(bucket, path, body.error());
  response.body = std::move(*body);
  co_return response;
}

env::Task<Result<net::Response>> list_blobs(Call& call, std::string bucket) {
  const std::string directory(call.request.query_value("path").value_or(""));
  const bool all = call.flag("all");
  std::optional<Result<std::vector<std::string>>> names;
  co_await env::run_blocking([&] { names = call.services.blobs.list(bucket, directory, all); });
  if (!*names) co_return blob_error(bucket, directory, names->error());
  json::array out;
  for (const std::string& name : **names) out.emplace_back(name);
  co_return json_response(200, json::value(std::move(out)));
}

env::Task<Result<net::Response>> upload_blob(Call& call, std::string bucket) {
  const std::string path = call.argument("rest");
  const bool explode = call.flag("explode");
  Result<content::Blobs::Info> info = co_await call.services.blobs.put(
      bucket, path, *call.request.body, explode, call.services.limits.upload_bytes);
  if (!info) co_return blob_error(bucket, path, info.error());
  json::object answer;
  answer["Path"] = shown_path(bucket, path);
  answer["Size"] = info->size;
  const std::string text = json::serialize(answer);
  call.services.events.publish(bucket, "save", path, call.principal.audit_name(), text);
  co_return json_response(201, text);
}

env::Task<Result<net::Response>> remove_blob(Call& call, std::string bucket) {
  const std::string path = call.argument("rest");
  std::optional<Result<void>> removed;
  co_await env::run_blocking([&] { removed = call.services.blobs.remove(bucket, path); });
  if (!*removed) co_return blob_error(bucket, path, removed->error());
  call.services.events.publish(bucket, "delete", path, call.principal.audit_name(), "null");
  co_return json_response(204, std::string());
}

}  // namespace mullion::api
