#include "server/upgrader.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <cstdlib>

#include "base/digest.h"
#include "base/mutex.h"
#include "base/version.h"
#include "env/pools.h"
#include "env/process.h"
#include "env/scratch_directory.h"
#include "files/file_handle.h"
#include "server/internal/log.h"
#include "server/upgrade_supervisor.h"

namespace mullion::server {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;
using namespace std::chrono_literals;
constexpr auto kSelfCheckLimit = 20s;
constexpr size_t kLargestSelfReport = 64 * 1024;
constexpr auto kAnswerFirst = 150ms;  // the client hears of the upgrade before the server is gone
constexpr uint64_t kLargestManifest = uint64_t{64} << 10;

Error invalid(std::string message) { return Error(ErrorCode::kInvalid, std::move(message)); }

Error in_system(Error error) {
  error.model = "system";
  error.key = "upgrade";
  return error;
}

/// Says that an upgrade is under way for as long as it lives, or for good.
class Claim {
 public:
  explicit Claim(std::atomic<bool>& busy) : busy_(busy), mine_(!busy.exchange(true)) {}
  ~Claim() {
    if (mine_) busy_ = false;
  }
  Claim(const Claim&) = delete;
  Claim& operator=(const Claim&) = delete;
  bool mine() const { return mine_; }
  void keep() { mine_ = false; }

 private:
  std::atomic<bool>& busy_;
  bool mine_;
};

/// Whether the program of this checksum is the one that runs; not when its file is gone.
bool is_running(const std::string& sha256) {
  std::error_code problem;
  const env::Path program = fs::read_symlink(env::own_program_file(), problem);
  const Result<std::string> sum = files::file_sha256(program);
  return sum && *sum == sha256;
}

/// Removes what copy_file_atomic() to `file` leaves when it is cut off, and `whole`, if wished, the file.
void remove_copies(const env::Path& file, bool whole) {
  const std::string name = file.filename().string();
  std::vector<env::Path> found;
  std::error_code problem;
  for (fs::directory_iterator at(file.parent_path(), problem), end; !problem && at != end;
       at.increment(problem)) {
    const std::string other = at->path().filename().string();
    const bool copy = other.starts_with(name + ".") && other.ends_with(".tmp");
    if (copy || (whole && other == name)) found.push_back(at->path());
  }
  for (const env::Path& path : found) fs::remove(path, problem);
}

}  // namespace

env::Task<Error> refuse_package(net::BodySource& body, uint64_t most, Error error) {
  for (uint64_t taken = 0; taken < most;) {
    Result<std::string_view> piece = co_await body.next();
    if (!piece || piece->empty()) break;
    taken += piece->size();
  }
  co_return in_system(std::move(error));
}

Upgrader::Upgrader(env::Runtime& runtime, UpgradeOptions options)
    : options_(std::move(options)),
      folder_(options_.base_root),
      running_{std::string(program_version()), std::string(program_arch()), std::string(program_os())},
      tasks_(runtime.executor(), "upgrade") {
  on_trial_ = options_.restart && std::getenv(kTrialVariable) != nullptr && folder_.pending();
  if (!on_trial_) recover();
  remember_outcome();
}

void Upgrader::remember_outcome() {
  const std::optional<UpgradeOutcome> outcome = folder_.outcome();
  const Lock lock(mutex_);
  failure_ = outcome && !outcome->upgraded ? outcome->text() : "";
}

void Upgrader::recover() {
  (void)env::remove_tree(folder_.path() / "incoming");
  const std::optional<PendingUpgrade> pending = folder_.pending();
  if (!pending) return remove_leftovers();
  std::error_code ignored;
  const bool candidate_there = fs::exists(pending->candidate, ignored);
  const UpgradeOutcome outcome =
      recovered(*pending, candidate_there, running_.version, env::format_rfc3339(env::system_clock().wall()));
  kUpgradeLog.warn("{}", outcome.text());
  if (Result<void> kept = folder_.finish(*pending, outcome); !kept)
    kUpgradeLog.error("{}", kept.error().text());
}

/// What a cut left before there was an upgrade: copies, whole or half.
void Upgrader::remove_leftovers() const {
  remove_copies(folder_.previous(), false);
  if (options_.restart) remove_copies(candidate(), true);
}

/// Named for the base root too: several servers may run from one program file.
env::Path Upgrader::candidate() const {
  const env::Path& program = options_.restart->image.program;
  std::error_code ignored;
  const std::string owner = hash128(fs::absolute(options_.base_root, ignored).string()).hex().substr(0, 8);
  return program.parent_path() / fmt::format(".{}.{}.upgrade", program.filename().string(), owner);
}

