// Unpacked installation files of boot environments.
#include "api/internal/answers.h"
#include "api/internal/handlers.h"
#include "api/internal/objects.h"
#include "env/file.h"

namespace mullion::api {
namespace {

constexpr std::string_view kPlainArchitecture = "amd64";  // has no folder of its own

Error refused(const Call& call, ErrorCode code, std::string message) {
  return object_error(call, code, {std::move(message)});
}

bool is_folder_name(std::string_view name) {
  return !name.empty() && name != "." && name != ".." && name.find('/') == std::string_view::npos;
}

Result<std::string> system_name(const Call& call) {
  Result<json::object> bootenv = parse_stored(call.target.body);
  if (!bootenv) return bootenv.error();
  const json::value* system = bootenv->if_contains("OS");
  const json::value* name =
      system != nullptr && system->is_object() ? system->get_object().if_contains("Name") : nullptr;
  if (name != nullptr && name->is_string() && is_folder_name(name->get_string()))
    return std::string(name->get_string());
  return refused(call, ErrorCode::kInvalid, "The boot environment names no operating system to remove");
}

Result<std::vector<std::string>> wanted_architectures(const Call& call) {
  Result<json::value> body = parse_body(call);
  if (!body) return body.error();
  if (!body->is_array())
    return refused(call, ErrorCode::kBadRequest, "The body is not a list of architectures");
  std::vector<std::string> architectures;
  for (const json::value& item : body->get_array()) {
    const std::string_view word = item.is_string() ? std::string_view(item.get_string()) : "";
    const std::string_view canonical = model::canonical_word("archAliases", word);
    if (canonical.empty())
      return refused(call, ErrorCode::kInvalid, fmt::format("Unsupported arch {}", word));
    architectures.emplace_back(canonical);
  }
  return architectures;
}

env::Path install_folder(const Call& call, const std::string& system, const std::string& architecture) {
  const env::Path base = call.services.facts.installs / system;
  return (architecture == kPlainArchitecture ? base : base / architecture) / "install";
}

}  // namespace

namespace handlers {

env::Task<Result<net::Response>> purge_local_install(Call& call) {
  const Result<std::string> system = system_name(call);
  if (!system) co_return system.error();
  const Result<std::vector<std::string>> architectures = wanted_architectures(call);
  if (!architectures) co_return architectures.error();
  if (call.flag("reexplodeIsos")) {
    co_return refused(call, ErrorCode::kInvalid,
                      "This version does not unpack isos again; upload the iso after the purge");
  }
  Result<void> removed;
  co_await env::run_blocking([&] {
    for (const std::string& architecture : *architectures) {
      if (removed) removed = env::remove_tree(install_folder(call, *system, architecture));
    }
  });
  if (!removed) co_return removed.error();
  co_return json_response(204, std::string());
}

}  // namespace handlers
}  // namespace mullion::api
