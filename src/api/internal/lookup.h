// Other objects, as validation sees them.
#pragma once

#include "api/internal/call.h"

namespace mullion::api {

/// Calls `visit` for every local object of a collection until it returns false: own ones, then those of
/// layers that no own object hides.
void scan_local(const store::Snapshot& snapshot, std::string_view type,
                const std::function<bool(std::string_view key, std::string_view body)>& visit);

/// The local objects of one snapshot, which must outlive it.
class SnapshotLookup final : public model::Lookup {
 public:
  SnapshotLookup(const Services& services, const store::Snapshot& snapshot)
      : services_(services), snapshot_(snapshot) {}
  std::optional<boost::json::object> find(std::string_view type, std::string_view key) const override;
  bool exists(std::string_view type, std::string_view key) const override;
  bool collection_exists(std::string_view prefix) const override;
  std::vector<boost::json::object> all(std::string_view type) const override;
  std::vector<boost::json::object> where(std::string_view type, std::string_view index,
                                         std::string_view value) const override;

 private:
  const Services& services_;
  const store::Snapshot& snapshot_;
};

}  // namespace mullion::api
