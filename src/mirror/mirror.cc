#include "mirror/mirror.h"

#include <algorithm>

#include "mirror/internal/conversation.h"

namespace mullion::mirror {

Mirror::Mirror(replication::SinkOptions options, replication::SavedPosition position, Limits limits,
               Known known)
    : conversation_(std::make_shared<Conversation>(std::move(options), std::move(position), limits,
                                                   std::move(known))) {}
Mirror::~Mirror() = default;

env::Task<Result<void>> Mirror::open(std::shared_ptr<net::Link> link, Authorization authorization) {
  return conversation_->open(std::move(link), std::move(authorization));
}
env::Task<Error> Mirror::run() { return conversation_->run(); }
void Mirror::abort() { conversation_->abort(); }
void Mirror::subscribe(std::vector<std::string> owners) { conversation_->subscribe(std::move(owners)); }
bool Mirror::follows(std::string_view owner) const { return conversation_->follows(owner); }
std::optional<env::SteadyTime> Mirror::as_of(std::string_view owner) const {
  return conversation_->replica().as_of(owner);
}
std::optional<env::SteadyTime> Mirror::told(std::string_view owner) const {
  return conversation_->replica().told(owner);
}
replication::HeldUpCollections Mirror::held_up(std::string_view owner) const {
  return conversation_->replica().held_up(owner);
}
void Mirror::set_as_of(const std::string& owner, std::optional<env::SteadyTime> as_of,
                       replication::HeldUpCollections held_up) {
  conversation_->replica().set_as_of(owner, as_of, std::move(held_up));
}
replication::SavedPosition Mirror::position() const { return conversation_->replica().position(); }
env::Duration Mirror::resolution() const {
  return std::max<env::Duration>(std::chrono::seconds(3),
                                 conversation_->limits().probe_every + std::chrono::seconds(1));
}
uint64_t Mirror::word() const { return conversation_->word(); }
env::Task<Taken> Mirror::take_written(Written written, env::Duration patience) {
  return conversation_->take_written(std::move(written), patience);
}

}  // namespace mullion::mirror
