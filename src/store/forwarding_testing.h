// What stand-ins for a store have in common.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

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

/// The same for a view.
class ForwardingSnapshot : public Snapshot {
 public:
  explicit ForwardingSnapshot(std::shared_ptr<const Snapshot> real) : real_(std::move(real)) {}

  Cursor cursor() const override { return real_->cursor(); }
  std::optional<std::string> get(const ObjectId& id) const override { return real_->get(id); }
  std::vector<StoredObject> get_all_owners(std::string_view type, std::string_view key) const override {
    return real_->get_all_owners(type, key);
  }
  std::optional<StoredObject> get_local(std::string_view type, std::string_view key) const override {
    return real_->get_local(type, key);
  }
  void scan(
      std::string_view type, std::string_view from_key,
      const std::function<bool(std::string_view, std::string_view, std::string_view)>& visit) const override {
    real_->scan(type, from_key, visit);
  }
  void scan_owner(std::string_view type, std::string_view owner, std::string_view from_key,
                  const std::function<bool(std::string_view, std::string_view)>& visit) const override {
    real_->scan_owner(type, owner, from_key, visit);
  }
  std::vector<std::string> types() const override { return real_->types(); }
  std::vector<std::string> remote_owners() const override { return real_->remote_owners(); }
  std::vector<TypeDigest> digests() const override { return real_->digests(); }
  std::optional<Cursor> origin_cursor(std::string_view owner) const override {
    return real_->origin_cursor(owner);
  }
  std::optional<std::string> secret(std::string_view space, std::string_view key) const override {
    return real_->secret(space, key);
  }
  Result<QueryResult> query(const Query& query) const override { return real_->query(query); }
  Result<GroupResult> group(const Grouping& grouping) const override { return real_->group(grouping); }

 private:
  const std::shared_ptr<const Snapshot> real_;
};

}  // namespace mullion::store
