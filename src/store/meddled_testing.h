// A store in which something happens between two steps of whoever uses it.
#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "base/mutex.h"
#include "store/forwarding_testing.h"

namespace mullion::store {

/// The product is given this one; the test changes `real` meanwhile.
class MeddledStore final : public ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;
  /// Runs right after a reader got its view.
  std::function<void()> meddle;
  std::shared_ptr<const Snapshot> snapshot() const override {
    auto view = ForwardingStore::snapshot();
    if (meddle) meddle();
    return view;
  }
  /// Once, right before `real` is given a change of `id`. Thread-safe.
  void meddle_before(ObjectId id, std::function<void()> action) {
    const Lock lock(mutex_);
    before_ = {std::move(id), std::move(action)};
  }
  void commit(Batch batch, CommitCallback done) override {
    if (const std::function<void()> action = taken_before(batch)) action();
    ForwardingStore::commit(std::move(batch), std::move(done));
  }

 private:
  std::function<void()> taken_before(const Batch& batch) {
    const Lock lock(mutex_);
    for (const Change& change : batch.changes) {
      if (before_.action && change.id == before_.id) return std::exchange(before_, {}).action;
    }
    return nullptr;
  }

  struct Before {
    ObjectId id;
    std::function<void()> action;
  };
  Mutex mutex_;
  Before before_ GUARDED_BY(mutex_);
};

}  // namespace mullion::store
