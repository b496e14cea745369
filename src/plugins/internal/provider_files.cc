#include "plugins/internal/provider_files.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include "env/random.h"
#include "files/file_handle.h"
#include "files/listing.h"
#include "files/sharing.h"
#include "plugins/internal/log.h"

namespace mullion::plugins {

namespace {

namespace fs = std::filesystem;

/// ".NAME.SHA256" -> NAME and SHA256.
std::optional<std::pair<std::string, std::string>> parts_of_staged(const std::string& file) {
  const size_t dot = file.rfind('.');
  if (!file.starts_with('.') || dot == 0 || dot == std::string::npos) return std::nullopt;
  return std::pair(file.substr(1, dot - 1), file.substr(dot + 1));
}

void remove_file(const env::Path& path) {
  std::error_code ignored;
  fs::remove(path, ignored);
}

}  // namespace

std::string program_record(std::string_view name) { return fmt::format("plugins/{}", name); }
std::string files_prefix(std::string_view name) { return fmt::format("files/plugin_providers/{}/", name); }

Result<std::vector<files::OfferedFile>> offered_files(const StagedProgram& program, std::string_view name,
                                                      const env::Path& unpacked) {
  std::vector<files::OfferedFile> out;
  out.push_back({{program_record(name), program.size, program.sha256, false}, program.path});
  const auto paths = files::list_directory(unpacked, true);
  if (!paths) return paths.error();
  for (const std::string& path : *paths) {
    std::string record_name = files_prefix(name) + path;
    if (path.ends_with('/') || !files::is_followed(record_name)) continue;
    const auto file = files::InputFile::open(unpacked / path);
    if (!file) return file.error();
    auto sum = files::sha256_of(*file);
    if (!sum) return sum.error();
    out.push_back({{std::move(record_name), file->facts().size, std::move(*sum), false}, unpacked / path});
  }
  return out;
}

ProviderFiles::ProviderFiles(env::Path base_root)
    : programs_(base_root / "plugins"),
      files_(base_root / "files" / "plugin_providers"),
      uploads_(base_root / ".uploads") {
  for (const env::Path& folder : {programs_, uploads_}) {
    if (auto made = env::make_directories(folder, 0700); !made) {
      kLog.error("cannot create directory name={} error={}", folder.string(), made.error().text());
    }
  }
}

Task<Result<StagedProgram>> ProviderFiles::receive(const std::string& name, net::BodySource& body,
                                                   uint64_t max_bytes) const {
  auto output = files::OutputFile::create(programs_ / ("." + env::random_text(18)));
  if (!output) co_return output.error();
  StagedProgram staged;
  env::Sha256 hash;
  while (true) {
    Result<std::string_view> piece = co_await body.next();
    if (!piece) co_return piece.error();
    if (piece->empty()) break;
    staged.size += piece->size();
    if (staged.size > max_bytes)
      co_return Error(ErrorCode::kTooLarge, fmt::format("larger than {} bytes", max_bytes));
    hash.add(*piece);
    if (auto written = output->write(*piece); !written) co_return written.error();
  }
  if (staged.size == 0) co_return Error(ErrorCode::kBadRequest, "The body is empty: expected a program");
  staged.sha256 = hash.hex();
  staged.path = programs_ / fmt::format(".{}.{}", name, staged.sha256);
  Result<void> done;
  co_await env::run_blocking([&] {
    if (::chmod(output->path().c_str(), 0700) != 0) done = env::error_from_errno(errno, "chmod");
    if (done) done = output->sync();
    if (done) done = output->move_to(staged.path);
  });
  if (!done) co_return done.error();
  co_return staged;
}

Result<void> ProviderFiles::place(const std::string& name, const StagedProgram& staged) const {
  std::error_code problem;
  fs::rename(staged.path, program(name), problem);
  if (problem) return env::error_from_errno(problem.value(), "rename to " + name);
  discard(staged);  // there still when both are the same file already
  return env::sync_directory(programs_);
}

void ProviderFiles::discard(const StagedProgram& staged) const { remove_file(staged.path); }

void ProviderFiles::recover(const store::Snapshot& snapshot) const {
  std::error_code problem;
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(programs_, problem))
    names.push_back(entry.path().filename());
  for (const std::string& file : names) {
    if (!file.starts_with('.')) continue;
    const auto parts = parts_of_staged(file);
    const bool wanted = parts && snapshot.secret(kProgramSums, parts->first) == parts->second;
    if (!wanted) {
      remove_file(programs_ / file);
      continue;
    }
    auto placed = place(parts->first, {programs_ / file, parts->second, 0});
    kLog.info("upload of plugin provider finished after a crash name={} ok={}", parts->first, placed.ok());
  }
}

Result<env::Path> ProviderFiles::make_unpack_folder() const {
  env::Path folder = uploads_ / env::random_text(18);
  if (auto made = env::make_directories(folder); !made) return made.error();
  return folder;
}

Result<void> ProviderFiles::place_unpacked(const std::string& name, const env::Path& folder) const {
  if (auto made = env::make_directories(files_); !made) return made;
  if (auto gone = env::remove_tree(unpacked(name)); !gone) return gone;
  std::error_code problem;
  if (fs::is_empty(folder, problem)) return env::remove_tree(folder);
  fs::rename(folder, unpacked(name), problem);
  if (problem) return env::error_from_errno(problem.value(), "rename to " + unpacked(name).string());
  return {};
}

void ProviderFiles::remove(const std::string& name) const {
  remove_file(program(name));
  if (auto gone = env::remove_tree(unpacked(name)); !gone) {
    kLog.warn("files of plugin provider remain name={} error={}", name, gone.error().text());
  }
}

}  // namespace mullion::plugins
