#include "api/internal/ux.h"

#include <algorithm>

#include "api/internal/answers.h"
#include "api/internal/blobs.h"
#include "api/internal/handlers.h"
#include "base/json.h"
#include "base/letters.h"
#include "base/mutex.h"
#include "base/text.h"
#include "model/object.h"

namespace mullion::api {
namespace {

namespace json = boost::json;
constexpr std::string_view kFolder = "ux/";
constexpr std::string_view kFirstPage = "ux/index.html";
constexpr const char* kHome = "/ux/";
constexpr uint64_t kLargestVersionFile = 64 * 1024;
constexpr size_t kVersionDepth = 8;
constexpr size_t kShortestFingerprint = 8;
constexpr std::string_view kAssets = "assets";
constexpr std::string_view kPackedPage = "index.html";
constexpr const char* kKeepForEver = "public, max-age=31536000, immutable";
constexpr const char* kAskEachTime = "no-cache";

struct FixedHeader {
  std::string_view name, value;
};
constexpr FixedHeader kPageHeaders[] = {
    {"Content-Security-Policy",
     "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
     "worker-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
     "require-trusted-types-for 'script'; trusted-types svelte-trusted-html mullion"},
    {"X-Frame-Options", "DENY"},
    {"Referrer-Policy", "no-referrer"},
    {"Cross-Origin-Opener-Policy", "same-origin"},
    {"Permissions-Policy",
     "camera=(), display-capture=(), geolocation=(), hid=(), microphone=(), midi=(), payment=(), serial=(), "
     "usb=()"},
    {"X-Content-Type-Options", "nosniff"},
};
/// Packages of others were written without our policy: scripts inside their pages, fonts from elsewhere. They
/// keep what costs them nothing.
constexpr const char* kPolicyOfPackages = "base-uri 'self'; frame-ancestors 'none'; object-src 'none'";
constexpr FixedHeader kForeignHeaders[] = {
    {"Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; sandbox"},
    {"X-Content-Type-Options", "nosniff"},
};

std::string file_text(files::Blobs& blobs, std::string_view path) {
  const Result<files::Blobs::Info> info = blobs.look("files", path);
  if (!info || info->size > kLargestVersionFile) return "";
  Result<std::string> text = env::read_file(info->file);
  return text ? std::move(*text) : "";
}

std::string version_member(const std::string& text) {
  const Result<json::value> value = parse_json(text, kVersionDepth);
  const json::value* version =
      value && value->is_object() ? value->get_object().if_contains("version") : nullptr;
  return version != nullptr && version->is_string() ? std::string(version->get_string()) : "";
}

std::string_view file_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

/// Whether a list header holds `word` with any weight but 0 ("text/html;q=0.8"); absent when it does not hold
/// it.
std::optional<bool> is_wanted(const net::Headers& headers, std::string_view name, std::string_view word) {
  for (const std::string_view list : headers.get_all(name)) {
    for (const std::string& item : split_list(list)) {
      const std::vector<std::string> parts = split_list(item, ';');
      if (parts.empty() || !equal_ignoring_case(trimmed(parts.front()), word)) continue;
      return std::ranges::none_of(parts, [](std::string_view part) {
        part = trimmed(part);
        const bool weight = part.starts_with("q=") || part.starts_with("Q=");
        return weight && part.find_first_of("123456789") == std::string_view::npos;
      });
    }
  }
  return std::nullopt;
}

net::Response redirect(std::string location) {
  net::Response response;
  response.status = 302;
  response.headers.set("Location", std::move(location));
  response.headers.set("Content-Type", "text/html; charset=utf-8");
  return response;
}

template <size_t Count>
void add_missing(net::Response& response, const FixedHeader (&headers)[Count]) {
  for (const FixedHeader& header : headers) {
    if (!response.headers.get(header.name)) response.headers.set(header.name, std::string(header.value));
  }
}

bool is_there(files::Blobs& blobs, std::string_view path) { return blobs.look("files", path).ok(); }

}  // namespace

std::string installed_ux_version(files::Blobs& blobs) {
  std::string version = version_member(file_text(blobs, "ux/ux-version.json"));
  if (!version.empty()) return version;
  version = file_text(blobs, "ux/version");
  version.resize(std::min(version.find_first_of("\r\n"), version.size()));
  return is_valid_utf8(version) ? version : "";
}

bool is_ux_file(const std::string& name) { return name.starts_with("files/ux/"); }

void UxVersion::read(files::Blobs& blobs) {
  const Lock one_at_a_time(reading_);
  std::string version = installed_ux_version(blobs);
  const Lock lock(mutex_);
  version_ = std::move(version);
}

std::string UxVersion::get() const {
  const Lock lock(mutex_);
  return version_;
}

bool is_ux_installed(files::Blobs& blobs) { return is_there(blobs, kFirstPage); }

bool is_fingerprinted(std::string_view path) {
  std::string_view name = file_name(path);
  const size_t dot = name.rfind('.');
  if (dot == std::string_view::npos) return false;
  if (name.substr(dot) == ".map") return is_fingerprinted(name.substr(0, dot));
  name = name.substr(0, dot);
  const size_t mark = name.find_last_of("-.");
  if (mark == std::string_view::npos || mark == 0) return false;
  const std::string_view word = name.substr(mark + 1);
  return word.size() >= kShortestFingerprint && std::any_of(word.begin(), word.end(), is_digit) &&
         std::all_of(word.begin(), word.end(),
                     [](char c) { return is_letter(c) || is_digit(c) || c == '_'; });
}

UxAnswer choose_ux_answer(std::span<const std::string> below, bool there, bool navigates) {
  if (there) return UxAnswer::kFile;
  // A part that is gone, of a version before this one, must not turn into a page.
  if (!below.empty() && below.front() == kAssets) return UxAnswer::kNothing;
  const bool looks_like_a_file = !below.empty() && below.back().find('.') != std::string::npos;
  return navigates || !looks_like_a_file ? UxAnswer::kPage : UxAnswer::kNothing;
}

std::optional<std::string> ux_file_name(std::span<const std::string> below) {
  std::string name;
  for (const std::string& segment : below) {
    if (segment.find('/') != std::string::npos) return std::nullopt;
    name.append(name.empty() ? "" : "/").append(segment);
  }
  return name.empty() ? std::string(kPackedPage) : name;
}

bool navigates(const net::Headers& headers) {
  // What browsers say of themselves decides; curl and old browsers have Accept alone.
  if (const auto mode = headers.get("Sec-Fetch-Mode")) return *mode == "navigate";
  return is_wanted(headers, "Accept", "text/html").value_or(false);
}

bool accepts_gzip(const net::Headers& headers) {
  for (const std::string_view word : {"gzip", "x-gzip", "*"}) {
    if (const std::optional<bool> wanted = is_wanted(headers, "Accept-Encoding", word)) return *wanted;
  }
  return false;
}

void protect_page(net::Response& response) { add_missing(response, kPageHeaders); }
void protect_foreign(net::Response& response) { add_missing(response, kForeignHeaders); }

bool is_ux_request(const net::Request& request) {
  return !request.segments.empty() && request.segments.front() == "ux";
}

namespace {

/// Bytes of the program itself, which need no copy.
class ConstantBody final : public net::BodySource {
 public:
  explicit ConstantBody(std::string_view bytes) : rest_(bytes), size_(bytes.size()) {}
  env::Task<Result<std::string_view>> next() override {
    constexpr size_t kPiece = 256 * 1024;
    const std::string_view piece = rest_.substr(0, kPiece);
    rest_.remove_prefix(piece.size());
    co_return piece;
  }
  std::optional<uint64_t> size() const override { return size_; }

