// A store in which something happens between two steps of whoever uses it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string_view>
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
    if (!reading_->waits()) return view;
    return std::make_shared<MeddledSnapshot>(std::move(view), reading_);
  }
  /// Once, right before a local object is read from a view that was opened after this. Thread-safe.
  void meddle_before_reading(std::function<void()> action) { reading_->set(std::move(action)); }
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
  class Reading {
   public:
    void set(std::function<void()> action) {
      const Lock lock(mutex_);
      action_ = std::move(action);
    }
    bool waits() {
      const Lock lock(mutex_);
      return action_ != nullptr;
    }
    void meddle() {
      std::function<void()> action;
      {
        const Lock lock(mutex_);
        action = std::exchange(action_, nullptr);
      }
      if (action) action();
    }

   private:
    Mutex mutex_;
    std::function<void()> action_ GUARDED_BY(mutex_);
  };
  class MeddledSnapshot final : public ForwardingSnapshot {
   public:
    MeddledSnapshot(std::shared_ptr<const Snapshot> real, std::shared_ptr<Reading> reading)
        : ForwardingSnapshot(std::move(real)), reading_(std::move(reading)) {}
    std::optional<StoredObject> get_local(std::string_view type, std::string_view key) const override {
      reading_->meddle();
      return ForwardingSnapshot::get_local(type, key);
    }

   private:
    const std::shared_ptr<Reading> reading_;
  };

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
  const std::shared_ptr<Reading> reading_ = std::make_shared<Reading>();
};

}  // namespace mullion::store
