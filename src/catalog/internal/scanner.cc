#include "catalog/internal/scanner.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <cerrno>
#include <fstream>

#include "base/json.h"
#include "base/semantic_version.h"
#include "base/text.h"
#include "catalog/internal/pack_meta.h"
#include "env/pools.h"
#include "env/process.h"
#include "env/random.h"
#include "model/members.h"
#include "model/object.h"

namespace mullion::catalog {

namespace {

namespace json = boost::json;
constexpr size_t kLargestDefinition = size_t{16} << 20;
constexpr size_t kPiece = size_t{64} << 10;

Error named(const std::string& path, Error error) {
  error.messages = {fmt::format("{}: {}", escaped(path), error.text())};
  return error;
}

/// Installed under another name or version than its place says, it would be installed again and again.
std::string contradiction(const Place& place, const std::string& name, const std::string& version) {
  if (name != place.name) return fmt::format("it calls itself `{}`, not {}", name, place.name);
  const auto said = parse_full_version(version);
  const auto wanted = parse_full_version(place.version);
  if (said && wanted && *said == *wanted) return {};
  return fmt::format("it says it is version `{}`, not {}", version, place.version);
}

/// Reads a file in pieces.
class FilePieces {
 public:
  explicit FilePieces(const env::Path& path) : piece_(kPiece, '\0') {
    errno = 0;
    file_.open(path, std::ios::binary);
    if (!file_.is_open()) failure_ = errno == 0 ? EIO : errno;
  }
  Result<std::string_view> next() {
    if (failure_ != 0) return env::error_from_errno(failure_, "open");
    file_.read(piece_.data(), static_cast<std::streamsize>(piece_.size()));
    if (file_.bad()) return Error(ErrorCode::kInternal, "cannot be read to its end");
    return std::string_view(piece_).substr(0, static_cast<size_t>(file_.gcount()));
  }

 private:
  std::ifstream file_;
  int failure_ = 0;
  std::string piece_;
};

/// What is wrong with the pack becomes its problem; an error is one of reading.
Result<void> read_pack(ScannedFile& file, const Place& place, const env::Path& path) {
  FilePieces pieces(path);
  auto meta = read_pack_meta([&pieces] { return pieces.next(); });
  if (!meta && meta.error().code != ErrorCode::kInvalid) return meta.error();
  if (!meta) {
    file.problem = meta.error().messages.front();
    return {};
  }
  file.problem =
      contradiction(place, model::text_member(*meta, "Name"), model::text_member(*meta, "Version"));
  file.meta = kept_meta(*meta);
  return {};
}

/// The meta of a provider: what it says of itself, and what its content pack would.
void read_definition(ScannedFile& file, const Place& place, std::string_view printed) {
  const auto parsed = parse_json(printed);
  if (!parsed || !parsed->is_object()) {
    file.problem = "define did not print a JSON object";
    return;
  }
  const json::object& definition = parsed->get_object();
  file.problem =
      contradiction(place, model::text_member(definition, "Name"), model::text_member(definition, "Version"));
  const json::value* meta = definition.if_contains("Meta");
  json::object all = meta != nullptr && meta->is_object() ? meta->get_object() : json::object();
  const std::string content = model::text_member(definition, "Content");
  if (content.starts_with('{')) {
    bool given = false;
    auto of_pack = read_pack_meta([&]() -> Result<std::string_view> {
      return std::exchange(given, true) ? std::string_view() : std::string_view(content);
    });
    if (of_pack) {
      for (const auto& [name, value] : *of_pack) all[name] = value;
    }
  }
  for (const std::pair<std::string_view, std::string_view> word :
       {std::pair{"color", "Color"}, {"icon", "Icon"}}) {
    if (all.contains(word.second) || !all.contains(word.first)) continue;
    json::value value = all.at(word.first);  // the insertion moves what it would refer to
    all[word.second] = std::move(value);
  }
  file.meta = kept_meta(all);
}

env::ProcessOptions define_call(env::Path program, env::Path folder) {
  env::ProcessOptions call;
  call.program = std::move(program);
  call.arguments = {"define"};
  call.environment = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                      "RS_TOKEN=catalog"};
  call.directory = std::move(folder);
  return call;
}

/// Uploaded files may not be run where they lie; this copy may.
Result<env::Path> runnable_copy(const env::Path& program, const env::Path& work) {
  if (auto made = env::make_directories(work, 0700); !made) return made.error();
  env::Path copy = work / fmt::format("define-{:016x}", env::random_id());
  std::error_code problem;
  std::filesystem::copy_file(program, copy, problem);
  if (!problem) std::filesystem::permissions(copy, std::filesystem::perms::owner_all, problem);
  if (!problem) return copy;
  std::error_code ignored;
  std::filesystem::remove(copy, ignored);
  return env::error_from_errno(problem.value(), "copy of " + program.filename().string());
}

}  // namespace

