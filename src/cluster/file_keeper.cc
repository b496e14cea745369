#include "cluster/file_keeper.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <thread>

#include "base/mutex.h"
#include "cluster/internal/log.h"
#include "store/secrets.h"

namespace mullion::cluster {
namespace {

using files::FileChanges;
using files::FileRecord;
using files::FollowedTree;
using Records = std::map<std::string, FileRecord>;  // by name

constexpr size_t kFetchers = 2;
constexpr size_t kListedTogether = 1000;  // records in one commit
constexpr auto kIdle = std::chrono::milliseconds(200);
constexpr auto kStuckPause = std::chrono::seconds(3);  // after a file that cannot be put in its place
constexpr std::string_view kListed = "listed";  // in files::kFileState: all that was there has a record

/// Throws store::ReadFailure.
Records read_records(const store::Snapshot& snapshot) {
  Records out;
  store::scan_secrets(snapshot, files::kFileRecords, "", [&out](std::string_view, std::string_view value) {
    Result<FileRecord> record = files::decode_record(value);
    if (record) {
      std::string name = record->name;
      out.emplace(std::move(name), std::move(*record));
    } else {
      kLog.error("a record of a file cannot be read: {}", record.error().text());
    }
    return true;
  });
  return out;
}

std::string revision_of(const store::Snapshot& snapshot) {
  return snapshot.secret(files::kFileState, files::kFileRevision).value_or("");
}
bool listed_in(const store::Snapshot& snapshot) {
  return snapshot.secret(files::kFileState, kListed).has_value();
}

/// Names whose records differ.
std::set<std::string> differences(const Records& before, const Records& after) {
  std::set<std::string> out;
  for (const auto& [name, record] : before) {
    const auto now = after.find(name);
    if (now == after.end() || now->second != record) out.insert(name);
  }
  for (const auto& [name, record] : after) {
    if (!before.contains(name)) out.insert(name);
  }
  return out;
}

Error no_majority(std::string_view why) {
  return Error(ErrorCode::kUnavailable,
               fmt::format("no majority of the cluster's members has the bytes on its disk: {}", why));
}

std::vector<FileBytes> bytes_of(const std::vector<files::OfferedFile>& files) {
  std::vector<FileBytes> out;
  out.reserve(files.size());
  for (const files::OfferedFile& file : files) {
    FileBytes bytes;
    bytes.sha256 = file.record.sha256;
    bytes.size = file.record.size;
    out.push_back(std::move(bytes));
  }
  return out;
}

/// What members say to one request to hold.
struct Ballot {
  Mutex mutex;
  std::set<MemberId> confirmed GUARDED_BY(mutex), refused GUARDED_BY(mutex);
  std::string reason GUARDED_BY(mutex) = "they do not answer in time";
  env::Signal changed;

  void count(MemberId by, const Result<void>& said) {
    {
      const Lock lock(mutex);
      (said ? confirmed : refused).insert(by);
      if (!said) reason = said.error().text();
    }
    changed.notify_all();
  }
  HoldFate of_majority(size_t voters) {
    const Lock lock(mutex);
    return fate_of_hold(voters, confirmed.size() + 1, refused.size());
  }
  HoldFate of_all(const std::set<MemberId>& asked) {
    const Lock lock(mutex);
    return fate_of_hold_by_all(asked, confirmed, refused);
  }
  std::string why() {
    const Lock lock(mutex);
    return reason;
  }
};

class Keeper final : public FileKeeper {
 public:
  Keeper(store::Store& store, FollowedTree& tree, FilePeers& peers, FileHost& host, const env::Clock& clock,
         const KeeperOptions& options)
      : store_(store), tree_(tree), peers_(peers), host_(host), clock_(clock), options_(options) {}
  ~Keeper() override { Keeper::stop(); }

  void start() override;
  void end() override;
  void stop() override;
  FileStanding standing() const override {
    const Lock lock(mutex_);
    return standing_;
  }
  void set_listener(Listener listener) override {
    const Lock lock(listener_mutex_);
    listener_ = std::move(listener);
  }