 private:
  std::string_view rest_;
  uint64_t size_;
};

/// Both forms of a file have a name of their own, as strong ETags must.
std::string packed_etag(const PackedFile& file, bool gzip) {
  return fmt::format("\"{}{}\"", file.sha256, gzip ? "-gzip" : "");
}

env::Task<Result<net::Response>> serve_packed(const net::Request& request, const PackedFile& file,
                                              bool as_page) {
  const bool gzip = accepts_gzip(request.headers);
  const std::string etag = packed_etag(file, gzip);
  net::Response response;
  response.headers.set("Content-Type", file.media_type);
  response.headers.set("ETag", etag);
  response.headers.set("Vary", as_page ? "Accept-Encoding, Accept, Sec-Fetch-Mode" : "Accept-Encoding");
  response.headers.set("Cache-Control", file.name.starts_with("assets/") ? kKeepForEver : kAskEachTime);
  const auto known = request.headers.get("If-None-Match");
  if (known && etag_matches(*known, etag)) {
    response.status = 304;
    co_return response;
  }
  if (gzip) response.headers.set("Content-Encoding", "gzip");
  if (request.method == "HEAD") {
    response.headers.set("Content-Length", std::to_string(gzip ? file.gzip.size() : file.length));
    co_return response;
  }
  if (gzip) {
    response.body = std::make_unique<ConstantBody>(file.gzip);
    co_return response;
  }
  std::optional<Result<std::string>> bytes;
  co_await env::run_blocking([&] { bytes = unpacked(file); });
  if (!*bytes) co_return (*bytes).error();
  response.body = std::move(**bytes);
  co_return response;
}

env::Task<Result<net::Response>> serve_installed(Call& call, std::string name) {
  const std::string path = std::string(kFolder) + name;
  Result<net::Response> answer =
      co_await serve_blob(call.services.blobs, call.request, "files", path, ServeAs::kMediaType);
  if (!answer || answer->status >= 400) co_return answer;
  answer->headers.set("Cache-Control", is_fingerprinted(path) ? kKeepForEver : kAskEachTime);
  answer->headers.set("Content-Security-Policy", kPolicyOfPackages);
  co_return answer;
}

Error no_such_file(const Call& call) {
  return Error(ErrorCode::kNotFound, call.request.method, call.request.path, "",
               {"No such file of the interface"});
}

/// From the program itself.
env::Task<Result<net::Response>> show_packed(Call& call, Segments below) {
  const UxPack& pack = call.services.ux_pack;
  const std::optional<std::string> name = ux_file_name(below);
  const PackedFile* file = name ? pack.find(*name) : nullptr;
  const UxAnswer answer = choose_ux_answer(below, file != nullptr, navigates(call.request.headers));
  if (answer == UxAnswer::kNothing) co_return no_such_file(call);
  const bool as_page = answer == UxAnswer::kPage;
  const PackedFile* shown = as_page ? pack.find(kPackedPage) : file;
  co_return co_await serve_packed(call.request, *shown, as_page);
}

/// From files/ux, whether or not a whole package lies there.
env::Task<Result<net::Response>> show_installed(Call& call, Segments below, bool installed) {
  const std::optional<std::string> name = ux_file_name(below);
  bool there = false;
  co_await env::run_blocking(
      [&] { there = name && is_there(call.services.blobs, std::string(kFolder) + *name); });
  const UxAnswer answer = choose_ux_answer(below, there, navigates(call.request.headers));
  if (answer == UxAnswer::kNothing) co_return no_such_file(call);
  if (answer == UxAnswer::kPage && !installed) co_return redirect("/");
  std::string shown = answer == UxAnswer::kPage ? std::string(kPackedPage) : *name;
  co_return co_await serve_installed(call, std::move(shown));
}

}  // namespace

namespace handlers {

env::Task<Result<net::Response>> open_ux(Call& call) {
  // Relative links of the page need the slash.
  if (call.request.folder) co_return co_await show_ux(call);
  bool installed = false;
  co_await env::run_blocking([&] { installed = is_ux_installed(call.services.blobs); });
  co_return redirect(installed || !call.services.ux_pack.empty() ? kHome : "/");
}

env::Task<Result<net::Response>> show_ux(Call& call) {
  bool installed = false;
  co_await env::run_blocking([&] { installed = is_ux_installed(call.services.blobs); });
  const Segments below = call.path.subspan(1);
  if (installed || call.services.ux_pack.empty()) co_return co_await show_installed(call, below, installed);
  co_return co_await show_packed(call, below);
}

}  // namespace handlers
}  // namespace mullion::api