bool Scanner::is_askable(const Place& place) const {
  return place.content_type == "PluginProvider" && place.platform == options_.platform;
}

/// Blocks.
Scanner::Read Scanner::read(const std::string& path, const Place& place) {
  Read out;
  const auto fail = [&out, &path](const Error& error) {
    if (error.code != ErrorCode::kNotFound) out.failure = named(path, error);  // else it vanished
  };
  auto info = blobs_.stat("files", fmt::format("{}/{}", kTreeName, path));
  if (!info) {
    fail(info.error());
    return out;
  }
  out.info = std::move(*info);
  out.file = known_.find(path, out.info);
  if (out.file) return out;
  out.fresh = true;
  ScannedFile file{path, out.info.sha256, {}, {}};
  if (auto done = read_new(file, place, out.info); !done) {
    fail(done.error());
    return out;
  }
  out.file = std::move(file);
  return out;
}

Result<void> Scanner::read_new(ScannedFile& file, const Place& place, const files::Blobs::Info& info) {
  if (place.content_type == "ContentPackage") {
    if (auto done = read_pack(file, place, info.file); !done) return done;
  }
  if (!is_askable(place)) known_.keep(file, info);
  return {};
}

env::Task<Result<ScannedFile>> Scanner::ask_provider(ScannedFile file, Place place, env::Path program) {
  Result<env::Path> copy = env::Path();
  co_await env::run_blocking(env::Pool::kLong, [&] { copy = runnable_copy(program, options_.work); });
  if (!copy) co_return copy.error();
  Result<env::ProgramOutput> said =
      co_await env::run_program(define_call(*copy, options_.work), options_.define_limit, kLargestDefinition);
  co_await env::run_blocking([&] {
    std::error_code ignored;
    std::filesystem::remove(*copy, ignored);
  });
  if (!said) {
    file.problem = "define: " + said.error().messages.front();
  } else if (!said->end.good()) {
    file.problem = "define: ended with " + said->end.text();
  } else {
    read_definition(file, place, said->output);
  }
  co_return file;
}

env::Task<Result<Scanner::Scan>> Scanner::run() {
  Result<std::vector<std::string>> names = std::vector<std::string>();
  co_await env::run_blocking([&] { names = blobs_.list("files", kTreeName, true); });
  if (!names && names.error().code != ErrorCode::kNotFound) co_return names.error();
  Scan scan;
  if (!names) names = std::vector<std::string>();
  for (const std::string& path : *names) {
    if (path.ends_with('/')) continue;
    const Result<std::optional<Place>> place = place_of(path);
    if (!place) scan.files.push_back({path, {}, {}, {}});  // build_items() says what is wrong with it
    if (!place || !*place) continue;
    Read found;
    co_await env::run_blocking(env::Pool::kLong, [&] { found = read(path, **place); });
    if (found.failure) co_return *found.failure;
    if (!found.file) continue;
    if (found.fresh && is_askable(**place)) {
      Result<ScannedFile> asked = co_await ask_provider(*found.file, **place, found.info.file);
      if (!asked && asked.error().code == ErrorCode::kNotFound) continue;
      if (!asked) co_return named(path, asked.error());
      // A program that failed is asked again by the next build.
      if (asked->problem.empty()) co_await env::run_blocking([&] { known_.keep(*asked, found.info); });
      found.file = std::move(*asked);
    }
    scan.fresh += found.fresh ? 1 : 0;
    scan.files.push_back(std::move(*found.file));
  }
  co_await env::run_blocking([&] { known_.save(); });
  co_return scan;
}

}  // namespace mullion::catalog
