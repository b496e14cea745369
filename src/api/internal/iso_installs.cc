#include "api/internal/iso_installs.h"

#include <algorithm>

#include "api/internal/log.h"
#include "base/json.h"
#include "base/mutex.h"
#include "base/text.h"
#include "env/pools.h"
#include "env/random.h"
#include "model/members.h"
#include "model/object.h"
#include "objects/lookup.h"
#include "objects/params.h"

namespace mullion::api {
namespace {

namespace json = boost::json;
constexpr std::string_view kPlainArchitecture = "amd64";  // has no folder of its own
constexpr std::string_view kScratch = ".unpacking";
constexpr std::string_view kSource =
    ".install-sha256";  // beside what is unpacked: of the iso that it is from

env::Path source_file(const Services& services, const IsoInstall& install) {
  return install_folder(services.facts.installs, install.system, install.architecture).parent_path() /
         kSource;
}

/// Whether what is unpacked is of the iso that is here now.
bool is_current(Services& services, const IsoInstall& install) {
  const Result<files::Blobs::Info> iso = services.blobs.stat("isos", install.iso);
  const Result<std::string> source = env::read_file(source_file(services, install));
  const env::Path folder = install_folder(services.facts.installs, install.system, install.architecture);
  return iso && source && *source == iso->sha256 && std::filesystem::exists(folder);
}

/// Unpacks beside the place, then puts the whole tree there: a reader sees the old files or the new ones.
Result<size_t> unpack(Services& services, const IsoInstall& wanted) {
  const Result<files::Blobs::Info> iso = services.blobs.stat("isos", wanted.iso);
  if (!iso) return iso.error();
  if (!wanted.sha256.empty() && !equal_ignoring_case(wanted.sha256, iso->sha256)) {
    return Error(ErrorCode::kInvalid,
                 fmt::format("its SHA-256 is {}, the boot environment wants {}", iso->sha256, wanted.sha256));
  }
  files::ExplodeLimits limits = services.facts.unpacking;
  limits.leave_links_out = true;
  limits.stop = &services.isos_to_unpack.stopping();
  const env::Path tree = services.facts.installs / kScratch / fmt::format("{:016x}", env::random_id());
  const Result<std::vector<std::string>> files = files::explode(iso->file, tree, limits);
  Result<void> done = files ? Result<void>() : Result<void>(files.error());
  if (done)
    done = files::put_tree(tree, install_folder(services.facts.installs, wanted.system, wanted.architecture));
  if (done) done = env::write_file_atomic(source_file(services, wanted), iso->sha256);
  if (done) return files->size();
  (void)env::remove_tree(tree);
  return done.error();
}

void tell(Services& services, const IsoInstall& install, const Result<size_t>& outcome) {
  json::object event{{"OS", install.system}, {"Arch", install.architecture}, {"Iso", install.iso}};
  if (outcome) {
    kIsosLog.info("iso unpacked iso={} os={} arch={} files={}", install.iso, install.system,
                  install.architecture, *outcome);
    event["Files"] = *outcome;
  } else {
    kIsosLog.warn("iso not unpacked iso={} os={} arch={}: {}", install.iso, install.system,
                  install.architecture, outcome.error().text());
    event["Error"] = outcome.error().messages.front();
  }
  services.events.publish("isos", "explode", install.iso, "system", json::serialize(event));
}

}  // namespace

bool is_folder_name(std::string_view name) {
  return !name.empty() && !name.starts_with('.') && name.find('/') == std::string_view::npos &&
         name.find('\0') == std::string_view::npos;
}

std::vector<IsoInstall> isos_of(const json::object& bootenv) {
  std::vector<IsoInstall> out;
  const json::object* system = objects::object_member(&bootenv, "OS");
  if (system == nullptr) return out;
  const std::string name = model::text_member(*system, "Name");
  if (!is_folder_name(name)) return out;
  if (const json::object* architectures = objects::object_member(system, "SupportedArchitectures")) {
    for (const auto& [word, value] : *architectures) {
      const std::string_view architecture = model::canonical_word("archAliases", word);
      if (architecture.empty() || !value.is_object()) continue;
      const std::string iso = model::text_member(value.get_object(), "IsoFile");
      if (!iso.empty())
        out.push_back(
            {name, std::string(architecture), iso, model::text_member(value.get_object(), "Sha256")});
    }
  }
  const bool has_plain = std::any_of(out.begin(), out.end(), [](const IsoInstall& install) {
    return install.architecture == kPlainArchitecture;
  });
  const std::string iso = model::text_member(*system, "IsoFile");
  if (!iso.empty() && !has_plain)
    out.push_back({name, std::string(kPlainArchitecture), iso, model::text_member(*system, "IsoSha256")});
  return out;
}

env::Path install_folder(const env::Path& installs, const std::string& system,
                         const std::string& architecture) {
  const env::Path base = installs / system;
  return (architecture == kPlainArchitecture ? base : base / architecture) / "install";
}

namespace {

/// What the boot environments here name; of this iso, or of all ("").
std::vector<IsoInstall> named_installs(Services& services, const std::string& iso) {
  std::vector<IsoInstall> wanted;
  objects::scan_local(*services.store.snapshot(), "bootenvs", [&](std::string_view, std::string_view body) {
    const Result<json::value> bootenv = parse_json(body);
    if (!bootenv || !bootenv->is_object()) return true;
    for (IsoInstall& install : isos_of(bootenv->get_object())) {
      // Several boot environments may share one system.
      if ((iso.empty() || install.iso == iso) &&
          std::find(wanted.begin(), wanted.end(), install) == wanted.end())
        wanted.push_back(std::move(install));
    }
    return true;
  });
  return wanted;
}

}  // namespace

void unpack_iso(Services& services, const std::string& iso) {
  unpack_isos(services, named_installs(services, iso));
}

void unpack_missing(Services& services, std::string iso) {
  services.tasks.spawn("look for isos", [&services, iso = std::move(iso)]() -> env::Task<void> {
    std::vector<IsoInstall> wanted;
    co_await env::run_blocking(env::Pool::kLong, [&] {
      wanted = named_installs(services, iso);
      std::erase_if(wanted, [&](const IsoInstall& install) {
        return !services.blobs.look("isos", install.iso) || is_current(services, install);
      });
    });
    for (IsoInstall& install : wanted) install.anew = false;
    unpack_isos(services, std::move(wanted));
  });
}

void unpack_isos(Services& services, std::vector<IsoInstall> installs) {
  if (!services.isos_to_unpack.add(std::move(installs))) return;
  services.tasks.spawn("unpack isos", [&services]() -> env::Task<void> {
    while (std::optional<IsoInstall> install = services.isos_to_unpack.next()) {
      Result<size_t> outcome = size_t{0};
      bool done = false;  // meanwhile, by an upload
      co_await env::run_blocking(env::Pool::kLong, [&] {
        done = !install->anew && is_current(services, *install);
        if (!done) outcome = unpack(services, *install);
      });
      if (!done && !services.isos_to_unpack.stopping()) tell(services, *install, outcome);
    }
  });
}

bool IsoQueue::add(std::vector<IsoInstall> installs) {
  const Lock lock(mutex_);
  for (IsoInstall& install : installs) {
    // One that waits will read the newest upload.
    if (std::find(waiting_.begin(), waiting_.end(), install) == waiting_.end())
      waiting_.push_back(std::move(install));
  }
  return !waiting_.empty() && !std::exchange(working_, true);
}

std::optional<IsoInstall> IsoQueue::next() {
  const Lock lock(mutex_);
  working_ = !waiting_.empty() && !stopping_;
  if (!working_) return std::nullopt;
  IsoInstall install = std::move(waiting_.front());
  waiting_.pop_front();
  return install;
}

}  // namespace mullion::api