Result<void> Upgrader::check_place() const {
  if (!options_.restart) return invalid("this server is part of another program and cannot replace it");
  const env::Path& program = options_.restart->image.program;
  std::error_code ignored;
  if (!fs::is_regular_file(program, ignored))
    return invalid(fmt::format("the program file {} is not there any more", program.string()));
  // A rename replaces it: that needs rights on the folder; a file that is write-protected is left alone.
  if (::access(program.parent_path().c_str(), W_OK | X_OK) == 0 && ::access(program.c_str(), W_OK) == 0)
    return {};
  return invalid(fmt::format("the program file {} is not writable by this server", program.string()));
}

/// What the package says of itself, before anything of it is unpacked.
Result<PackageManifest> Upgrader::trusted_manifest(const env::Path& package) const {
  const auto entries = files::first_entries(package, kHeadEntries, kLargestManifest);
  if (!entries) return entries.error();
  const Result<PackageHead> head = package_head(*entries);
  if (!head) return head.error();
  if (Result<void> trusted = check_signature(*head, options_.trust); !trusted) return trusted.error();
  return parse_manifest(head->manifest);
}

Result<void> Upgrader::check_version(const PackageManifest& manifest, Fits fits) const {
  const Result<int> compared = compare_versions(manifest.version, running_.version);
  const bool same = compared && *compared == 0;
  return check_manifest(manifest, running_, fits == Fits::kAny || (fits == Fits::kNotOlder && same));
}

Result<PackageManifest> Upgrader::unpack(const env::Path& package, const env::Path& target, Fits fits) const {
  Result<PackageManifest> manifest = trusted_manifest(package);
  if (!manifest) return manifest;
  if (Result<void> good = check_version(*manifest, fits); !good) return good.error();
  const Result<std::vector<std::string>> files = files::explode(package, target, options_.unpacking);
  if (!files) return files.error();
  if (Result<void> named = check_files(*files, *manifest); !named) return named.error();
  const env::Path program = target / program_path(*manifest);
  const Result<std::string> sum = files::file_sha256(program);
  if (!sum) return invalid(fmt::format("No {} in the package", program_path(*manifest)));
  if (*sum != manifest->sha256) {
    return invalid(fmt::format("The checksum of {} is {}, the manifest says {}", program_path(*manifest),
                               *sum, manifest->sha256));
  }
  if (::chmod(program.c_str(), 0700) != 0) return env::error_from_errno(errno, "chmod");
  return manifest;
}

env::Task<Result<std::string>> Upgrader::ask_program(env::Path program, PackageManifest manifest) const {
  env::ProcessOptions process;
  process.program = std::move(program);
  process.arguments.emplace_back(kSelfCheckWord);
  process.arguments.insert(process.arguments.end(), options_.restart->arguments.begin(),
                           options_.restart->arguments.end());
  process.environment = options_.restart->image.environment;
  process.directory = fs::current_path();
  Result<env::ProgramOutput> output =
      co_await env::run_program(std::move(process), kSelfCheckLimit, kLargestSelfReport);
  if (!output) co_return invalid("The program in the package: " + output.error().messages.front());
  if (!output->end.good()) {
    const std::string said = output->errors.substr(0, output->errors.find('\n'));
    co_return invalid(fmt::format("The program in the package does not start here: {}{}{}",
                                  output->end.text(), said.empty() ? "" : ": ", said));
  }
  co_return check_self_report(output->output, manifest);
}

/// The last step, pending.json, is what makes it an upgrade: whatever fails before leaves nothing.
Result<void> Upgrader::place(const env::Path& program, const PackageManifest& manifest) {
  const Result<std::string> fingerprint = options_.fingerprint();
  if (!fingerprint) return fingerprint.error();
  PendingUpgrade pending{running_.version,
                         manifest.version,
                         options_.restart->image.program,
                         candidate(),
                         options_.deadline,
                         *fingerprint,
                         env::format_rfc3339(env::system_clock().wall())};
  struct stat facts {};
  if (::stat(pending.program.c_str(), &facts) != 0)
    return env::error_from_errno(errno, pending.program.string());
  Result<void> done = env::copy_file_atomic(env::own_program_file(), folder_.previous(), 0700);
  if (done) done = env::copy_file_atomic(program, pending.candidate, facts.st_mode & 0777);
  if (done) done = folder_.begin(pending);
  if (done) {
    forget();
    return done;
  }
  std::error_code ignored;
  fs::remove(pending.candidate, ignored);
  return done;
}

