// What stand-ins for a store have in common.
#pragma once

#include <memory>
#include <utility>

#include "store/store.h"

namespace mullion::store {

/// Passes everything on to `real`, which must outlive it; tests override what they mean to change.
class ForwardingStore : public Store {
 public:
  explicit ForwardingStore(Store& real) : real_(real) {}

  void commit(Batch batch, CommitCallback done) override { real_.commit(std::move(batch), std::move(done)); }
  Result<void> apply(const std::vector<Command>& commands) override { return real_.apply(commands); }
  Result<void> apply(const std::vector<Command>& commands, const AgreedStep& step) override {
    return real_.apply(commands, step);
  }
  Result<void> step(const std::function<Result<AgreedStep>()>& decide) override { return real_.step(decide); }
  AgreedState agreed() const override { return real_.agreed(); }
  Result<AgreedState> copy(const env::Path& directory) const override { return real_.copy(directory); }
  void stamp(Batch& batch) const override { real_.stamp(batch); }
  std::shared_ptr<const Snapshot> snapshot() const override { return real_.snapshot(); }
  model::TypeCatalog& types() override { return real_.types(); }
  const model::TypeCatalog& types() const override { return real_.types(); }
  bool crowded() const override { return real_.crowded(); }
  Cursor newest() const override { return real_.newest(); }
  void attach(const std::shared_ptr<CommitFeed>& feed) override { real_.attach(feed); }
  std::vector<CommitFeed::State> followers() const override { return real_.followers(); }
  Result<void> read_log(Cursor after, const std::function<bool(const LoggedCommit&)>& visit) const override {
    return real_.read_log(after, visit);
  }
  Result<ObjectHistory> history(const ObjectId& id, size_t most, size_t most_bytes) const override {
    return real_.history(id, most, most_bytes);
  }
  void show_replicas(bool shown) override { real_.show_replicas(shown); }
  bool replicas_shown() const override { return real_.replicas_shown(); }
  Result<void> drop_owner(std::string_view owner) override { return real_.drop_owner(owner); }
  Statistics statistics() const override { return real_.statistics(); }
  Result<void> backup(const env::Path& directory) const override { return real_.backup(directory); }

 private:
  Store& real_;
};

}  // namespace mullion::store
