// Objects of this server as the server itself sees them, whoever asks: for validation and its own work.
// Requests look objects up in finder.h.
#pragma once

#include <functional>

#include "model/object.h"
#include "objects/context.h"
#include "objects/stored.h"

namespace mullion::objects {

/// "Name:bob" cut at its colon when what stands before is an index of the type; else null.
const model::Index* index_of(const model::ObjectType& type, const std::string& requested, std::string& value);

/// The local (own or layered) object of a type, found by key or unique index.
std::optional<Target> find_local(const Context& context, const store::Snapshot& snapshot,
                                 const model::ObjectType& type, const std::string& requested);

/// Objects whose index `index` has `value`, `most` of them; `local_only` leaves replicas out.
std::vector<store::ObjectRef> refs_by_index(const Context& context, const store::Snapshot& snapshot,
                                            std::string_view prefix, std::string_view index,
                                            const std::string& value, bool local_only = false,
                                            uint64_t most = 64);

/// Calls `visit` for every local object of a collection until it returns false: own ones, then those of
/// layers that no own object hides.
void scan_local(const store::Snapshot& snapshot, std::string_view type,
                const std::function<bool(std::string_view key, std::string_view body)>& visit);

/// Whether whoever asks is shown an object; `object` is null when there is none.
using Shows =
    std::function<bool(std::string_view type, std::string_view key, const store::StoredObject* object)>;

/// The local objects of one snapshot, which must outlive it, but for those that `shows` keeps back.
class SnapshotLookup final : public model::Lookup {
 public:
  SnapshotLookup(const Context& context, const store::Snapshot& snapshot, Shows shows = nullptr)
      : context_(context), snapshot_(snapshot), shows_(std::move(shows)) {}
  std::optional<boost::json::object> find(std::string_view type, std::string_view key) const override;
  bool exists(std::string_view type, std::string_view key) const override;
  bool collection_exists(std::string_view prefix) const override;
  std::vector<boost::json::object> all(std::string_view type) const override;
  std::vector<boost::json::object> where(std::string_view type, std::string_view index,
                                         std::string_view value) const override;

 private:
  const Context& context_;
  std::optional<store::StoredObject> shown(std::string_view type, std::string_view key) const;

  const store::Snapshot& snapshot_;
  Shows shows_;
};

}  // namespace mullion::objects