  // Sharing
  env::Task<Result<void>> hold(std::vector<files::OfferedFile> files) override;
  Result<void> commit(const FileChanges& changes) override;
  std::optional<FileRecord> find(std::string_view name) const override;
  std::vector<std::string> names(std::string_view prefix) const override;
  void hurry(std::string_view name) override;

  // FileGiver
  Result<env::Path> file_of(const FileBytes& wanted) override;
  Result<void> keep(MemberId from, const std::vector<FileBytes>& files) override;

 private:
  // The main thread
  void run();
  void look();
  void take_records(const store::Snapshot& snapshot, const std::string& revision);
  void look_at_all(const store::Snapshot& snapshot);
  bool examine(const std::set<std::string>& names, bool listed);
  void note_known(const std::set<std::string>& names);
  bool settle(const std::string& name, bool listed);
  void save_if_wanted(const std::string& name);
  bool is_one_file(const FileRecord& record) const;
  void place(const FileRecord& record);
  void want(const FileRecord& record);
  void wait_with(const std::string& sha256);
  void unwant(const std::string& name);
  void unwant_locked(const std::string& name) REQUIRES(mutex_);
  void list_own();
  Result<void> list_part(const std::vector<std::string>& names);
  void sweep();
  void tell(const std::string& name);
  void set_standing(uint64_t index);

  // Other threads
  void run_fetcher();
  void run_checker();
  void check_all();
  bool may_go_on_checking(size_t bytes, FilePace& pace);
  Result<void> fetch(MemberId from, const FileBytes& wanted, uint64_t rate);
  Result<void> keep_one(MemberId from, const FileBytes& wanted);
  bool hold_local_copy(const std::string& sha256);
  bool claim(const std::string& sha256, MemberId from);
  void release(const std::string& sha256);
  std::optional<FileRecord> record_of(const std::string& name) const;
  void doubt(const std::string& name, bool damaged);
  void change_offers(const std::vector<FileBytes>& files, int by);
  void drop_offer(const std::vector<FileBytes>& files);
  void drop_unneeded(const std::string& sha256);
  std::set<MemberId> still_voting(const std::set<MemberId>& asked) const;
  bool pause(env::Duration length);

  store::Store& store_;
  FollowedTree& tree_;
  FilePeers& peers_;
  FileHost& host_;
  const env::Clock& clock_;
  const KeeperOptions options_;

  mutable Mutex mutex_;  // guards what follows
  ConditionVariable changed_;
  bool stopping_ GUARDED_BY(mutex_) = false;
  Records records_ GUARDED_BY(mutex_);
  std::multimap<std::string, std::string> names_of_ GUARDED_BY(mutex_);  // by checksum
  WantedFiles missing_ GUARDED_BY(mutex_);
  std::map<std::string, std::set<std::string>> wanted_
      GUARDED_BY(mutex_);                                            // names of what is missing, by checksum
  std::map<std::string, std::string> wanted_as_ GUARDED_BY(mutex_);  // name -> checksum in wanted_
  std::map<std::string, MemberId> running_ GUARDED_BY(mutex_);       // checksums on their way
  std::map<std::string, int> offers_ GUARDED_BY(mutex_);             // checksums that uploads wait for
  std::set<std::string> doubtful_ GUARDED_BY(mutex_);                // names to be looked at
  FileStanding standing_ GUARDED_BY(mutex_);

