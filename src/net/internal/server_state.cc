#include "base/mutex.h"
#include "net/internal/connection.h"

namespace mullion::net::internal {

std::shared_ptr<TlsContext> ServerState::tls() const {
  Lock lock(mutex_);
  return tls_;
}

void ServerState::set_tls(std::shared_ptr<TlsContext> tls) {
  Lock lock(mutex_);
  tls_ = std::move(tls);
}

void ServerState::add(Connection* connection, std::shared_ptr<Stream> stream) {
  Lock lock(mutex_);
  if (stopping_) stream->abort();  // accepted while the stop began
  entries_.emplace(connection, Entry{std::move(stream), {}, true});
}

void ServerState::remove(Connection* connection) {
  {
    Lock lock(mutex_);
    entries_.erase(connection);
  }
  connection_ended.notify_all();
}

size_t ServerState::count() const {
  Lock lock(mutex_);
  return entries_.size();
}

bool ServerState::stopping() const {
  Lock lock(mutex_);
  return stopping_;
}

bool ServerState::set_idle(Connection* connection, bool idle) {
  Lock lock(mutex_);
  const auto found = entries_.find(connection);
  if (found != entries_.end()) found->second.idle = idle;
  return !stopping_;
}

void ServerState::set_conversation(Connection* connection, std::weak_ptr<Conversation> conversation) {
  Lock lock(mutex_);
  const auto found = entries_.find(connection);
  if (found != entries_.end()) found->second.conversation = std::move(conversation);
}

std::vector<std::shared_ptr<Conversation>> ServerState::begin_stop() {
  std::vector<std::shared_ptr<Conversation>> conversations;
  Lock lock(mutex_);
  stopping_ = true;
  for (auto& [connection, entry] : entries_) {
    if (entry.idle) entry.stream->abort();
    if (auto conversation = entry.conversation.lock()) conversations.push_back(std::move(conversation));
  }
  return conversations;
}

void ServerState::abort_all() {
  Lock lock(mutex_);
  stopping_ = true;
  for (auto& [connection, entry] : entries_) entry.stream->abort();
}

}  // namespace mullion::net::internal
