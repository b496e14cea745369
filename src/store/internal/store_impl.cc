#include "store/internal/store_impl.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <future>

#include "base/mutex.h"
#include "env/disk.h"
#include "env/random.h"
#include "store/compaction.h"
#include "store/format.h"
#include "store/internal/log.h"
#include "store/internal/snapshot_impl.h"
#include "store/stamps.h"

namespace mullion::store::internal {
namespace {

constexpr size_t kSamples = 500;
constexpr size_t kMaxSampleBytes = 4 << 20;
/// Larger bodies tell little about a type and would hold much memory.
constexpr size_t kMaxSample = 64 << 10;
/// Bounded work per group: the log shrinks faster than it grows.
constexpr size_t kTrimPerGroup = 64;
/// An owner of an ordinary site leaves in one commit; larger ones leave piece by piece, in bounded memory.
constexpr size_t kDropChunk = 20000;
constexpr std::string_view kDictionaryPrefix = "dictionary/";

/// The end of the name of a backup that is under way.
constexpr std::string_view kPartial = ".partial";
/// What a backup leaves on its disk at least.
constexpr uint64_t kLeastRoom = uint64_t{64} << 20;
/// Views beyond those of new work: for what goes on, and what needs several. Nothing is refused before.
constexpr size_t kViewsPerRequest = 4;
constexpr size_t kSpareViews = 64;

EngineOptions engine_options(const Options& options) {
  EngineOptions out;
  out.map_size = options.map_size;
  out.max_views = options.max_views * kViewsPerRequest + kSpareViews;
  out.clock = options.clock;
  out.compact_at_open = options.compact_at_open;
  out.stop = options.stop;
  out.last_commit_may_go = options.last_commit_may_go;
  return out;
}

void drop_partial(const env::Path& path) {
  if (Result<void> removed = env::remove_tree(path); !removed)
    kLog.warn("partial backup not removed path={} what={}", path.string(), removed.error().text());
}

/// Takes a flag down at its end.
struct Lowered {
  std::atomic<bool>& flag;
  ~Lowered() { flag = false; }
};

/// Who may ask for backups may do so as often as they like, and nobody removes them: the database, which may
/// grow on the same disk, is left as much room as it takes.
Result<void> leaves_room(const env::Path& folder, uint64_t bytes) {
  const Result<uint64_t> free = env::free_space(folder);
  if (!free) return free.error();
  const uint64_t left = std::max(bytes, kLeastRoom);
  if (*free >= bytes + left) return {};
  return Error(ErrorCode::kInsufficientStorage,
               fmt::format("a backup takes {} MiB and has to leave {} MiB free on its disk; {} MiB are free: "
                           "remove old ones",
                           bytes >> 20, left >> 20, *free >> 20));
}

std::optional<uint64_t> read_number(const ReadTransaction& transaction, std::string_view key) {
  const auto bytes = transaction.get(Table::kMeta, key);
  if (!bytes) return std::nullopt;
  return decode_number(*bytes);
}

/// Of the newest commit, as far as the log tells.
env::WallTime newest_time(const ReadTransaction& transaction) {
  const std::unique_ptr<RowCursor> cursor = transaction.cursor(Table::kLog);
  return cursor->last() ? log_entry_time(cursor->value()) : env::WallTime();
}

// What the database remembers of those who share it, in `meta`.
constexpr std::string_view kAgreedPlace = "agreed";  // u64 index, u64 term
constexpr std::string_view kAgreedConf = "conf";
constexpr std::string_view kAgreedMembers = "members";

AgreedState read_agreed_state(const ReadTransaction& transaction) {
  AgreedState out;
  if (const auto place = transaction.get(Table::kMeta, kAgreedPlace); place && place->size() == 16)
    out.place = {decode_number(place->substr(0, 8)), decode_number(place->substr(8))};
  out.conf = transaction.get(Table::kMeta, kAgreedConf).value_or("");
  out.members = transaction.get(Table::kMeta, kAgreedMembers).value_or("");
  return out;
}

Result<void> write_step(WriteTransaction& transaction, const AgreedStep& step) {
  const AgreedPlace before = read_agreed_state(transaction).place;
  if (step.place.index <= before.index) {
    return Error(ErrorCode::kInvalid,
                 fmt::format("place {} cannot follow {}", step.place.index, before.index));
  }
  const std::string place = encode_u64(step.place.index) + encode_u64(step.place.term);
  Result<void> done = transaction.put(Table::kMeta, kAgreedPlace, place);
  if (done && step.conf) done = transaction.put(Table::kMeta, kAgreedConf, *step.conf);
  if (done && step.members) done = transaction.put(Table::kMeta, kAgreedMembers, *step.members);
  return done;
}

/// What others hold already cannot be refused here: a server that cannot follow ends, and catches up when it
/// is started again.
[[noreturn]] void end_behind(const Error& why) {
  kLog.error("an agreed commit cannot be stored, the server ends what={}", why.text());
  std::_Exit(EXIT_FAILURE);
}

}  // namespace

StoreImpl::StoreImpl(std::unique_ptr<Engine> engine, const Options& options)
    : engine_(std::move(engine)),
      options_(options),
      indexes_(
          *engine_, types(), [this](OwnerId id) { return names_.owner_name(id); },
          [this](const ReadTransaction& transaction, std::string_view type, const auto& visit) {
            Result<void> scanned = as_result([&] {
              scan_rows(transaction, type, "", [&](const ScannedRow& row) {
                visit(row.key, row.owner, body_of(row));
                return !closing_;
              });
            });
            if (scanned && closing_) return Result<void>(Error(ErrorCode::kCancelled, "closing"));
            return scanned;
          }) {}

Result<std::unique_ptr<Store>> StoreImpl::open(std::unique_ptr<Engine> engine, const Options& options) {
  std::unique_ptr<StoreImpl> store(new StoreImpl(std::move(engine), options));
  if (Result<void> loaded = as_result([&] { return store->load(); }); !loaded) return loaded.error();
  if (!options.writer) store->writer_ = std::thread([raw = store.get()] { raw->run_writer(); });
  if (store->seq_ != 0) store->warmer_ = std::thread([raw = store.get()] { raw->warm_indexes(); });
  return std::unique_ptr<Store>(std::move(store));
}

Result<void> StoreImpl::create(WriteTransaction& transaction) {
  epoch_ = env::random_id();
  for (const auto& [key, number] : {std::pair<std::string_view, uint64_t>{"format", kFormatVersion},
                                    {"oldest-readable", kOldestReadableVersion},
                                    {"epoch", epoch_},
                                    {"seq", 0},
                                    {"log-bytes", 0}}) {
    if (Result<void> done = transaction.put(Table::kMeta, key, encode_u64(number)); !done) return done;
  }
  return transaction.commit();
}

Result<void> StoreImpl::load() {
  const Lock writing(write_mutex_);  // before the transaction, as the writer does
  Result<std::unique_ptr<WriteTransaction>> begun = engine_->begin_write();
  if (!begun) return begun.error();
  WriteTransaction& transaction = **begun;
  const std::optional<uint64_t> oldest = read_number(transaction, "oldest-readable");
  if (oldest && *oldest > kFormatVersion) {
    return Error(
        ErrorCode::kConflict,
        fmt::format("the database was written by a newer version (format {}); this one reads up to {}",
                    *oldest, kFormatVersion));
  }
  if (!read_number(transaction, "epoch")) return create(transaction);
  epoch_ = *read_number(transaction, "epoch");
  seq_ = read_number(transaction, "seq").value_or(0);
  log_bytes_ = read_number(transaction, "log-bytes").value_or(0);
  last_time_ = newest_time(transaction);
  names_.load(transaction);
  const std::unique_ptr<RowCursor> cursor = transaction.cursor(Table::kMeta);
  for (bool more = cursor->seek(kDictionaryPrefix); more && cursor->key().starts_with(kDictionaryPrefix);
       more = cursor->next()) {
    const auto id = static_cast<uint32_t>(decode_number(cursor->key().substr(kDictionaryPrefix.size())));
    const std::string_view value = cursor->value();  // type, NUL, dictionary
    const size_t end = value.find('\0');
    codec_.add_dictionary(id, value.substr(0, end), value.substr(end + 1));
  }
  indexes_.start_at(seq_);
  const Lock lock(statistics_mutex_);
  statistics_.log_bytes = log_bytes_;
  return {};
}

void StoreImpl::warm_indexes() {
  for (const std::string& type : names_.types()) {
    if (closing_) return;
    if (Result<void> built = indexes_.build(type); !built && !closing_)
      kLog.error("index not built type={} what={}", type, built.error().text());
  }
}

StoreImpl::~StoreImpl() {
  {
    Lock lock(queue_mutex_);
    closing_ = true;
  }
  queue_filled_.notify_all();
  if (writer_.joinable()) writer_.join();
  while (options_.writer && write_waiting()) continue;
  if (warmer_.joinable()) warmer_.join();
}

void StoreImpl::stamp(Batch& batch) const {
  set_stamps(batch, options_.clock->wall(), [this](const ObjectId& id) { return snapshot()->get(id); });
}

void StoreImpl::commit(Batch batch, CommitCallback done) {
  const Result<void> stamped = as_result([&] { stamp(batch); });
  if (!stamped) return done(stamped.error());
  Waiting waiting;
  waiting.prepared.batch = std::move(batch);
  for (const Change& change : waiting.prepared.batch.changes) {
    std::optional<std::string> compressed;
    if (change.body) compressed = codec_.compress(change.id.type, *change.body);
    waiting.prepared.compressed.push_back(std::move(compressed));
  }
  waiting.done = std::move(done);
  if (!enqueue(waiting)) return waiting.done(Error(ErrorCode::kUnavailable, "the server is stopping"));
  if (options_.writer) return options_.writer([this] { (void)write_waiting(); });
  queue_filled_.notify_one();
}

bool StoreImpl::enqueue(Waiting& waiting) {
  Lock lock(queue_mutex_);
  if (closing_) return false;
  queue_.push_back(std::move(waiting));
  return true;
}

void StoreImpl::run_writer() {
  while (true) {
    {
      Lock lock(queue_mutex_);
      queue_filled_.wait(lock, [this]() REQUIRES(queue_mutex_) { return closing_ || !queue_.empty(); });
    }
    if (!write_waiting()) return;
  }
}

bool StoreImpl::write_waiting() {
  std::vector<Waiting> group;
  {
    const Lock lock(queue_mutex_);
    if (queue_.empty()) return false;
    const auto end =
        queue_.begin() + static_cast<std::ptrdiff_t>(std::min(queue_.size(), options_.max_group));
    group.assign(std::make_move_iterator(queue_.begin()), std::make_move_iterator(end));
    queue_.erase(queue_.begin(), end);
  }
  write_group(std::move(group));
  return true;
}

StoreImpl::Group StoreImpl::new_group() const {
  Group group;
  group.seq = seq_;
  group.log_bytes = log_bytes_;
  group.time = last_time_;
  return group;
}

Result<void> StoreImpl::apply_group(std::vector<Waiting>& waiting, Group& group) {
  Result<std::unique_ptr<WriteTransaction>> begun = engine_->begin_write();
  if (!begun) return begun.error();
  WriteTransaction& transaction = **begun;
  Applier applier(transaction, names_, codec_, indexes_);
  for (Waiting& one : waiting) {
    if (Result<void> fine = applier.check(one.prepared, group.applied); !fine) {
      group.outcomes.push_back({std::move(one.done), fine.error()});
      continue;
    }
    const store::Cursor cursor{epoch_, group.seq + 1};
    group.time = std::max(options_.clock->wall(), group.time + env::Duration(1));
    Result<Applied> done = applier.apply(std::move(one.prepared), cursor, group.time, group.log_bytes);
    group.outcomes.push_back({std::move(one.done), Committed{cursor, {}}});
    if (!done) return done.error();
    group.outcomes.back().result->differences = std::move(done->differences);
    ++group.seq;
    group.applied.push_back(std::move(*done));
  }
  const bool refused_all = group.applied.empty();  // then there is nothing to sync
  if (!refused_all) {
    if (Result<void> done = trim_log(transaction, group); !done) return done;
    if (Result<void> done = add_dictionaries(transaction, group); !done) return done;
    if (Result<void> done = write_position(transaction, group); !done) return done;
  }
  group.agreed = false;
  Result<AgreedPlace> place = agree_on(group);
  if (!place) return place.error();
  group.agreed = true;
  group.place = *place;
  if (refused_all) return {};
  if (group.place.index != 0) {
    if (Result<void> done = write_step(transaction, {group.place, {}, {}}); !done) end_behind(done.error());
  }
  return commit_agreed(transaction);
}

Result<void> StoreImpl::apply_commands(const std::vector<Command>& commands, const AgreedStep* step,
                                       Group& group) {
  Result<std::unique_ptr<WriteTransaction>> begun = engine_->begin_write();
  if (!begun) return begun.error();
  WriteTransaction& transaction = **begun;
  Applier applier(transaction, names_, codec_, indexes_);
  for (const Command& command : commands) {
    if (command.seq != group.seq + 1) {
      return Error(ErrorCode::kInvalid, fmt::format("commit {} cannot follow {}", command.seq, group.seq));
    }
    for (const Command::Dictionary& dictionary : command.dictionaries) {
      if (Result<void> done = write_dictionary(transaction, dictionary); !done) return done;
    }
    Result<Applied> done = applier.apply(command, epoch_, group.log_bytes);
    if (!done) return done.error();
    learn(command.dictionaries);  // bodies of the commands that follow need them
    group.applied.push_back(std::move(*done));
    group.seq = command.seq;
    group.time = command.time;
    if (Result<void> dropped = drop_log_before(transaction, command.log_start, group); !dropped)
      return dropped;
  }
  if (step != nullptr) {
    if (Result<void> done = write_step(transaction, *step); !done) return done;
  }
  if (Result<void> done = write_position(transaction, group); !done) return done;
  return transaction.commit();
}

Result<void> StoreImpl::write_position(WriteTransaction& transaction, const Group& group) const {
  if (Result<void> done = transaction.put(Table::kMeta, "seq", encode_u64(group.seq)); !done) return done;
  return transaction.put(Table::kMeta, "log-bytes", encode_u64(group.log_bytes));
}

Result<AgreedPlace> StoreImpl::agree_on(const Group& group) {
  std::vector<Command> commands;
  // Nothing is copied for a sequencer of one: it asks nobody.
  if (options_.sequencer->shared()) {
    for (const Applied& one : group.applied) commands.push_back(one.command);
  }
  return options_.sequencer->agree(commands);
}

Result<void> StoreImpl::commit_agreed(WriteTransaction& transaction) {
  Result<void> done = transaction.commit();
  if (!done && options_.sequencer->shared()) end_behind(done.error());
  return done;
}

void StoreImpl::write_group(std::vector<Waiting> waiting) {
  const Lock writing(write_mutex_);
  const env::SteadyTime started = options_.clock->steady();
  Group group = new_group();
  const Result<void> written = as_result([&] {
    write_mutex_.assume_held();  // as_result calls this at once
    return apply_group(waiting, group);
  });
  if (!written) return refuse(waiting, group, written.error());
  if (!group.applied.empty()) learn(std::exchange(trained_, {}));
  publish_group(group, started);
  if (group.place.index != 0) options_.sequencer->committed(group.place);
  for (Outcome& outcome : group.outcomes) outcome.done(std::move(outcome.result));
  collect_samples(group.applied);
}

Result<void> StoreImpl::apply_all(const std::vector<Command>& commands, const AgreedStep* step) {
  const Lock writing(write_mutex_);
  const env::SteadyTime started = options_.clock->steady();
  Group group = new_group();
  Result<void> written = as_result([&] {
    write_mutex_.assume_held();  // as_result calls this at once
    return apply_commands(commands, step, group);
  });
  if (written) publish_group(group, started);
  return written;
}

Result<void> StoreImpl::step(const std::function<Result<AgreedStep>()>& decide) {
  const Lock writing(write_mutex_);
  Result<std::unique_ptr<WriteTransaction>> begun = engine_->begin_write();
  if (!begun) return begun.error();
  const Result<AgreedStep> step = decide();
  if (!step) return step.error();
  Result<void> done = as_result([&] { return write_step(**begun, *step); });
  if (!done) end_behind(done.error());
  done = commit_agreed(**begun);
  if (done) options_.sequencer->committed(step->place);
  return done;
}

AgreedState StoreImpl::agreed() const {
  const Result<std::unique_ptr<ReadTransaction>> view = engine_->begin_read();
  if (!view) throw ReadFailure(view.error());
  return read_agreed_state(**view);
}

/// The view of the copy is its own: what it remembers is read from it, not from here.
Result<AgreedState> StoreImpl::copy(const env::Path& directory) const {
  if (Result<void> copied = engine_->backup(directory); !copied) return copied.error();
  return read_agreed(directory);
}

/// Nothing of the group happened. A refusal of its own stands when the state that it was judged by does.
void StoreImpl::refuse(std::vector<Waiting>& waiting, Group& group, const Error& why) {
  kLog.error("commit failed what={}", why.text());
  for (Outcome& outcome : group.outcomes) {
    if (outcome.result.ok() || !group.agreed) outcome.result = why;
    outcome.done(std::move(outcome.result));
  }
  for (Waiting& one : waiting) {
    if (one.done) one.done(why);
  }
}

void StoreImpl::publish_group(Group& group, env::SteadyTime started) {
  log_bytes_ = group.log_bytes;
  last_time_ = group.time;
  publish(group.applied);
  Lock lock(statistics_mutex_);
  statistics_.commits += group.applied.size();
  ++statistics_.groups;
  statistics_.last_commit_seconds = std::chrono::duration<double>(options_.clock->steady() - started).count();
  statistics_.log_bytes = log_bytes_;
}

void StoreImpl::publish(std::vector<Applied>& applied) {
  if (applied.empty()) return;
  std::vector<RowChange> rows;
  for (Applied& one : applied) std::ranges::move(one.rows, std::back_inserter(rows));
  const uint64_t newest = applied.back().commit->cursor.seq;
  indexes_.publish(newest, std::move(rows));
  seq_ = newest;
  for (const Applied& one : applied) feeds_.offer(one.commit);
}

/// Bounded work per group; what goes is told with its last command, so that it goes everywhere.
Result<void> StoreImpl::trim_log(WriteTransaction& transaction, Group& group) {
  const std::unique_ptr<RowCursor> cursor = transaction.cursor(Table::kLog);
  uint64_t bytes = group.log_bytes;
  uint64_t start = 0;
  bool more = cursor->seek("");
  for (size_t i = 0; more && i < kTrimPerGroup + 2 * group.applied.size(); ++i, more = cursor->next()) {
    const bool too_old = options_.clock->wall() - log_entry_time(cursor->value()) > options_.log_max_age;
    if (bytes <= options_.log_max_bytes && !too_old) break;
    bytes -= std::min<uint64_t>(bytes, cursor->value().size());
    start = decode_number(cursor->key()) + 1;
  }
  group.applied.back().command.log_start = start;
  return drop_log_before(transaction, start, group);
}

Result<void> StoreImpl::drop_log_before(WriteTransaction& transaction, uint64_t seq, Group& group) const {
  while (seq > 0) {
    std::string oldest;
    {
      const std::unique_ptr<RowCursor> cursor = transaction.cursor(Table::kLog);
      if (!cursor->seek("") || decode_number(cursor->key()) >= seq) return {};
      oldest = cursor->key();
      group.log_bytes -= std::min<uint64_t>(group.log_bytes, cursor->value().size());
    }
    if (Result<void> done = transaction.erase(Table::kLog, oldest); !done) return done;
  }
  return {};
}

/// What was trained since the last group becomes part of this one.
Result<void> StoreImpl::add_dictionaries(WriteTransaction& transaction, Group& group) {
  for (const Command::Dictionary& dictionary : trained_) {
    if (Result<void> done = write_dictionary(transaction, dictionary); !done) return done;
  }
  group.applied.back().command.dictionaries = trained_;
  return {};
}

Result<void> StoreImpl::write_dictionary(WriteTransaction& transaction,
                                         const Command::Dictionary& dictionary) const {
  return transaction.put(Table::kMeta, std::string(kDictionaryPrefix) + encode_u32(dictionary.id),
                         dictionary.type + std::string(1, '\0') + dictionary.bytes);
}

void StoreImpl::learn(const std::vector<Command::Dictionary>& dictionaries) {
  for (const Command::Dictionary& dictionary : dictionaries) {
    codec_.add_dictionary(dictionary.id, dictionary.type, dictionary.bytes);
  }
}

void StoreImpl::collect_samples(const std::vector<Applied>& applied) {
  for (const Applied& one : applied) {
    for (const AppliedChange& change : one.commit->changes) {
      if (change.body) collect_sample(change.id, *change.body);
    }
  }
}

void StoreImpl::collect_sample(const ObjectId& id, const std::string& body) {
  if (body.size() > kMaxSample || codec_.has_dictionary(id.type)) return;
  Samples& samples = samples_[id.type];
  if (samples.tried) return;
  if (samples.bytes < kMaxSampleBytes) {
    samples.bodies.push_back(body);
    samples.bytes += body.size();
  }
  if (samples.bodies.size() < kSamples && samples.bytes < kMaxSampleBytes) return;
  train_dictionary(id.type, samples.bodies);
  samples = {};
  samples.tried = true;  // training holds up writers: bodies too unlike each other get no second chance
}

/// Used once the next group has stored it.
void StoreImpl::train_dictionary(const std::string& type, const std::vector<std::string>& samples) {
  std::string dictionary = Codec::train(samples);
  if (dictionary.empty()) return;
  kLog.debug("dictionary trained type={} samples={} bytes={}", type, samples.size(), dictionary.size());
  const uint32_t id = codec_.next_id() + static_cast<uint32_t>(trained_.size());
  trained_.push_back({id, type, std::move(dictionary)});
}

std::shared_ptr<const Snapshot> StoreImpl::snapshot() const { return make_snapshot(*this); }

store::Cursor StoreImpl::newest() const { return {epoch_, seq_}; }

void StoreImpl::scan_rows(const ReadTransaction& transaction, std::string_view type,
                          std::string_view from_key,
                          const std::function<bool(const ScannedRow& row)>& visit) const {
  const std::optional<TypeId> type_id = names_.find_type(type);
  if (!type_id) return;
  const std::string prefix = encode_u16(*type_id);
  const std::unique_ptr<RowCursor> cursor = transaction.cursor(Table::kObjects);
  for (bool more = cursor->seek(object_start(*type_id, from_key)); more; more = cursor->next()) {
    if (!cursor->key().starts_with(prefix)) return;
    const ObjectRow row = decode_object_row(cursor->key());
    if (!visit({type, row.key, row.owner, cursor->value()})) return;
  }
}

std::string StoreImpl::body_of(const ScannedRow& row) const {
  Result<std::string> body = codec_.decompress(row.compressed);
  if (body) return std::move(*body);
  throw ReadFailure(
      Error(body.error().code, "", std::string(row.type), std::string(row.key), body.error().messages));
}

Result<void> StoreImpl::read_log(store::Cursor after,
                                 const std::function<bool(const LoggedCommit&)>& visit) const {
  return as_result([&]() -> Result<void> {
    const Error compacted(ErrorCode::kNotFound,
                          "compacted: the commit log no longer reaches back to that place");
    if (after.epoch != epoch_) return compacted;
    const Result<std::unique_ptr<ReadTransaction>> transaction = engine_->begin_read();
    if (!transaction) return transaction.error();
    const uint64_t newest = transaction_seq(**transaction);
    if (after.seq > newest) return compacted;
    if (after.seq == newest) return {};
    const std::unique_ptr<RowCursor> cursor = (*transaction)->cursor(Table::kLog);
    if (!cursor->seek(encode_u64(after.seq + 1)) || decode_number(cursor->key()) != after.seq + 1)
      return compacted;
    do {
      const Result<LoggedCommit> commit =
          decode_log_entry({epoch_, decode_number(cursor->key())}, cursor->value(), codec_);
      if (!commit) return commit.error();
      if (!visit(*commit)) return {};
    } while (cursor->next());
    return {};
  });
}

Result<ObjectHistory> StoreImpl::history(const ObjectId& id, size_t most, size_t most_bytes) const {
  return as_result([&]() -> Result<ObjectHistory> {
    const Result<std::unique_ptr<ReadTransaction>> transaction = engine_->begin_read();
    if (!transaction) return transaction.error();
    const std::unique_ptr<RowCursor> cursor = (*transaction)->cursor(Table::kLog);
    const std::string mark = log_entry_mark(id);
    ObjectHistory out;
    std::deque<ObjectHistory::Change> kept;
    size_t bytes = 0;
    const auto size_of = [](const ObjectHistory::Change& change) {
      return change.body ? change.body->size() : 0;
    };
    for (bool more = cursor->seek(""); more; more = cursor->next()) {
      if (out.log_begins == env::WallTime()) out.log_begins = log_entry_time(cursor->value());
      if (cursor->value().find(mark) == std::string_view::npos) continue;
      Result<LoggedCommit> commit =
          decode_log_entry({epoch_, decode_number(cursor->key())}, cursor->value(), codec_);
      if (!commit) return commit.error();
      for (LoggedCommit::LoggedChange& change : commit->changes) {
        if (change.id != id) continue;
        kept.push_back({commit->cursor, commit->time, std::move(change.body)});
        bytes += size_of(kept.back());
      }
      while (kept.size() > most || (bytes > most_bytes && kept.size() > 1)) {
        bytes -= size_of(kept.front());
        kept.pop_front();
        out.more = true;
      }
    }
    out.changes.assign(std::make_move_iterator(kept.begin()), std::make_move_iterator(kept.end()));
    return out;
  });
}

Result<void> StoreImpl::drop_owner(std::string_view owner) {
  if (!is_remote(owner)) return Error(ErrorCode::kInvalid, "only replicas can be dropped");
  return as_result([&] { return drop_objects_of(owner); });
}

/// In commits of a bounded size, with the origin in the last one. Throws ReadFailure.
Result<void> StoreImpl::drop_objects_of(std::string_view owner) {
  while (true) {
    Batch batch;
    const std::shared_ptr<const Snapshot> view = snapshot();
    for (const std::string& type : view->types()) {
      view->scan_owner(type, owner, "", [&](std::string_view key, std::string_view) {
        batch.changes.push_back(
            {{type, std::string(owner), std::string(key)}, std::nullopt, Expect::kAnything, {}});
        return batch.changes.size() < kDropChunk;
      });
      if (batch.changes.size() >= kDropChunk) break;
    }
    const bool last = batch.changes.size() < kDropChunk;
    if (last) batch.forget_origin = owner;
    batch.principal = "system";
    if (Result<store::Cursor> done = commit_sync(std::move(batch)); !done) return done.error();
    if (last) return {};
  }
}

Store::Statistics StoreImpl::statistics() const {
  Statistics out;
  {
    Lock lock(statistics_mutex_);
    out = statistics_;
  }
  out.index_bytes = indexes_.bytes();
  const EngineFigures figures = engine_->figures();
  out.views = figures.views;
  out.oldest_view_seconds = std::chrono::duration<double>(figures.oldest_view).count();
  out.file_bytes = figures.file_bytes;
  out.free_bytes = figures.free_bytes;
  out.pinned_bytes = figures.pinned_bytes;
  const std::shared_ptr<const Snapshot> view = snapshot();
  for (const TypeDigest& digest : view->digests()) out.objects += digest.count;
  if (const Result<std::unique_ptr<ReadTransaction>> read = engine_->begin_read()) {
    const std::unique_ptr<RowCursor> cursor = (*read)->cursor(Table::kLog);
    if (cursor->seek("")) out.log_commits = transaction_seq(**read) - decode_number(cursor->key()) + 1;
  }
  return out;
}

Result<void> StoreImpl::backup(const env::Path& directory) const {
  std::error_code failure;
  if (std::filesystem::exists(directory, failure))
    return Error(ErrorCode::kConflict, directory.string() + " exists already");
  if (backing_up_.exchange(true))
    return Error(ErrorCode::kUnavailable, "a backup is being made; try again when it is there");
  const Lowered over{backing_up_};
  const env::Path folder = directory.parent_path();
  Result<void> fits = env::make_directories(folder, 0700);
  if (fits) fits = leaves_room(folder, engine_->figures().file_bytes);
  if (!fits) return fits;
  const env::Path partial = directory.string() + std::string(kPartial);
  Result<void> copied = copy_to(partial);
  if (copied) copied = env::move_durably(partial, directory);
  if (!copied) drop_partial(partial);
  return copied;
}

/// Whole and durable, or what came of it is to be removed.
Result<void> StoreImpl::copy_to(const env::Path& directory) const {
  if (Result<void> copied = engine_->backup(directory); !copied) return copied;
  // A copy that is started one day must not be taken for this store: managers would trust cursors it never
  // reached.
  Result<std::unique_ptr<Engine>> copy =
      open_lmdb_engine(directory, {.map_size = options_.map_size, .max_views = 8});
  if (!copy) return copy.error();
  Result<std::unique_ptr<WriteTransaction>> transaction = (*copy)->begin_write();
  if (!transaction) return transaction.error();
  if (Result<void> done = (*transaction)->put(Table::kMeta, "epoch", encode_u64(env::random_id())); !done)
    return done;
  return (*transaction)->commit();
}

}  // namespace mullion::store::internal

