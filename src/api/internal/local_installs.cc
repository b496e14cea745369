// Unpacked installation files of boot environments.
#include "api/internal/answers.h"
#include "api/internal/handlers.h"
#include "api/internal/heavy.h"
#include "api/internal/iso_installs.h"
#include "api/internal/objects.h"
#include "env/file.h"

namespace mullion::api {
namespace {

Error install_refused(const Call& call, ErrorCode code, std::string message) {
  return object_error(call, code, {std::move(message)});
}

Result<std::string> system_name(const Call& call) {
  Result<json::object> bootenv = parse_stored(call.target.body);
  if (!bootenv) return bootenv.error();
  const json::value* system = bootenv->if_contains("OS");
  const json::value* name =
      system != nullptr && system->is_object() ? system->get_object().if_contains("Name") : nullptr;
  if (name != nullptr && name->is_string() && is_folder_name(name->get_string()))
    return std::string(name->get_string());
  return install_refused(call, ErrorCode::kInvalid,
                         "The boot environment names no operating system to remove");
}

Result<std::vector<std::string>> wanted_architectures(const Call& call) {
  Result<json::value> body = parse_body(call);
  if (!body) return body.error();
  if (!body->is_array())
    return install_refused(call, ErrorCode::kBadRequest, "The body is not a list of architectures");
  std::vector<std::string> architectures;
  for (const json::value& item : body->get_array()) {
    const std::string_view word = item.is_string() ? std::string_view(item.get_string()) : "";
    const std::string_view canonical = model::canonical_word("archAliases", word);
    if (canonical.empty())
      return install_refused(call, ErrorCode::kInvalid, fmt::format("Unsupported arch {}", word));
    architectures.emplace_back(canonical);
  }
  return architectures;
}

/// The isos of the boot environment for these architectures that are here.
std::vector<IsoInstall> isos_to_unpack(const Call& call, const std::vector<std::string>& architectures) {
  Result<json::object> bootenv = parse_stored(call.target.body);
  if (!bootenv) return {};
  std::vector<IsoInstall> isos = isos_of(*bootenv);
  std::erase_if(isos, [&](const IsoInstall& iso) {
    return std::find(architectures.begin(), architectures.end(), iso.architecture) == architectures.end() ||
           !call.services.blobs.look("isos", iso.iso);
  });
  return isos;
}

}  // namespace

namespace handlers {

env::Task<Result<net::Response>> purge_local_install(Call& call) {
  const Result<std::string> system = system_name(call);
  if (!system) co_return system.error();
  const Result<std::vector<std::string>> architectures = wanted_architectures(call);
  if (!architectures) co_return architectures.error();
  Result<void> removed;
  std::vector<IsoInstall> again;
  Result<void> run = co_await run_heavy(call, env::Pool::kLong, [&] {
    for (const std::string& architecture : *architectures) {
      const env::Path folder = install_folder(call.services.facts.installs, *system, architecture);
      if (removed) removed = env::remove_tree(folder);
    }
    if (call.flag("reexplodeIsos")) again = isos_to_unpack(call, *architectures);
  });
  if (!run) co_return run.error();
  if (!removed) co_return removed.error();
  unpack_isos(call.services, std::move(again));
  co_return json_response(204, std::string());
}

}  // namespace handlers
}  // namespace mullion::api
