// The store above an engine: writer thread, snapshots, log.
#pragma once

#include <atomic>
#include <deque>
#include <map>
#include <memory>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "store/internal/applier.h"
#include "store/internal/codec.h"
#include "store/internal/engine.h"
#include "store/internal/indexes.h"
#include "store/internal/names.h"
#include "store/store.h"

namespace mullion::store::internal {

class StoreImpl final : public Store {
 public:
  /// Reads or makes the store's identity and starts the writer.
  static Result<std::unique_ptr<Store>> open(std::unique_ptr<Engine> engine, const Options& options);
  ~StoreImpl() override;

  void commit(Batch batch, CommitCallback done) override;
  Result<void> apply(const std::vector<Command>& commands) override { return apply_all(commands, nullptr); }
  Result<void> apply(const std::vector<Command>& commands, const AgreedStep& step) override {
    return apply_all(commands, &step);
  }
  Result<void> step(const std::function<Result<AgreedStep>()>& decide) override;
  AgreedState agreed() const override;
  Result<AgreedState> copy(const env::Path& directory) const override;
  void stamp(Batch& batch) const override;
  std::shared_ptr<const Snapshot> snapshot() const override;
  bool crowded() const override { return engine_->views() >= options_.max_views; }
  Cursor newest() const override;
  void attach(const std::shared_ptr<CommitFeed>& feed) override { feeds_.add(feed, seq_); }
  std::vector<CommitFeed::State> followers() const override { return feeds_.states(); }
  Result<void> read_log(store::Cursor after,
                        const std::function<bool(const LoggedCommit&)>& visit) const override;
  Result<ObjectHistory> history(const ObjectId& id, size_t most, size_t most_bytes) const override;
  void show_replicas(bool shown) override { replicas_shown_ = shown; }
  bool replicas_shown() const override { return replicas_shown_; }
  Result<void> drop_owner(std::string_view owner) override;
  Statistics statistics() const override;
  Result<void> backup(const env::Path& directory) const override;

  // Used by snapshots.
  const Engine& engine() const { return *engine_; }
  const Codec& codec() const { return codec_; }
  const Names& names() const { return names_; }
  Indexes& indexes() const { return indexes_; }
  uint64_t epoch() const { return epoch_; }
  /// A row that a scan has reached; valid until the visitor returns.
  struct ScannedRow {
    std::string_view type;
    std::string_view key;
    OwnerId owner;
    std::string_view compressed;
  };
  /// Visits the rows of a type in the order of their keys until `visit` returns false. Bodies stay
  /// compressed: many visitors only look for a key or an owner.
  void scan_rows(const ReadTransaction& transaction, std::string_view type, std::string_view from_key,
                 const std::function<bool(const ScannedRow& row)>& visit) const;
  /// Throws ReadFailure.
  std::string body_of(const ScannedRow& row) const;

 private:
  struct Waiting {
    PreparedBatch prepared;
    CommitCallback done;
  };
  struct Outcome {
    CommitCallback done;
    Result<Committed> result;
  };
  /// What a transaction of the writer has done so far; nothing of it counts before it is committed.
  struct Group {
    std::vector<Outcome> outcomes;
    std::vector<Applied> applied;
    uint64_t seq = 0;
    uint64_t log_bytes = 0;
    env::WallTime time;
    bool agreed = true;  // false: judged by a state that may never come to be
    AgreedPlace place;
  };

  StoreImpl(std::unique_ptr<Engine> engine, const Options& options);
  Result<void> load();
  Result<void> drop_objects_of(std::string_view owner);
  Result<void> copy_to(const env::Path& directory) const;
  Result<void> create(WriteTransaction& transaction);
  /// False when the store is closing; then `waiting` is left as it is.
  bool enqueue(Waiting& waiting);
  void run_writer();
  /// Takes a group of what waits and writes it; false when nothing waits.
  bool write_waiting();
  void warm_indexes();
  void write_group(std::vector<Waiting> waiting);
  Group new_group() const REQUIRES(write_mutex_);
  Result<void> apply_group(std::vector<Waiting>& waiting, Group& group) REQUIRES(write_mutex_);
  Result<void> apply_all(const std::vector<Command>& commands, const AgreedStep* step);
  Result<void> apply_commands(const std::vector<Command>& commands, const AgreedStep* step, Group& group)
      REQUIRES(write_mutex_);
  Result<AgreedPlace> agree_on(const Group& group);
  Result<void> commit_agreed(WriteTransaction& transaction);
  Result<void> write_position(WriteTransaction& transaction, const Group& group) const;
  void publish_group(Group& group, env::SteadyTime started) REQUIRES(write_mutex_);
  void refuse(std::vector<Waiting>& waiting, Group& group, const Error& why);
  Result<void> trim_log(WriteTransaction& transaction, Group& group);
  Result<void> drop_log_before(WriteTransaction& transaction, uint64_t seq, Group& group) const;
  Result<void> write_dictionary(WriteTransaction& transaction, const Command::Dictionary& dictionary) const;
  Result<void> add_dictionaries(WriteTransaction& transaction, Group& group) REQUIRES(write_mutex_);
  void publish(std::vector<Applied>& applied);
  void collect_samples(const std::vector<Applied>& applied) REQUIRES(write_mutex_);
  void collect_sample(const ObjectId& id, const std::string& body) REQUIRES(write_mutex_);
  void train_dictionary(const std::string& type, const std::vector<std::string>& samples)
      REQUIRES(write_mutex_);
  void learn(const std::vector<Command::Dictionary>& dictionaries);

  std::unique_ptr<Engine> engine_;
  Options options_;
  Codec codec_;
  Names names_;
  mutable Indexes indexes_;
  uint64_t epoch_ = 0;
  std::atomic<uint64_t> seq_{0};
  std::atomic<bool> replicas_shown_{true};
  mutable std::atomic<bool> backing_up_{false};

  Mutex queue_mutex_;
  ConditionVariable queue_filled_;
  std::vector<Waiting> queue_ GUARDED_BY(queue_mutex_);
  std::atomic<bool> closing_{false};

  FeedList feeds_{*options_.clock};

  Mutex write_mutex_;  // whoever writes; guards what follows
  env::WallTime last_time_ GUARDED_BY(write_mutex_);
  std::vector<Command::Dictionary> trained_ GUARDED_BY(write_mutex_);  // become part of the next group
  struct Samples {
    std::vector<std::string> bodies;
    size_t bytes = 0;
    bool tried = false;
  };
  std::map<std::string, Samples> samples_ GUARDED_BY(write_mutex_);
  uint64_t log_bytes_ GUARDED_BY(write_mutex_) = 0;

  mutable Mutex statistics_mutex_;
  Statistics statistics_ GUARDED_BY(statistics_mutex_);
  std::thread writer_;
  std::thread warmer_;
};

}  // namespace mullion::store::internal