Result<void> Upgrader::check_possible(bool claimed) const {
  if (claimed && !on_trial_) return check_place();
  return Error(ErrorCode::kConflict, "An upgrade of this server is under way");
}

env::Task<Result<void>> Upgrader::open_scratch(env::Path scratch) const {
  Result<void> made;
  co_await env::run_blocking([&] {
    made = folder_.make();
    if (made) made = env::remove_tree(scratch);
    if (made) made = env::make_directories(scratch, 0700);
  });
  co_return made;
}

/// Gigabytes take their time.
env::Task<void> Upgrader::remove_scratch(env::Path scratch) const {
  co_await env::run_blocking(env::Pool::kLong, [&] { (void)env::remove_tree(scratch); });
}

env::Task<Result<files::ReceivedFile>> Upgrader::receive(net::BodySource& package, env::Path file) const {
  Result<files::ReceivedFile> received =
      co_await files::receive_file(std::move(file), package, options_.max_package);
  if (received && received->size == 0) co_return invalid("The body is empty: expected a package");
  co_return received;
}

env::Task<Result<Upgrader::Checked>> Upgrader::check(env::Path file, env::Path scratch, Fits fits) const {
  const env::Path target = scratch / "package";
  std::optional<Result<PackageManifest>> unpacked;
  co_await env::run_blocking(env::Pool::kLong, [&] { unpacked = unpack(file, target, fits); });
  if (!*unpacked) co_return unpacked->error();
  Checked checked;
  checked.manifest = std::move(**unpacked);
  checked.program = target / program_path(checked.manifest);
  Result<std::string> version = co_await ask_program(checked.program, checked.manifest);
  if (!version) co_return version.error();
  // As the program spells it: the trial compares with what the program says then.
  checked.manifest.version = std::move(*version);
  co_return std::move(checked);
}

env::Task<Result<Upgrader::Prepared>> Upgrader::prepare(Checked package) {
  // Not before the package is there: over a slow line the token would expire.
  Result<std::string> token = options_.make_token();
  if (!token) co_return token.error();
  Result<void> placed;
  co_await env::run_blocking(env::Pool::kLong, [&] { placed = place(package.program, package.manifest); });
  if (!placed) co_return placed.error();
  Prepared prepared;
  prepared.version = std::move(package.manifest.version);
  prepared.token = std::move(*token);
  co_return std::move(prepared);
}

env::Task<Result<Upgrader::Prepared>> Upgrader::prepare_received(env::Path file, env::Path scratch,
                                                                 bool force) {
  Result<Checked> checked =
      co_await check(std::move(file), std::move(scratch), force ? Fits::kAny : Fits::kNewer);
  if (!checked) co_return checked.error();
  co_return co_await prepare(std::move(*checked));
}

void Upgrader::begin(Prepared prepared, const std::string& principal) {
  kUpgradeLog.audit("upgrade from={} to={} by={}", running_.version, prepared.version, principal);
  tasks_.spawn("restart", [this, token = std::move(prepared.token)]() -> env::Task<void> {
    co_await env::sleep_for(kAnswerFirst);
    options_.restart->ask(token);
  });
}

env::Task<Result<uint64_t>> Upgrader::upgrade(net::BodySource& package, api::UpgradeWish wish) {
  Claim claim(busy_);
  if (Result<void> possible = check_possible(claim.mine()); !possible)
    co_return co_await refuse_package(package, options_.max_package, possible.error());
  const env::ScratchDirectory scratch(folder_.path() / "incoming");
  Result<void> made = co_await open_scratch(scratch.path());
  if (!made) co_return in_system(made.error());
  const env::Path file = scratch.path() / "package.zip";
  Result<files::ReceivedFile> received = co_await receive(package, file);
  Result<Prepared> prepared = Error(ErrorCode::kInternal, "");
  if (received) prepared = co_await prepare_received(file, scratch.path(), wish.force);
  co_await remove_scratch(scratch.path());
  if (!received) co_return in_system(received.error());
  if (!prepared) co_return in_system(prepared.error());
  claim.keep();
  begin(std::move(*prepared), wish.principal);
  co_return received->size;
}

env::Task<Result<std::string>> Upgrader::keep_checked(env::Path file, env::Path scratch, bool force) const {
  Result<Checked> checked = co_await check(file, std::move(scratch), force ? Fits::kAny : Fits::kNotOlder);
  if (!checked) co_return checked.error();
  Result<void> kept;
  co_await env::run_blocking([&] { kept = folder_.keep_staged(file); });
  if (!kept) co_return kept.error();
  co_return std::move(checked->manifest.version);
}

