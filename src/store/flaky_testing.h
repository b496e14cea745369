// A store whose reads fail now and then: nothing may be deleted, stopped, dropped or planned from what could
// not be read, and background work must go on once reads succeed again.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "env/dice_testing.h"
#include "store/forwarding_testing.h"

namespace mullion::store {

/// The product is given this one, the test reads `real`. Thread-safe.
class FlakyStore final : public ForwardingStore {
 public:
  explicit FlakyStore(Store& real, uint64_t seed = 20261129)
      : ForwardingStore(real), dice_(std::make_shared<Dice>(seed)) {}

  /// From now on so many of a hundred reads fail.
  void fail(int percent) { dice_->percent = percent; }
  /// From now on every read of these private values fails; "": of none.
  void fail_secret(std::string key) {
    const Lock lock(dice_->mutex);
    dice_->secret = std::move(key);
  }
  /// How many reads have failed.
  uint64_t failures() const { return dice_->failures; }

  std::shared_ptr<const Snapshot> snapshot() const override {
    dice_->roll();
    return std::make_shared<FlakySnapshot>(ForwardingStore::snapshot(), dice_);
  }

 private:
  struct Dice {
    explicit Dice(uint64_t seed) : numbers(seed) {}
    /// Throws for some.
    void roll() {
      if (percent == 0) return;
      {
        const Lock lock(mutex);
        if (!numbers.chance(static_cast<uint64_t>(percent))) return;
      }
      fail();
    }
    void look_for_secret(std::string_view key) {
      {
        const Lock lock(mutex);
        if (secret.empty() || key != secret) return;
      }
      fail();
    }
    [[noreturn]] void fail() {
      ++failures;
      throw ReadFailure(Error(ErrorCode::kInternal, "read: the disk had no luck"));
    }
    Mutex mutex;
    std::string secret GUARDED_BY(mutex);
    env::Dice numbers GUARDED_BY(mutex);
    std::atomic<int> percent{0};
    std::atomic<uint64_t> failures{0};
  };

  class FlakySnapshot final : public Snapshot {
   public:
    FlakySnapshot(std::shared_ptr<const Snapshot> real, std::shared_ptr<Dice> dice)
        : real_(std::move(real)), dice_(std::move(dice)) {}

    Cursor cursor() const override { return real_->cursor(); }
    std::optional<std::string> get(const ObjectId& id) const override {
      dice_->roll();
      return real_->get(id);
    }
    std::vector<StoredObject> get_all_owners(std::string_view type, std::string_view key) const override {
      dice_->roll();
      return real_->get_all_owners(type, key);
    }
    std::optional<StoredObject> get_local(std::string_view type, std::string_view key) const override {
      dice_->roll();
      return real_->get_local(type, key);
    }
    void scan(std::string_view type, std::string_view from_key,
              const std::function<bool(std::string_view, std::string_view, std::string_view)>& visit)
        const override {
      real_->scan(type, from_key, [&](std::string_view key, std::string_view owner, std::string_view body) {
        dice_->roll();
        return visit(key, owner, body);
      });
    }
    void scan_owner(std::string_view type, std::string_view owner, std::string_view from_key,
                    const std::function<bool(std::string_view, std::string_view)>& visit) const override {
      real_->scan_owner(type, owner, from_key, [&](std::string_view key, std::string_view body) {
        dice_->roll();
        return visit(key, body);
      });
    }
    std::vector<std::string> types() const override { return real_->types(); }
    std::vector<std::string> remote_owners() const override {
      dice_->roll();
      return real_->remote_owners();
    }
    std::vector<TypeDigest> digests() const override {
      dice_->roll();
      return real_->digests();
    }
    std::optional<Cursor> origin_cursor(std::string_view owner) const override {
      dice_->roll();
      return real_->origin_cursor(owner);
    }
    std::optional<std::string> secret(std::string_view space, std::string_view key) const override {
      dice_->roll();
      dice_->look_for_secret(key);
      return real_->secret(space, key);
    }
    Result<QueryResult> query(const Query& query) const override {
      dice_->roll();
      return real_->query(query);
    }
    Result<GroupResult> group(const Grouping& grouping) const override {
      dice_->roll();
      return real_->group(grouping);
    }

   private:
    std::shared_ptr<const Snapshot> real_;
    std::shared_ptr<Dice> dice_;
  };

  std::shared_ptr<Dice> dice_;
};

}  // namespace mullion::store
