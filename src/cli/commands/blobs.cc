// Files and isos, and other bytes: plugin providers, upgrades, debug data.
#include <fmt/format.h>

#include <boost/json.hpp>
#include <filesystem>
#include <ostream>

#include "base/base64.h"
#include "cli/commands/handlers.h"
#include "cli/connection/transfer.h"
#include "cli/documents/document.h"
#include "cli/documents/sealing.h"
#include "cli/documents/source.h"
#include "env/file.h"

namespace mullion::cli {
namespace {

/// Of the files or the isos, as the command says.
client::Request blob_request(const Invocation& call, client::RequestForPath files,
                             client::RequestForPath isos, const std::string& name) {
  return client::blob_request(files, isos, call.subject + "/" + name);
}

/// `A [WORD] [B]`: what B says, with or without its small word; "" when it is not there.
std::string worded_argument(const Invocation& call, std::initializer_list<std::string_view> words) {
  const bool worded =
      call.arguments.size() > 2 && std::find(words.begin(), words.end(), call.argument(1)) != words.end();
  return call.optional_argument(worded ? 2 : 1);
}

/// "-" or nothing is stdout.
Result<void> download(Invocation& call, const client::Request& request, const std::string& destination) {
  if (destination.empty() || destination == "-") return download_to_stream(call, request, call.terminal.out);
  return download_to_file(call, request, destination);
}

Result<std::string> base64_of_file(const std::string& path) {
  Result<std::string> content = env::read_file(path);
  if (!content) return Error(ErrorCode::kBadRequest, "cannot " + content.error().text());
  return base64_encode(std::move(*content));
}

}  // namespace

Result<std::string> static_origin(Invocation& call) {
  Result<json::value> info = call.session.get(client::get_info());
  if (!info) return info.error();
  const json::value* port = member(*info, "file_port");
  if (port == nullptr || !port->is_int64() || port->get_int64() == 0) {
    return Error(ErrorCode::kUnavailable, "this server has no static file server");
  }
  std::string host = call.session.url();
  host = host.substr(host.find("://") + 3);
  const size_t colon = host.rfind(':');
  if (colon != std::string::npos && host.find(']', colon) == std::string::npos) host.resize(colon);
  return fmt::format("http://{}:{}", host, port->get_int64());
}

Result<void> blobs_list(Invocation& call) {
  std::vector<std::pair<std::string, std::string>> query;
  if (!call.arguments.empty()) query.emplace_back("path", call.argument(0));
  if (call.flags.on("recurse")) query.emplace_back("all", "true");
  const client::Request list = call.subject == "isos" ? client::get_isos() : client::get_files();
  return print_answer(call, call.session.get(list.with(query)));
}

Result<void> blobs_exists(Invocation& call) {
  Result<net::TextResponse> head =
      call.session.send({blob_request(call, client::head_files, client::head_isos, call.argument(0))});
  if (head) return {};
  if (head.error().status_override != 404) return head.error();
  return Error(ErrorCode::kNotFound, call.subject + ":" + call.argument(0) + " does not exist");
}

Result<void> blobs_download(Invocation& call) {
  return download(call, blob_request(call, client::get_files, client::get_isos, call.argument(0)),
                  worded_argument(call, {"to"}));
}

Result<void> blobs_static(Invocation& call) {
  Result<std::string> origin = static_origin(call);
  if (!origin) return origin.error();
  Result<net::BodySourcePtr> body = call.session.open_static(fmt::format(
      "{}/{}", *origin, blob_request(call, client::get_files, client::get_isos, call.argument(0)).shown()));
  if (!body) return body.error();
  while (true) {
    Result<std::string_view> piece = call.session.next_piece(**body);
    if (!piece) return piece.error();
    if (piece->empty() || !call.terminal.out) return {};
    call.terminal.out << *piece;
  }
}

Result<void> blobs_upload(Invocation& call) {
  const std::string& source = call.argument(0);
  std::string name = worded_argument(call, {"as", "to"});
  if (name.empty() && source == "-") return usage_error("say as what: upload - as NAME");
  if (name.empty()) name = std::filesystem::path(source.substr(0, source.find('?'))).filename();
  client::Request request = blob_request(call, client::post_files, client::post_isos, name);
  if (call.flags.on("explode")) request = request.with("explode", "true");
  return print_answer(call, upload_source(call, request, source));
}

Result<void> blobs_destroy(Invocation& call) {
  Result<json::value> gone = call.session.send_json(
      {blob_request(call, client::delete_files, client::delete_isos, call.argument(0))});
  if (!gone) return gone.error();
  call.terminal.out << "Deleted " << call.argument(0);
  return {};
}

Result<void> certificate_set(Invocation& call) {
  Result<std::string> certificate = base64_of_file(call.argument(0));
  if (!certificate) return certificate.error();
  Result<std::string> key = base64_of_file(call.argument(1));
  if (!key) return key.error();
  const client::Request request =
      call.subject == "static/cert" ? client::post_static_cert() : client::post_system_cert();
  return print_answer(call,
                      call.session.send_value(request, json::object{{"Cert", *certificate}, {"Key", *key}}));
}

Result<void> provider_upload(Invocation& call) {
  const std::string name = std::filesystem::path(call.argument(0)).filename();
  std::string source = worded_argument(call, {"from"});
  if (source.empty()) source = call.argument(0);
  client::Request request = client::post_plugin_providers(name);
  if (call.flags.on("replace-writable")) request = request.with("replaceWritable", "true");
  if (source.starts_with("catalog:")) {
    Result<catalog::Artifact> artifact = catalog_artifact(call, source.substr(8));
    if (!artifact) return artifact.error();
    return print_answer(call, upload_artifact(call, request, *artifact));
  }
  return print_answer(call, upload_source(call, request, source));
}

Result<void> provider_download(Invocation& call) {
  return download(call, client::get_plugin_providers_binary(call.argument(0)), worded_argument(call, {"to"}));
}

namespace {

/// The steps of an upgrade that need no package; files of these names are `./start` and so on.
struct UpgradeStep {
  std::string_view word;
  client::Request (*request)();
};
constexpr UpgradeStep kUpgradeSteps[] = {{"start", client::post_system_upgrade_exec},
                                         {"remove", client::delete_system_upgrade_stage},
                                         {"status", client::get_system_upgrade}};

}  // namespace

Result<void> system_upgrade(Invocation& call) {
  const std::string& word = call.argument(0);
  const std::string package = call.optional_argument(1);
  const bool staged = word == "stage" && !package.empty();
  if (!package.empty() && !staged) return usage_error("only `stage` takes a second word, the package");
  for (const UpgradeStep& step : kUpgradeSteps) {
    if (step.word != word) continue;
    return print_answer(call, call.session.send_json({step.request()}));
  }
  client::Request request = staged ? client::post_system_upgrade_stage() : client::post_system_upgrade();
  if (call.flags.on("force")) request = request.with("force", "true");
  if (call.flags.on("skip-offline")) request = request.with("skipOffline", "true");
  if (call.flags.has("member")) request = request.with("member", call.flags.get("member"));
  return print_answer(call, upload_source(call, request, staged ? package : word));
}

Result<void> debug_download(Invocation& call) {
  const std::string& type = call.argument(0);
  client::Request request =
      type == "index" ? client::get_drp_debug_index(call.flags.get("prefix")) : client::get_debug(type);
  if (call.flags.has("seconds")) request = request.with("seconds", call.flags.get("seconds"));
  return download(call, request, call.argument(1));
}

}  // namespace mullion::cli
