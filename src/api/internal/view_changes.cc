#include "api/internal/view_changes.h"

namespace mullion::api {

void ViewChanges::note(const store::Commit& commit, size_t index,
                       const std::shared_ptr<const std::string>& before) {
  const store::AppliedChange& change = commit.changes[index];
  if (change.body == change.old_body) return;
  if (commit.from_log) return note_all();  // what was there before is not known
  store::ObjectRef object{change.id.key, change.id.owner};
  if (objects_.contains(object)) return;  // the first one tells how it was before
  bytes_ += before ? before->size() : 0;
  if (objects_.size() == kMostObjects || bytes_ > kMostBytes) return note_all();
  objects_.emplace(std::move(object), before);
}

}  // namespace mullion::api
