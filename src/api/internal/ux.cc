#include "api/internal/ux.h"

#include <algorithm>

#include "api/internal/answers.h"
#include "api/internal/blobs.h"
#include "api/internal/handlers.h"
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

std::string file_text(content::Blobs& blobs, std::string_view path) {
  const Result<content::Blobs::Info> info = blobs.stat("files", path);
  if (!info || info->size > kLargestVersionFile) return "";
  Result<std::string> text = env::read_file(info->file);
  return text ? std::move(*text) : "";
}

std::string version_member(const std::string& text) {
  const Result<json::value> value = model::parse_json(text, kVersionDepth);
  const json::value* version =
      value && value->is_object() ? value->get_object().if_contains("version") : nullptr;
  return version != nullptr && version->is_string() ? std::string(version->get_string()) : "";
}

std::string_view file_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

net::Response redirect(std::string location) {
  net::Response response;
  response.status = 302;
  response.headers.set("Location", std::move(location));
  response.headers.set("Content-Type", "text/html; charset=utf-8");
  return response;
}

bool is_there(content::Blobs& blobs, std::string_view path) { return blobs.stat("files", path).ok(); }

}  // namespace

std::string installed_ux_version(content::Blobs& blobs) {
  std::string version = version_member(file_text(blobs, "ux/ux-version.json"));
  if (!version.empty()) return version;
  version = file_text(blobs, "ux/version");
  version.resize(std::min(version.find_first_of("\r\n"), version.size()));
  return is_valid_utf8(version) ? version : "";
}

bool is_ux_file(const std::string& name) { return name.starts_with("files/ux/"); }

void UxVersion::read(content::Blobs& blobs) {
  const std::lock_guard one_at_a_time(reading_);
  std::string version = installed_ux_version(blobs);
  const std::lock_guard lock(mutex_);
  version_ = std::move(version);
}

std::string UxVersion::get() const {
  const std::lock_guard lock(mutex_);
  return version_;
}

bool is_ux_installed(content::Blobs& blobs) { return is_there(blobs, kFirstPage); }

bool is_fingerprinted(std::string_view path) {
  std::string_view name = file_name(path);
  const size_t dot = name.rfind('.');
  if (dot == std::string_view::npos) return false;
  if (name.substr(dot) == ".map") return is_fingerprinted(name.substr(0, dot));
  name = name.substr(0, dot);
  const size_t mark = name.find_last_of("-.");
  if (mark == std::string_view::npos || mark == 0) return false;
  const std::string_view word = name.substr(mark + 1);
  const auto is_digit = [](unsigned char c) { return std::isdigit(c) != 0; };
  return word.size() >= kShortestFingerprint && std::any_of(word.begin(), word.end(), is_digit) &&
         std::all_of(word.begin(), word.end(), [](unsigned char c) { return std::isalnum(c) || c == '_'; });
}

bool is_page(std::string_view path) { return file_name(path).find('.') == std::string_view::npos; }

namespace handlers {

env::Task<Result<net::Response>> open_ux(Call& call) {
  bool installed = false;
  co_await env::run_blocking([&] { installed = is_ux_installed(call.services.blobs); });
  if (!installed) co_return redirect("/");
  // Relative links of the page need the slash.
  if (!call.request.path.ends_with('/')) co_return redirect(kHome);
  co_return co_await show_ux(call);
}

env::Task<Result<net::Response>> show_ux(Call& call) {
  const std::string rest = call.arguments.has("rest") ? call.argument("rest") : "";
  std::string path = std::string(kFolder) + rest;
  bool there = false, installed = false;
  co_await env::run_blocking([&] {
    there = is_there(call.services.blobs, path);
    installed = is_ux_installed(call.services.blobs);
  });
  if (!there && is_page(rest)) {
    if (!installed) co_return redirect("/");
    path = kFirstPage;
  }
  const std::string keep = is_fingerprinted(path) ? "public, max-age=31536000, immutable" : "no-cache";
  Result<net::Response> answer =
      co_await serve_blob(call.services.blobs, call.request, "files", path, ServeAs::kMediaType);
  if (answer && answer->status < 400) answer->headers.set("Cache-Control", keep);
  co_return answer;
}

}  // namespace handlers
}  // namespace mullion::api
