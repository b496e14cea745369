#include "catalog/internal/installed_here.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/mutex.h"
#include "catalog/internal/fetcher.h"
#include "catalog/internal/log.h"
#include "catalog/internal/pack_meta.h"
#include "catalog/internal/places.h"
#include "env/sha256.h"

namespace mullion::catalog {

namespace {

namespace fs = std::filesystem;
using Info = files::Blobs::Info;
constexpr std::string_view kPack = "ContentPackage";
constexpr std::string_view kCatalogBucket = "catalog";
constexpr std::string_view kPrograms = "plugins";
constexpr std::string_view kFolder = "installed";

std::string file_of(std::string_view pack) { return fmt::format("{}.json", pack); }

Installed installed_of(const packs::Layers::Component& component) {
  Installed out{component.type, component.name, component.version, {}, kept_meta(*component.meta), {}};
  if (!component.secret_holder.empty())
    out.withheld = fmt::format("{} holds a secret", component.secret_holder);
  return out;
}

}  // namespace

void InstalledHere::follow(std::function<void()> changed) {
  const auto tell = [changes = changes_, changed = std::move(changed)] {
    ++*changes;
    changed();
  };
  dependencies_.layers.on_change([tell](std::string_view, std::string_view pack, std::string_view) {
    if (pack != kPackName) tell();  // each build loads it, and it is never offered
  });
  dependencies_.providers.on_change(tell);
}

Installed InstalledHere::read_pack(const packs::Layers::Component& component) const {
  Installed out = installed_of(component);
  if (!out.withheld.empty()) return out;
  const auto text = dependencies_.layers.show(component.name);
  if (!text) {
    out.withheld = text.error().text();
    return out;
  }
  env::Sha256 hash;
  hash.add(*text);
  out.sha256 = hash.hex();
  return out;
}

std::vector<Installed> InstalledHere::read() const {
  std::vector<Installed> out;
  const std::vector<plugins::Providers::Program> programs = dependencies_.providers.programs();
  for (const packs::Layers::Component& component : dependencies_.layers.components()) {
    if (component.name == kPackName) continue;
    if (component.type == kPack) {
      out.push_back(read_pack(component));
      continue;
    }
    const auto program = std::find_if(programs.begin(), programs.end(),
                                      [&](const auto& one) { return one.name == component.name; });
    if (program == programs.end() || program->sha256.empty()) continue;
    Installed provider = installed_of(component);
    provider.version = program->version;
    provider.sha256 = program->sha256;
    out.push_back(std::move(provider));
  }
  return out;
}

/// Removes the files of packs that are installed no more.
void InstalledHere::forget_files(const std::vector<Installed>& kept) const {
  std::error_code problem;
  const env::Path folder = dependencies_.base_root / kCatalogBucket / kFolder;
  for (fs::directory_iterator at(folder, problem), end; !problem && at != end; at.increment(problem)) {
    const std::string file = at->path().filename();
    const bool needed = std::any_of(kept.begin(), kept.end(), [&file](const Installed& installed) {
      return installed.withheld.empty() && file == file_of(installed.name);
    });
    std::error_code ignored;
    if (!needed) fs::remove(at->path(), ignored);
  }
}

std::vector<Installed> InstalledHere::list() {
  Lock lock(mutex_);
  const uint64_t now = *changes_;
  if (seen_ == now) return list_;
  list_ = read();
  seen_ = now;
  forget_files(list_);
  return list_;
}

Result<Info> InstalledHere::write_pack(const std::string& name, const std::string& sha256) const {
  const std::string path = fmt::format("{}/{}", kFolder, file_of(name));
  Result<Info> known = dependencies_.blobs.stat(kCatalogBucket, path);
  if (known && known->sha256 == sha256) return known;
  const auto text = dependencies_.layers.show(name);
  if (!text) return text.error();
  const env::Path file = dependencies_.base_root / kCatalogBucket / path;
  Result<void> written = env::make_directories(file.parent_path(), 0700);
  if (written) written = env::write_file_atomic(file, *text, 0600);
  if (!written) return written.error();
  kLog.info("installed pack made ready to be sent name={} bytes={}", name, text->size());
  return dependencies_.blobs.stat(kCatalogBucket, path);
}

Result<Info> InstalledHere::open(const Artifact& artifact) {
  const std::optional<InstalledName> wanted = installed_name(artifact.source);
  const std::vector<Installed> here = list();
  const auto found = std::find_if(here.begin(), here.end(), [&wanted](const Installed& installed) {
    return wanted == InstalledName{installed.content_type, installed.name};
  });
  if (found == here.end()) {
    return Error(ErrorCode::kNotFound, fmt::format("{} is not installed here", artifact.source));
  }
  if (!found->withheld.empty()) {
    return Error(ErrorCode::kNotFound,
                 fmt::format("{} is not sent elsewhere: {}", artifact.source, found->withheld));
  }
  if (found->sha256 != artifact.sha256) return differs(artifact, found->sha256);
  Lock lock(mutex_);  // nobody replaces what another one is about to send
  Result<Info> info = found->content_type == kPack ? write_pack(found->name, found->sha256)
                                                   : dependencies_.blobs.stat(kPrograms, found->name);
  if (info && info->sha256 != artifact.sha256) return differs(artifact, info->sha256);
  return info;
}

}  // namespace mullion::catalog
