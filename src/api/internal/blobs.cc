#include "api/internal/blobs.h"

#include "api/internal/answers.h"
#include "api/internal/heavy.h"
#include "api/internal/iso_installs.h"
#include "api/internal/transfer.h"

namespace mullion::api {
namespace {

namespace json = boost::json;

/// Tells clients where to go on with an upload in pieces.
constexpr std::string_view kOffsetHeader = "Upload-Offset";

Error blob_error(const std::string& bucket, const std::string& path, Error error) {
  if (error.model.empty()) error.model = bucket;
  if (error.key.empty()) error.key = "/" + path;
  return error;
}

/// Key of an object in files shows a leading slash, in isos none (contract api.md 4.2).
std::string shown_path(const std::string& bucket, const std::string& path) {
  return bucket == "files" ? "/" + path : path;
}

json::object blob_info(const std::string& bucket, const std::string& path, uint64_t size) {
  return {{"Path", shown_path(bucket, path)}, {"Size", size}};
}

/// Runs a function of files::Blobs beside the coroutine threads.
template <typename Function>
auto beside(Function function) -> env::Task<decltype(function())> {
  std::optional<decltype(function())> outcome;
  co_await env::run_blocking([&] { outcome = function(); });
  co_return std::move(*outcome);
}

void describe(net::Response& response, const FileVersion& file, const files::Blobs::Info& info, ServeAs as) {
  response.headers.set("ETag", file.etag);
  response.headers.set("Last-Modified", net::format_http_date(file.modified));
  if (!info.sha256.empty()) response.headers.set("X-DRP-SHA256SUM", info.sha256);
  response.headers.set("Accept-Ranges", "bytes");
  response.headers.set("X-Content-Type-Options", "nosniff");
  const bool by_name = as == ServeAs::kMediaType;
  response.headers.set("Content-Type",
                       std::string(by_name ? media_type(info.path) : "application/octet-stream"));
}

net::Response refuse_transfer(const net::Request& request, const std::string& bucket, const std::string& path,
                              const Transfer& transfer, uint64_t size) {
  if (transfer.status == 416) return range_refused(bucket, "/" + path, request.method, size);
  Error error(ErrorCode::kBadRequest, "", bucket, "/" + path,
              {"The file is not the one that the conditions name"});
  error.status_override = transfer.status;
  return error_response(error, request.method);
}

/// Names the content; that of files without a sum by where and when it was written.
std::string file_etag(const files::Blobs::Info& info) {
  if (!info.sha256.empty()) return "\"SHA256:" + info.sha256 + "\"";
  return fmt::format("\"{:x}-{:x}-{:x}\"", info.number, info.size, info.modified.time_since_epoch().count());
}

/// The answer about one version of the file; kConflict when it was replaced before it could be opened.
Result<net::Response> transfer_blob(files::Blobs& blobs, const net::Request& request,
                                    const std::string& bucket, const files::Blobs::Info& info, ServeAs as) {
  const FileVersion file{file_etag(info), info.modified, info.size};
  const Transfer transfer = choose_transfer(request.method, request.headers, file);
  if (transfer.status >= 400) return refuse_transfer(request, bucket, info.path, transfer, info.size);
  net::Response response;
  response.status = transfer.status;
  describe(response, file, info, as);
  if (transfer.status == 304) return response;
  if (transfer.status == 206) {
    response.headers.set("Content-Range", content_range(transfer.bytes, info.size));
  }
  if (request.method == "HEAD" || transfer.length == 0) {
    response.headers.set("Content-Length", std::to_string(transfer.length));
    return response;
  }
  Result<net::BodySourcePtr> body = blobs.open(info, transfer.bytes.first, transfer.bytes.last);
  if (!body) return body.error();
  response.body = std::move(*body);
  return response;
}

/// Known, and on its way to this server: to be asked for again.
net::Response not_here_yet(const net::Request& request, const Error& error) {
  net::Response response = error_response(error, request.method);
  response.headers.set("Retry-After", "1");
  return response;
}

/// Whether a file whose checksum is not known is served without it, left alone (absent), or read for it.
enum class Unsummed { kServed, kLeft, kRead };

/// Between looking at a file and opening it somebody may replace it: then its successor is served.
std::optional<Result<net::Response>> serve_newest(files::Blobs& blobs, const net::Request& request,
                                                  const std::string& bucket, const std::string& path,
                                                  ServeAs as, Unsummed unsummed) {
  constexpr int kTries = 5;
  Error failure;
  for (int i = 0; i < kTries; ++i) {
    const auto info = unsummed == Unsummed::kRead ? blobs.stat(bucket, path) : blobs.look(bucket, path);
    if (info && info->sha256.empty() && unsummed == Unsummed::kLeft) return std::nullopt;
    if (!info && info.error().code == ErrorCode::kUnavailable) return not_here_yet(request, info.error());
    if (!info) return Error(ErrorCode::kNotFound, "", bucket, "/" + path, {"Not a regular file"});
    auto response = transfer_blob(blobs, request, bucket, *info, as);
    if (response) return response;
    failure = response.error();
    if (failure.code != ErrorCode::kConflict && failure.code != ErrorCode::kNotFound) break;
  }
  return blob_error(bucket, path, std::move(failure));
}

Error bad_content_range(const std::string& bucket, const std::string& path) {
  return Error(ErrorCode::kBadRequest, "", bucket, "/" + path,
               {"Content-Range: expected bytes FIRST-LAST/TOTAL, or * for a total that is not known yet"});
}

void add_offset(net::Response& response, uint64_t offset) {
  response.headers.set(kOffsetHeader, std::to_string(offset));
}

/// A refusal that says how much of the upload is there.
env::Task<net::Response> refuse_piece(Call& call, const std::string& bucket, const std::string& path,
                                      const Error& error) {
  net::Response response = error_response(error, call.request.method);
  const auto size = co_await beside([&] { return call.services.blobs.unfinished(bucket, path); });
  add_offset(response, size ? *size : 0);
  co_return response;
}

net::Response uploaded(Call& call, const std::string& bucket, const std::string& path,
                       const files::Blobs::Info& info) {
  const std::string text = json::serialize(blob_info(bucket, path, info.size));
  call.services.events.publish(bucket, "save", path, call.principal.audit_name(), text);
  if (bucket == "isos") unpack_iso(call.services, info.path);  // the name without detours
  return json_response(201, text);
}

files::UploadOptions upload_options(const Call& call) {
  return {call.flag("explode"), call.services.limits.upload_bytes, caller_of(call)};
}

env::Task<Result<net::Response>> upload_piece(Call& call, std::string bucket, std::string path,
                                              net::ContentRange piece) {
  Result<files::Blobs::Progress> progress =
      co_await call.services.blobs.append(bucket, path, *call.request.body, piece, upload_options(call));
  if (!progress) {
    net::Response refusal =
        co_await refuse_piece(call, bucket, path, blob_error(bucket, path, progress.error()));
    co_return refusal;
  }
  net::Response response = progress->finished
                               ? uploaded(call, bucket, path, *progress->finished)
                               : json_response(202, json::value(blob_info(bucket, path, progress->size)));
  add_offset(response, progress->size);
  co_return response;
}

}  // namespace

env::Task<Result<net::Response>> serve_blob(files::Blobs& blobs, const net::Request& request,
                                            std::string bucket, std::string path, ServeAs as,
                                            std::optional<env::Caller> caller) {
  std::optional<Result<net::Response>> response;
  const Unsummed unsummed = caller ? Unsummed::kLeft : Unsummed::kServed;
  co_await env::run_blocking([&] { response = serve_newest(blobs, request, bucket, path, as, unsummed); });
  if (response) co_return std::move(*response);
  const Result<void> run = co_await env::run_blocking(env::Pool::kLong, *caller, [&] {
    response = serve_newest(blobs, request, bucket, path, as, Unsummed::kRead);
  });
  if (!run) co_return run.error();
  co_return std::move(*response);
}

env::Task<Result<net::Response>> show_blob(Call& call, std::string bucket) {
  const std::string path = call.argument("rest");
  if (!call.flag("partial")) {
    co_return co_await serve_blob(call.services.blobs, call.request, bucket, path, ServeAs::kBytes,
                                  caller_of(call));
  }
  const auto size = co_await beside([&] { return call.services.blobs.unfinished(bucket, path); });
  if (!size) co_return blob_error(bucket, path, size.error());
  net::Response response = json_response(200, json::value(blob_info(bucket, path, *size)));
  add_offset(response, *size);
  co_return response;
}

env::Task<Result<net::Response>> list_blobs(Call& call, std::string bucket) {
  const std::string directory(call.request.query_value("path").value_or(""));
  const bool all = call.flag("all");
  const auto names = co_await beside([&] { return call.services.blobs.list(bucket, directory, all); });
  if (!names) co_return blob_error(bucket, directory, names.error());
  json::array out;
  for (const std::string& name : *names) out.emplace_back(name);
  co_return json_response(200, json::value(std::move(out)));
}

env::Task<Result<net::Response>> upload_blob(Call& call, std::string bucket) {
  const std::string path = call.argument("rest");
  if (call.flag("explode")) {
    // What an archive holds may take the place of any file.
    const auth::Right all{bucket, "post", auth::Subject::everything()};
    if (Result<void> allowed = auth::authorise(call.principal, all, call.uri); !allowed)
      co_return allowed.error();
  }
  if (const auto header = call.request.headers.get("Content-Range")) {
    const auto piece = net::parse_content_range(*header);
    if (!piece) co_return bad_content_range(bucket, path);
    co_return co_await upload_piece(call, bucket, path, *piece);
  }
  Result<files::Blobs::Info> info =
      co_await call.services.blobs.put(bucket, path, *call.request.body, upload_options(call));
  if (!info) co_return blob_error(bucket, path, info.error());
  co_return uploaded(call, bucket, path, *info);
}

env::Task<Result<net::Response>> remove_blob(Call& call, std::string bucket) {
  const std::string path = call.argument("rest");
  const bool partial = call.flag("partial");
  const auto removed = co_await beside([&] {
    files::Blobs& blobs = call.services.blobs;
    return partial ? blobs.drop_unfinished(bucket, path) : blobs.remove(bucket, path);
  });
  if (!removed) co_return blob_error(bucket, path, removed.error());
  if (partial) co_return json_response(204, std::string());
  call.services.events.publish(bucket, "delete", path, call.principal.audit_name(), "null");
  co_return json_response(204, std::string());
}

}  // namespace mullion::api