  Mutex listing_;  // one of listing and committing at a time: guards no member
  Mutex listener_mutex_;
  Listener listener_ GUARDED_BY(listener_mutex_);
  std::optional<std::string> seen_;   // revision; main thread
  env::SteadyTime next_full_look_{};  // main thread
  std::vector<std::thread> threads_;
};

// ---------------------------------------------------------------------------------------- the threads

void Keeper::start() {
  threads_.emplace_back([this] { run(); });
  threads_.emplace_back([this] { run_checker(); });
  for (size_t i = 0; i < kFetchers; ++i) threads_.emplace_back([this] { run_fetcher(); });
}

void Keeper::end() {
  {
    const Lock lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
}

void Keeper::stop() {
  Keeper::end();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

/// False when the keeper stops.
bool Keeper::pause(env::Duration length) {
  Lock lock(mutex_);
  return !changed_.wait_for(lock, length, [this]() REQUIRES(mutex_) { return stopping_; });
}

void Keeper::run() {
  while (pause(options_.look_pause)) {
    const Result<void> looked = store::as_result([this]() -> Result<void> {
      look();
      return {};
    });
    if (!looked) kLog.warn("the records of files cannot be read: {}", looked.error().text());
  }
}

void Keeper::look() {
  const uint64_t index = store_.agreed().place.index;  // not newer than what is looked at
  const auto snapshot = store_.snapshot();
  const bool listed = listed_in(*snapshot);
  const std::string revision = revision_of(*snapshot);
  if (seen_ != revision) take_records(*snapshot, revision);
  const env::SteadyTime now = clock_.steady();
  if (now >= next_full_look_) look_at_all(*snapshot);
  std::set<std::string> names;
  {
    const Lock lock(mutex_);
    names.swap(doubtful_);
  }
  if (!names.empty()) examine(names, listed);
  if (!listed && host_.serves()) list_own();
  set_standing(index);
}

void Keeper::take_records(const store::Snapshot& snapshot, const std::string& revision) {
  Records records = read_records(snapshot);
  const bool first = !seen_;
  std::set<std::string> changed;
  {
    const Lock lock(mutex_);
    changed = differences(records_, records);
    records_ = std::move(records);
    names_of_.clear();
    for (const auto& [name, record] : records_) names_of_.emplace(record.sha256, name);
  }
  seen_ = revision;
  if (first || !tree_.met()) return look_at_all(snapshot);
  examine(changed, listed_in(snapshot));
}

/// Also at files that have no record.
void Keeper::look_at_all(const store::Snapshot& snapshot) {
  const env::SteadyTime begun = clock_.steady();
  std::set<std::string> names;
  for (std::string& name : tree_.names()) names.insert(std::move(name));
  {
    const Lock lock(mutex_);
    for (const auto& [name, record] : records_) names.insert(name);
  }
  const bool listed = listed_in(snapshot);
  if (examine(names, listed) && listed && !tree_.met()) note_known(names);
  sweep();
  const env::SteadyTime now = clock_.steady();
  next_full_look_ = now + std::max(options_.full_look_pause, 20 * (now - begun));
}

/// False when something could not be dealt with.
bool Keeper::examine(const std::set<std::string>& names, bool listed) {
  if (listed && tree_.met()) note_known(names);
  bool all = true;
  for (const std::string& name : names) all = settle(name, listed) && all;
  return all;
}

/// Of these, the ones that have records.
void Keeper::note_known(const std::set<std::string>& names) {
  std::vector<std::string> known;
  for (const std::string& name : names) {
    if (record_of(name)) known.push_back(name);
  }
  tree_.note_known(known);
}

/// False when it could not be dealt with; it is looked at again later.
bool Keeper::settle(const std::string& name, bool listed) {
  const std::optional<FileRecord> record = record_of(name);
  FileSight sight;
  sight.agreed = record.has_value();
  sight.known = tree_.known(name);
  sight.met = tree_.met();
  sight.listed = listed;
  if (record) {
    sight.look = tree_.look(*record);
    if (sight.look == FollowedTree::Look::kDiffers && is_one_file(*record)) tree_.drop(record->sha256);
    sight.held = tree_.holds(record->sha256);
  } else {
    std::error_code ignored;
    const bool there =
        std::filesystem::exists(std::filesystem::symlink_status(tree_.place_of(name), ignored));
    sight.look = there ? FollowedTree::Look::kSame : FollowedTree::Look::kAbsent;
  }
  Result<void> done;
  switch (next_step(sight)) {
    case FileStep::kNothing:
      unwant(name);
      return true;
    case FileStep::kPlace:
      place(*record);
      return true;
    case FileStep::kFetch:
      if (hold_local_copy(record->sha256)) {
        place(*record);
      } else {
        want(*record);
      }
      return true;
    case FileStep::kRemove:
      unwant(name);
      save_if_wanted(name);
      done = tree_.remove(name);
      break;
    case FileStep::kSetAside:
      done = tree_.set_aside(name);
      if (done) return settle(name, listed);
      break;
  }
  if (!done) kLog.warn("file {}: {}", name, done.error().text());
  if (done) tell(name);
  return done.ok();
}

/// A file that got another name goes from the old one.
void Keeper::save_if_wanted(const std::string& name) {
  const Result<FileRecord> record = tree_.describe(name);
  if (!record || tree_.holds(record->sha256)) return;
  {
    const Lock lock(mutex_);
    if (!names_of_.contains(record->sha256)) return;
  }
  const Result<void> held = tree_.hold(tree_.place_of(name), record->sha256);
  if (!held) return kLog.warn("file {} is not kept for its other name: {}", name, held.error().text());
  const Lock lock(mutex_);
  const auto [first, last] = names_of_.equal_range(record->sha256);
  for (auto at = first; at != last; ++at) doubtful_.insert(at->second);
}

/// Whether what is held is the file in its place: damaged once, damaged twice.
bool Keeper::is_one_file(const FileRecord& record) const {
  std::error_code ignored;
  return std::filesystem::equivalent(tree_.held(record.sha256), tree_.place_of(record.name), ignored);
}

void Keeper::place(const FileRecord& record) {
  const Result<void> placed = tree_.place(record);
  if (!placed) {
    kLog.warn("file {} cannot be put in its place: {}", record.name, placed.error().text());
    want(record);
    return wait_with(record.sha256);
  }
  unwant(record.name);
  drop_unneeded(record.sha256);
  kLog.debug("file {} is here", record.name);
  tell(record.name);
}

void Keeper::want(const FileRecord& record) {
  {
    const Lock lock(mutex_);
    const auto before = wanted_as_.find(record.name);
    if (before != wanted_as_.end() && before->second != record.sha256) unwant_locked(record.name);
    wanted_as_[record.name] = record.sha256;
    missing_.want(record.sha256, record.size);
    wanted_[record.sha256].insert(record.name);
  }
  changed_.notify_all();
}

/// Nothing is to be done about it for a moment.
void Keeper::wait_with(const std::string& sha256) {
  const env::SteadyTime until = clock_.steady() + kStuckPause;
  const std::vector<FilePeer> peers = host_.peers();
  const Lock lock(mutex_);
  for (const FilePeer& peer : peers) missing_.leave_alone(sha256, peer.number, until);
}

void Keeper::unwant(const std::string& name) {
  const Lock lock(mutex_);
  unwant_locked(name);
}

void Keeper::unwant_locked(const std::string& name) {
  const auto as = wanted_as_.find(name);
  if (as == wanted_as_.end()) return;
  const auto wanted = wanted_.find(as->second);
  wanted->second.erase(name);
  if (wanted->second.empty()) {
    missing_.forget(wanted->first);
    wanted_.erase(wanted);
  }
  wanted_as_.erase(as);
}

void Keeper::tell(const std::string& name) {
  const Lock lock(listener_mutex_);
  if (listener_) listener_(name);
}

/// `index`: of the agreed order, at least what was looked at.
void Keeper::set_standing(uint64_t index) {
  bool changed = false;
  {
    const Lock lock(mutex_);
    FileStanding now = standing_;
    now.missing = 0;
    for (const auto& [sha256, names] : wanted_) now.missing += names.size();
    now.revision = *seen_;
    changed = now.missing != standing_.missing || now.revision != standing_.revision;
    if (now.missing == 0) now.index = index;
    if (changed) kLog.info("files missing here: {}", now.missing);
    standing_ = std::move(now);
  }
  if (changed) host_.standing_changed();
}

/// Bytes aside that are in their place, or nobody's.
void Keeper::sweep() {
  std::set<std::string> wanted, in_place;
  {
    const Lock lock(mutex_);
    for (const auto& [sha256, one] : wanted_) wanted.insert(sha256);
    for (const auto& [sha256, from] : running_) wanted.insert(sha256);
    for (const auto& [sha256, count] : offers_) wanted.insert(sha256);
    for (const auto& [sha256, name] : names_of_) in_place.insert(sha256);
  }
  tree_.sweep(wanted, in_place);
}

// -------------------------------------------------------------- what the first member had before

/// Records for the files that were uploaded before there were any.
void Keeper::list_own() {
  const std::vector<std::string> names = tree_.names();
  kLog.info("{} files from before get their records", names.size());
  for (size_t from = 0; from < names.size(); from += kListedTogether) {
    const auto end = names.begin() + static_cast<ptrdiff_t>(std::min(names.size(), from + kListedTogether));
    const Result<void> done = list_part({names.begin() + static_cast<ptrdiff_t>(from), end});
    if (!done || !host_.serves()) return kLog.warn("files from before are listed later");
    if (!pause(env::Duration::zero())) return;
  }
  store::Batch batch;
  batch.secrets = files::secret_changes({});
  batch.secrets.push_back({std::string(files::kFileState), std::string(kListed), "1"});
  const Result<store::Cursor> kept = store_.commit_sync(std::move(batch));
  if (!kept) kLog.warn("files from before are listed later: {}", kept.error().text());
}

Result<void> Keeper::list_part(const std::vector<std::string>& names) {
  const Lock lock(listing_);
  FileChanges changes;
  for (const std::string& name : names) {
    if (find(name)) continue;
    Result<FileRecord> record = tree_.describe(name);
    if (record) changes.put.push_back(std::move(*record));
  }
  if (changes.put.empty()) return {};
  store::Batch batch;
  batch.secrets = files::secret_changes(changes);
  const Result<store::Cursor> kept = store_.commit_sync(std::move(batch));
  if (!kept) return kept.error();
  return {};
}

// --------------------------------------------------------------------------------- fetching and checking

void Keeper::run_fetcher() {
  while (true) {
    FileBytes wanted;
    MemberId from = 0;
    bool hurry = false;
    const std::vector<FilePeer> peers = host_.peers();
    {
      Lock lock(mutex_);
      if (stopping_) return;
      const auto choice = missing_.next(peers, running_, clock_.steady());
      if (!choice) {
        changed_.wait_for(lock, kIdle, [this]() REQUIRES(mutex_) { return stopping_; });
        continue;
      }
      wanted.sha256 = choice->sha256;
      const WantedFile* file = missing_.find(choice->sha256);
      wanted.size = file->size;
      hurry = file->hurry;
      from = choice->from;
      running_[wanted.sha256] = from;
    }
    const Result<void> done = fetch(from, wanted, hurry ? 0 : options_.catch_up_rate);
    release(wanted.sha256);
    const Lock lock(mutex_);
    const auto found = wanted_.find(wanted.sha256);
    if (found == wanted_.end()) continue;
    if (done) {
      doubtful_.insert(found->second.begin(), found->second.end());
      continue;
    }
    kLog.debug("no file {} from member {}: {}", wanted.sha256, from, done.error().text());
    missing_.leave_alone(wanted.sha256, from, clock_.steady() + pause_after(done.error().code));
  }
}

/// `running_` has it.
Result<void> Keeper::fetch(MemberId from, const FileBytes& wanted, uint64_t rate) {
  if (tree_.holds(wanted.sha256)) return {};
  Result<std::unique_ptr<files::PartialFile>> partial = tree_.receive(wanted.sha256, wanted.size);
  if (!partial) return partial.error();
  if (Result<void> got = peers_.fetch(from, wanted, **partial, rate); !got) return got;
  return (*partial)->finish();
}

bool Keeper::claim(const std::string& sha256, MemberId from) {
  Lock lock(mutex_);
  changed_.wait(lock, [&]() REQUIRES(mutex_) { return stopping_ || !running_.contains(sha256); });
  if (stopping_) return false;
  running_[sha256] = from;
  return true;
}

void Keeper::release(const std::string& sha256) {
  {
    const Lock lock(mutex_);
    running_.erase(sha256);
  }
  changed_.notify_all();
}

void Keeper::run_checker() {
  while (pause(kIdle)) {
    {
      const Lock lock(mutex_);
      if (standing_.revision.empty()) continue;  // nothing was looked at yet
    }
    check_all();
    if (!pause(options_.check_pause)) return;
  }
}

/// Reads every file: what a disk has changed behind our back shows in its checksum alone.
void Keeper::check_all() {
  std::vector<FileRecord> records;
  {
    const Lock lock(mutex_);
    for (const auto& [name, record] : records_) records.push_back(record);
  }
  FilePace pace(options_.check_rate);
  for (const FileRecord& record : records) {
    bool goes_on = true;
    const auto found = tree_.verify(record, [&](size_t bytes) {
      goes_on = may_go_on_checking(bytes, pace);
      return goes_on;
    });
    if (!goes_on) return;
    const bool damaged = found == FollowedTree::Finding::kDamaged;
    const bool fits = !damaged && found != FollowedTree::Finding::kAnother;
    if (fits || record_of(record.name) != record) continue;
    if (damaged)
      kLog.error("file {} is damaged on this disk; its bytes are fetched from another member", record.name);
    doubt(record.name, damaged);
  }
}

bool Keeper::may_go_on_checking(size_t bytes, FilePace& pace) {
  return pause(pace.take(bytes, clock_.steady()));
}

/// Of a damaged file, what is held under its checksum may be the same bytes.
void Keeper::doubt(const std::string& name, bool damaged) {
  const std::optional<FileRecord> record = record_of(name);
  if (record && damaged) tree_.drop(record->sha256);
  const Lock lock(mutex_);
  doubtful_.insert(name);
}

// ----------------------------------------------------------------------------------- what others ask

std::optional<FileRecord> Keeper::record_of(const std::string& name) const {
  const Lock lock(mutex_);
  const auto found = records_.find(name);
  if (found == records_.end()) return std::nullopt;
  return found->second;
}

Result<env::Path> Keeper::file_of(const FileBytes& wanted) {
  if (tree_.holds(wanted.sha256)) return tree_.held(wanted.sha256);
  std::vector<FileRecord> places;
  {
    const Lock lock(mutex_);
    const auto [first, last] = names_of_.equal_range(wanted.sha256);
    for (auto at = first; at != last; ++at) places.push_back(records_.at(at->second));
  }
  for (const FileRecord& record : places) {
    if (tree_.look(record) == FollowedTree::Look::kSame) return tree_.place_of(record.name);
  }
  return Error(ErrorCode::kNotFound, "this member does not have the file " + wanted.sha256);
}

/// Whether the bytes are held after all, under whatever name they are here.
bool Keeper::hold_local_copy(const std::string& sha256) {
  if (tree_.holds(sha256)) return true;
  FileBytes wanted;
  wanted.sha256 = sha256;
  const Result<env::Path> path = file_of(wanted);
  return path && tree_.hold(*path, sha256).ok();
}

Result<void> Keeper::keep(MemberId from, const std::vector<FileBytes>& files) {
  change_offers(files, 1);
  Result<void> kept;
  for (const FileBytes& file : files) {
    kept = keep_one(from, file);
    if (!kept) break;
  }
  change_offers(files, -1);
  return kept;
}

Result<void> Keeper::keep_one(MemberId from, const FileBytes& wanted) {
  if (hold_local_copy(wanted.sha256)) return {};
  if (!claim(wanted.sha256, from)) return Error(ErrorCode::kCancelled, "stopping");
  Result<void> done = fetch(from, wanted, 0);
  release(wanted.sha256);
  return done;
}

// ------------------------------------------------------------------------------ what this server asks

void Keeper::change_offers(const std::vector<FileBytes>& files, int by) {
  const Lock lock(mutex_);
  for (const FileBytes& file : files) {
    const auto at = offers_.emplace(file.sha256, 0).first;
    at->second += by;
    if (at->second == 0) offers_.erase(at);
  }
}

/// Of an upload that is refused nothing stays.
void Keeper::drop_offer(const std::vector<FileBytes>& files) {
  change_offers(files, -1);
  for (const FileBytes& file : files) drop_unneeded(file.sha256);
}

/// What nobody waits for is held no longer.
void Keeper::drop_unneeded(const std::string& sha256) {
  const Lock lock(mutex_);
  if (!offers_.contains(sha256) && !wanted_.contains(sha256) && !running_.contains(sha256))
    tree_.drop(sha256);
}

/// Of those, who still has a vote.
std::set<MemberId> Keeper::still_voting(const std::set<MemberId>& asked) const {
  std::set<MemberId> out;
  for (const FilePeer& peer : host_.peers()) {
    if (peer.voter && asked.contains(peer.number)) out.insert(peer.number);
  }
  return out;
}

env::Task<Result<void>> Keeper::hold(std::vector<files::OfferedFile> files) {
  const std::vector<FileBytes> wanted = bytes_of(files);
  uint64_t size = 0;
  for (const FileBytes& one : wanted) size += one.size;
  change_offers(wanted, 1);
  Result<void> held;
  co_await env::run_blocking([&] {
    for (const files::OfferedFile& file : files) {
      if (held) held = tree_.hold(file.path, file.record.sha256);
    }
  });
  const auto ballot = std::make_shared<Ballot>();
  std::set<MemberId> asked;
  const env::Duration patience = hold_patience(size);
  const std::vector<FilePeer> peers = host_.peers();
  for (const FilePeer& peer : peers) {
    if (!held || !peer.voter || options_.alone_is_enough) continue;
    asked.insert(peer.number);
    peers_.hold(peer.number, wanted, patience,
                [ballot, by = peer.number](const Result<void>& said) { ballot->count(by, said); });
  }
  const env::SteadyTime deadline = clock_.steady() + patience;
  while (held) {
    const uint64_t seen = ballot->changed.version();
    const HoldFate fate =
        host_.all_hold() ? ballot->of_all(still_voting(asked)) : ballot->of_majority(asked.size() + 1);
    if (fate == HoldFate::kHeld) break;
    if (fate == HoldFate::kCannot || clock_.steady() >= deadline) held = no_majority(ballot->why());
    if (!host_.serves()) held = no_majority("this server does not serve the cluster any more");
    if (held) co_await ballot->changed.wait(seen, kIdle);
  }
  if (held) {
    change_offers(wanted, -1);
  } else {
    co_await env::run_blocking([&] { drop_offer(wanted); });
  }
  co_return held;
}

Result<void> Keeper::commit(const FileChanges& changes) {
  const Lock lock(listing_);
  store::Batch batch;
  batch.secrets = files::secret_changes(changes);
  batch.principal = "system";
  const Result<store::Cursor> done = store_.commit_sync(std::move(batch));
  if (!done) return done.error();
  return {};
}

std::optional<FileRecord> Keeper::find(std::string_view name) const {
  const auto text = store_.snapshot()->secret(files::kFileRecords, files::record_key(name));
  if (!text) return std::nullopt;
  Result<FileRecord> record = files::decode_record(*text);
  if (!record) return std::nullopt;
  return std::move(*record);
}

std::vector<std::string> Keeper::names(std::string_view prefix) const {
  std::vector<std::string> out;
  const Lock lock(mutex_);
  for (auto at = records_.lower_bound(std::string(prefix)); at != records_.end(); ++at) {
    if (!at->first.starts_with(prefix)) break;
    out.push_back(at->first.substr(prefix.size()));
  }
  return out;
}

void Keeper::hurry(std::string_view name) {
  {
    const Lock lock(mutex_);
    const auto as = wanted_as_.find(std::string(name));
    if (as != wanted_as_.end()) missing_.hurry(as->second);
  }
  changed_.notify_all();
}

}  // namespace

std::shared_ptr<FileKeeper> make_file_keeper(store::Store& store, FollowedTree& tree, FilePeers& peers,
                                             FileHost& host, const env::Clock& clock,
                                             const KeeperOptions& options) {
  return std::make_shared<Keeper>(store, tree, peers, host, clock, options);
}

}  // namespace mullion::cluster