namespace mullion::store {

Result<Cursor> Store::commit_sync(Batch batch) {
  std::promise<Result<Cursor>> promise;
  std::future<Result<Cursor>> future = promise.get_future();
  commit(std::move(batch), [&promise](Result<Committed> done) {
    promise.set_value(done ? Result<Cursor>(done->cursor) : Result<Cursor>(std::move(done.error())));
  });
  return future.get();
}

std::shared_ptr<CommitFeed> attach_feed(Store& store, std::string name, Interest interest, size_t max_bytes) {
  auto feed = std::make_shared<CommitFeed>(std::move(name), std::move(interest), max_bytes);
  store.attach(feed);
  return feed;
}

std::shared_ptr<CommitFeed> attach_signal(Store& store, std::string name, Interest interest,
                                          std::shared_ptr<env::Signal> signal) {
  auto feed = std::make_shared<CommitFeed>(std::move(name), std::move(interest), CommitFeed::kNothing,
                                           std::move(signal));
  store.attach(feed);
  return feed;
}

Error when_opened(const env::Path& directory, const Error& error) {
  if (error.code != ErrorCode::kCorrupt) return error;
  return Error(ErrorCode::kCorrupt,
               fmt::format("the database in {} is damaged: {}; move it away and restore a backup of it "
                           "(docs/operations.md)",
                           directory.string(), error.messages.front()));
}

Result<std::unique_ptr<Store>> open_store(const Options& options) {
  Result<std::unique_ptr<internal::Engine>> engine =
      internal::open_lmdb_engine(options.directory, internal::engine_options(options));
  if (!engine) return when_opened(options.directory, engine.error());
  Result<std::unique_ptr<Store>> store = internal::StoreImpl::open(std::move(*engine), options);
  if (!store) return when_opened(options.directory, store.error());
  return store;
}

Result<AgreedState> read_agreed(const env::Path& directory) {
  std::error_code failure;
  if (!std::filesystem::exists(directory / "data.mdb", failure))
    return Error(ErrorCode::kNotFound, "there is no database in " + directory.string());
  Result<std::unique_ptr<internal::Engine>> engine = internal::open_lmdb_engine(directory, {.max_views = 8});
  if (!engine) return engine.error();
  const Result<std::unique_ptr<internal::ReadTransaction>> view = (*engine)->begin_read();
  if (!view) return view.error();
  AgreedState out;
  const Result<void> read = as_result([&] { out = internal::read_agreed_state(**view); });
  if (!read) return read.error();
  return out;
}

void remove_partial_backups(const env::Path& folder) {
  std::error_code failure;
  for (const auto& entry : std::filesystem::directory_iterator(folder, failure)) {
    if (entry.path().extension() != internal::kPartial) continue;
    kLog.info("partial backup removed path={}", entry.path().string());
    internal::drop_partial(entry.path());
  }
}

std::unique_ptr<Store> open_memory_store(const env::Clock& clock) {
  Options options;
  options.clock = &clock;
  return open_memory_store(options);
}

std::unique_ptr<Store> open_memory_store(const Options& options) {
  Result<std::unique_ptr<Store>> store =
      internal::StoreImpl::open(internal::open_memory_engine(internal::engine_options(options)), options);
  return std::move(*store);
}

}  // namespace mullion::store
