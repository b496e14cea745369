// All types' indexes, kept at one commit, built when first asked for.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "model/type_catalog.h"
#include "store/internal/applier.h"
#include "store/internal/index.h"

namespace mullion::store::internal {

/// Thread-safe. A type's index is absent until a query needs it; while it is being built, changes wait beside
/// it. The newest changes are remembered, so that a view taken a moment ago is answered from the index too.
class Indexes final : public UniqueValues {
 public:
  /// Visits every row of a type in a transaction.
  using Scan = std::function<Result<void>(
      const ReadTransaction&, std::string_view type,
      const std::function<void(std::string_view key, OwnerId, std::string_view body)>&)>;
  using Use = std::function<void(const TypeIndex&)>;
  Indexes(const Engine& engine, const model::TypeCatalog& types, TypeIndex::OwnerName owner_name, Scan scan)
      : engine_(engine), types_(types), owner_name_(std::move(owner_name)), scan_(std::move(scan)) {}

  /// Writer thread: the rows of the commits up to `seq`, right after they became durable.
  void publish(uint64_t seq, std::vector<RowChange> rows);
  void start_at(uint64_t seq) {
    const WriteLock lock(mutex_);
    seq_ = seq;
  }

  /// Whether the index of `type` is there, made for its present descriptor.
  bool ready(std::string_view type) const;
  /// Memory of all of them, about.
  size_t bytes() const;
  /// Makes the index of `type` ready.
  Result<void> build(std::string_view type);
  /// Builds the index where it is missing; the writer's transaction may be open.
  Result<std::vector<Holder>> holders(const UniqueGuard& guard) override;
  bool has(const UniqueGuard& guard, std::string_view key, std::string_view body) const override;
  /// Calls `use` with the index of `type` as it was at commit `seq`; `use` must not call the store. False:
  /// that commit lies too far back, or the index is made for another descriptor than `wanted` by now.
  Result<bool> with(std::string_view type, const model::ObjectType* wanted, uint64_t seq, const Use& use);

 private:
  struct Entry {
    bool ready = false;
    std::unique_ptr<TypeIndex> index;
    const model::ObjectType* type = nullptr;  // what the index was made for
    std::vector<RowChange> waiting;           // changes after the snapshot that the index is built from
  };
  struct Step {  // the changes of one group of commits
    uint64_t before;
    std::vector<RowChange> rows;
    size_t bytes;
  };
  enum class Reach { kExact, kChanged, kAhead, kTooFar };

  void remember(uint64_t before, std::vector<RowChange> rows) REQUIRES(mutex_);
  /// How the index relates to a view at `seq`; `changes` are those of `type` after it, oldest first.
  Reach reach(std::string_view type, uint64_t seq, std::vector<const RowChange*>& changes) const
      REQUIRES_SHARED(mutex_);
  bool use_rolled_back(std::string_view type, const model::ObjectType* wanted, uint64_t seq, const Use& use);
  bool is_ready(std::string_view type, const model::ObjectType* wanted) const REQUIRES_SHARED(mutex_);

  const Engine& engine_;
  const model::TypeCatalog& types_;
  TypeIndex::OwnerName owner_name_;
  Scan scan_;
  Mutex building_;  // one index at a time; taken before mutex_
  mutable SharedMutex mutex_{
      SharedMutex::Readers::kQueue};  // else a stream of queries would hold up every commit
  std::map<std::string, Entry, std::less<>> entries_ GUARDED_BY(mutex_);
  std::deque<Step> steps_ GUARDED_BY(mutex_);  // oldest first, without holes
  size_t step_bytes_ GUARDED_BY(mutex_) = 0;
  uint64_t seq_ GUARDED_BY(mutex_) = 0;
};

/// The seq that a transaction shows.
uint64_t transaction_seq(const ReadTransaction& transaction);

}  // namespace mullion::store::internal