env::Task<Result<uint64_t>> Upgrader::stage(net::BodySource& package, bool force) {
  const Result<StagedPackage> staged = co_await stage_package(package, force);
  if (!staged) co_return staged.error();
  co_return staged->size;
}

env::Task<Result<StagedPackage>> Upgrader::stage_package(net::BodySource& package, bool force) {
  const Claim claim(busy_);
  if (Result<void> possible = check_possible(claim.mine()); !possible)
    co_return co_await refuse_package(package, options_.max_package, possible.error());
  const env::ScratchDirectory scratch(folder_.path() / "incoming");
  Result<void> made = co_await open_scratch(scratch.path());
  if (!made) co_return in_system(made.error());
  const env::Path file = scratch.path() / "package.zip";
  Result<files::ReceivedFile> received = co_await receive(package, file);
  Result<std::string> version = Error(ErrorCode::kInternal, "");
  if (received) version = co_await keep_checked(file, scratch.path(), force);
  co_await remove_scratch(scratch.path());
  if (!received) co_return in_system(received.error());
  if (!version) co_return in_system(version.error());
  co_return StagedPackage{received->size, std::move(received->sha256), std::move(*version)};
}

env::Task<Result<void>> Upgrader::unstage() {
  const Claim claim(busy_);
  if (!claim.mine() || on_trial_)
    co_return in_system(Error(ErrorCode::kConflict, "An upgrade of this server is under way"));
  co_await env::run_blocking([&] { folder_.forget_staged(); });
  co_return Result<void>();
}

env::Task<Result<std::optional<Upgrader::Prepared>>> Upgrader::prepare_staged(env::Path scratch) {
  using Outcome = Result<std::optional<Prepared>>;
  // It was decided when it was staged that its version may be put in place.
  Result<Checked> checked = co_await check(folder_.staged(), std::move(scratch), Fits::kAny);
  if (!checked) co_return Outcome(checked.error());
  bool running = false;
  co_await env::run_blocking(env::Pool::kLong, [&] { running = is_running(checked->manifest.sha256); });
  if (running) co_return Outcome(std::nullopt);
  Result<Prepared> prepared = co_await prepare(std::move(*checked));
  if (!prepared) co_return Outcome(prepared.error());
  co_return Outcome(std::optional<Prepared>(std::move(*prepared)));
}

env::Task<Result<bool>> Upgrader::upgrade_to_staged(std::string principal) {
  Claim claim(busy_);
  if (Result<void> possible = check_possible(claim.mine()); !possible) co_return in_system(possible.error());
  if (!folder_.has_staged())
    co_return in_system(
        Error(ErrorCode::kNotFound, "No package is staged: send one to system/upgrade/stage"));
  const env::ScratchDirectory scratch(folder_.path() / "incoming");
  Result<void> made = co_await open_scratch(scratch.path());
  if (!made) co_return in_system(made.error());
  Result<std::optional<Prepared>> prepared = co_await prepare_staged(scratch.path());
  co_await remove_scratch(scratch.path());
  if (!prepared) co_return in_system(prepared.error());
  if (!*prepared) co_return false;
  folder_.forget_staged();
  claim.keep();
  begin(std::move(**prepared), principal);
  co_return true;
}

model::UpgradeStatus Upgrader::status() const {
  model::UpgradeStatus status{.state = "none", .version = running_.version};
  const std::optional<PendingUpgrade> pending = folder_.pending();
  const std::optional<UpgradeOutcome> outcome = folder_.outcome();
  if (options_.restart) status.program = options_.restart->image.program.string();
  if (folder_.has_staged()) {
    const Result<PackageManifest> staged = trusted_manifest(folder_.staged());
    status.staged = staged ? staged->version : "";
  }
  if (pending) {
    status.state = "pending";
    status.from = pending->from;
    status.to = pending->to;
    status.started = pending->started;
    status.text = fmt::format("{} is being tried", pending->to);
  } else if (outcome) {
    status.state = outcome->upgraded ? "upgraded" : "rolled back";
    status.from = outcome->from;
    status.to = outcome->to;
    status.finished = outcome->finished;
    status.text = outcome->text();
  }
  return status;
}

void Upgrader::forget() {
  folder_.forget_outcome();
  remember_outcome();
}

std::string Upgrader::failure() const {
  const Lock lock(mutex_);
  return failure_;
}

void Upgrader::announce(const std::string& url) const {
  if (!on_trial_) return;
  if (Result<void> told = folder_.announce({running_.version, url}); !told)
    kUpgradeLog.error("the supervisor is not told: {}", told.error().text());
}

}  // namespace mullion::server
