// Boot environments: installing them with their templates and isos.
#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <filesystem>
#include <ostream>
#include <set>

#include "base/text.h"
#include "cli/commands/handlers.h"
#include "cli/connection/transfer.h"
#include "cli/documents/document.h"
#include "cli/documents/source.h"
#include "env/file.h"

namespace mullion::cli {
namespace {

namespace fs = std::filesystem;

/// An iso that a boot environment needs, and where it may come from.
struct Iso {
  std::string file;
  std::string url;
};

void add_iso(const json::value& holder, std::vector<Iso>& isos) {
  const std::string file = text_member(holder, "IsoFile");
  const bool known = std::any_of(isos.begin(), isos.end(), [&](const Iso& iso) { return iso.file == file; });
  if (!file.empty() && !known) isos.push_back({file, text_member(holder, "IsoUrl")});
}

/// Isos of OS and of every architecture.
std::vector<Iso> isos_of(const json::value& boot_env) {
  std::vector<Iso> isos;
  const json::value* os = member(boot_env, "OS");
  if (os == nullptr) return isos;
  add_iso(*os, isos);
  const json::value* architectures = member(*os, "SupportedArchitectures");
  if (architectures == nullptr || !architectures->is_object()) return isos;
  for (const auto& architecture : architectures->get_object()) add_iso(architecture.value(), isos);
  return isos;
}

/// Where an iso is taken from: the directory when it is there, else its URL; "" when nowhere.
std::string source_of(const Iso& iso, const std::string& directory, bool may_download) {
  std::error_code ignored;
  const fs::path local = fs::path(directory) / fs::path(iso.file).filename();
  if (!directory.empty() && fs::is_regular_file(local, ignored)) return local;
  return may_download ? iso.url : std::string();
}

/// An iso that is needed, not there and can be had from nowhere is an error, once the others are uploaded;
/// but not when its download was not wanted.
Result<void> upload_isos(Invocation& call, const std::vector<Iso>& isos, const std::string& directory,
                         bool may_download) {
  if (isos.empty()) return {};
  Result<json::value> present = call.session.get(client::get_isos());
  if (!present) return present.error();
  const std::vector<std::string> names = texts_member(json::object{{"isos", *present}}, "isos");
  std::vector<std::string> missing;
  for (const Iso& iso : isos) {
    if (std::find(names.begin(), names.end(), iso.file) != names.end()) continue;
    const std::string source = source_of(iso, directory, may_download);
    if (source.empty()) {
      call.terminal.err << "not uploaded: " << escaped(iso.file)
                        << (iso.url.empty() ? " (there is no file and no URL)\n"
                                            : " (get it from " + escaped(iso.url) + ")\n");
      if (may_download) missing.push_back(iso.file);
      continue;
    }
    Result<json::value> stored = upload_source(call, client::post_isos(iso.file), source);
    if (!stored) return stored.error();
    call.terminal.err << "uploaded " << escaped(iso.file) << "\n";
  }
  if (missing.empty()) return {};
  return Error(ErrorCode::kNotFound, fmt::format("not uploaded: {}", fmt::join(missing, ", ")));
}

Result<void> put_template(Invocation& call, const std::string& id, const std::string& text) {
  Result<json::value> known = call.session.get(client::get_object("templates", id));
  if (!known && known.error().status_override != 404) return known.error();
  json::value body = known ? *known : json::value(json::object{{"ID", id}});
  if (!body.is_object()) return Error(ErrorCode::kInternal, "the server's template is no object");
  if (text_member(body, "Contents") == text && known) return {};
  body.get_object()["Contents"] = text;
  Result<json::value> stored = call.session.send_value(
      known ? client::put_object("templates", id) : client::post_collection("templates"), body);
  return stored ? Result<void>() : Result<void>(stored.error());
}

/// Templates of a boot environment are files named by their id, in `templates` beside the file's directory or
/// in it. Those that are neither there nor inline must be on the server already; the server says so.
Result<void> put_templates(Invocation& call, const json::value& boot_env, const fs::path& file) {
  const json::value* templates = member(boot_env, "Templates");
  if (templates == nullptr || !templates->is_array()) return {};
  const fs::path directory = fs::absolute(file).parent_path();
  for (const json::value& entry : templates->get_array()) {
    const std::string id = text_member(entry, "ID");
    if (id.empty()) continue;
    for (const fs::path& place : {directory.parent_path() / "templates" / id, directory / "templates" / id}) {
      Result<std::string> text = env::read_file(place);
      if (!text) continue;
      Result<void> stored = put_template(call, id, *text);
      if (!stored) return stored;
      break;
    }
  }
  return {};
}

Result<json::value> install_boot_env(Invocation& call, const json::value& boot_env, const std::string& name) {
  Result<net::TextResponse> head = call.session.send({client::head_object("bootenvs", name)});
  if (head) {
    call.terminal.err << "Bootenv " << escaped(name) << " exists already; it stays as it is\n";
    return call.session.get(client::get_object("bootenvs", name));
  }
  if (head.error().status_override != 404) return head.error();
  Result<void> stored = put_templates(call, boot_env, call.argument(0));
  if (!stored) return stored.error();
  return call.session.send_value(client::post_collection("bootenvs"), boot_env);
}

}  // namespace

Result<void> boot_env_install(Invocation& call) {
  Result<json::value> boot_env = read_object_of(call, call.argument(0), model::find_object_type("bootenvs"));
  if (!boot_env) return boot_env.error();
  const std::string name = text_member(*boot_env, "Name");
  if (name.empty())
    return Error(ErrorCode::kBadRequest, call.argument(0) + " holds no boot environment with a Name");
  Result<json::value> installed = install_boot_env(call, *boot_env, name);
  if (!installed) return installed.error();
  const std::string directory = call.arguments.size() > 1 ? call.argument(1) : "isos";
  Result<void> uploaded = upload_isos(call, isos_of(*installed), directory, !call.flags.on("skip-download"));
  return uploaded ? print_answer(call, installed) : uploaded;
}

Result<void> boot_env_upload_iso(Invocation& call) {
  Result<json::value> boot_env = read_object(call);
  if (!boot_env) return boot_env.error();
  const std::vector<Iso> isos = isos_of(*boot_env);
  if (isos.empty())
    return Error(ErrorCode::kInvalid, fmt::format("BootEnv {} does not require an iso", call.argument(0)));
  Result<void> uploaded = upload_isos(call, isos, ".", true);
  if (!uploaded) return uploaded;
  Result<json::value> after = read_object(call);
  return print_answer(call, after);
}

Result<void> boot_env_purge(Invocation& call) {
  json::array architectures;
  for (size_t i = 1; i < call.arguments.size(); ++i) architectures.emplace_back(call.argument(i));
  client::Request request = client::delete_bootenvs_purge_local(call.argument(0));
  if (call.flags.on("reexplodeIsos")) request = request.with("reexplodeIsos", "true");
  Result<json::value> purged = call.session.send_value(request, json::value(std::move(architectures)));
  if (!purged) return purged.error();
  return purged->is_null() ? Result<void>() : print_answer(call, purged);
}

/// Isos of the boot environments that the parameter `bootenv-customize` of an object describes.
Result<void> customized_upload_iso(Invocation& call) {
  const client::Request look = client::get_object_params(call.subject, call.argument(0), "bootenv-customize")
                                   .with({{"aggregate", "true"}, {"compose", "true"}, {"decode", "true"}});
  Result<json::value> customized = call.session.get(look);
  if (!customized) return customized.error();
  std::vector<Iso> isos;
  if (customized->is_object()) {
    for (const auto& boot_env : customized->get_object()) {
      for (const Iso& iso : isos_of(boot_env.value())) isos.push_back(iso);
    }
  }
  if (isos.empty())
    return Error(
        ErrorCode::kInvalid,
        fmt::format("{} does not require an iso: its bootenv-customize names none", call.argument(0)));
  return upload_isos(call, isos, ".", true);
}

Result<void> template_upload(Invocation& call) {
  Result<std::string> text =
      call.argument(0) == "-" ? read_text(call, "-") : env::read_file(call.argument(0));
  if (!text) return Error(ErrorCode::kBadRequest, "cannot read " + call.argument(0));
  Result<void> stored = put_template(call, call.argument(2), *text);
  if (!stored) return stored;
  return print_answer(call, call.session.get(client::get_object("templates", call.argument(2))));
}

}  // namespace mullion::cli
