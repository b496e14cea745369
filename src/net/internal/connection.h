// One accepted connection: requests in, answers out, one after another.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>

#include "base/mutex.h"
#include "net/http.h"
#include "net/internal/admission.h"
#include "net/internal/buffer.h"
#include "net/internal/conversation.h"
#include "net/internal/parser.h"
#include "net/internal/stream.h"
#include "net/internal/tls.h"

namespace mullion::net::internal {

class Connection;

/// What all connections of one server share. Thread-safe.
struct ServerState {
  ServerState(env::Runtime& runtime, ListenOptions chosen, PeerLimits of_peers, Handler target)
      : options(std::move(chosen)),
        handler(std::move(target)),
        peers(of_peers),
        admission(std::make_shared<Admission>(options.limits.max_connections, peers)),
        acceptors(std::make_shared<env::TaskGroup>(runtime.executor(), "accept " + options.flag)),
        tasks(std::make_shared<env::TaskGroup>(runtime.executor(), "connections " + options.flag)) {}

  const ListenOptions options;
  const Handler handler;
  const PeerLimits peers;
  const std::shared_ptr<Admission> admission;
  const std::shared_ptr<env::TaskGroup> acceptors;
  const std::shared_ptr<env::TaskGroup> tasks;
  env::Signal connection_ended;

  /// Absent on plain ports.
  std::shared_ptr<TlsContext> tls() const;
  void set_tls(std::shared_ptr<TlsContext> tls);
  void add(Connection* connection, std::shared_ptr<Stream> stream);
  void remove(Connection* connection);
  size_t count() const;
  bool stopping() const;
  /// Marks a connection as waiting for its next request; false when the server stops meanwhile.
  bool set_idle(Connection* connection, bool idle);
  void set_conversation(Connection* connection, std::weak_ptr<Conversation> conversation);
  /// Cuts idle connections and returns the conversations that should be closed politely.
  std::vector<std::shared_ptr<Conversation>> begin_stop();
  void abort_all();

 private:
  struct Entry {
    std::shared_ptr<Stream> stream;
    std::weak_ptr<Conversation> conversation;
    bool idle = true;
  };
  mutable Mutex mutex_;  // guards everything below
  std::shared_ptr<TlsContext> tls_ GUARDED_BY(mutex_);
  std::unordered_map<Connection*, Entry> entries_ GUARDED_BY(mutex_);
  bool stopping_ GUARDED_BY(mutex_) = false;
};

class Connection {
 public:
  /// A connection whose place is a refusal answers 503 to its first request.
  Connection(std::shared_ptr<ServerState> server, std::shared_ptr<Stream> stream, Admission::PlacePtr place);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Until the peer or a limit ends it.
  Task<void> run();

 private:
  class RequestBody;
  /// After an answer the connection is closed slowly while the peer may still be sending its request.
  enum class Next { kAnotherRequest, kClose, kCloseAfterAnswer, kCloseAfterUnreadRequest };

  Task<bool> shake_hands(TlsContext& tls);
  Task<Next> serve_one();
  Task<Result<Response>> answer(Request& request, const Result<void>& understood);
  Task<bool> wait_for_request();
  Task<bool> read_header();
  Task<void> answer_broken_request();
  Task<Result<Response>> call_handler(Request& request);
  Task<bool> write_response(Request& request, Response& response, bool keep);
  Task<bool> write_stream(BodySource& body, bool chunked);
  Task<bool> write_all(Stream::Pieces pieces);
  Task<Next> upgrade(Request& request, Response& response);
  bool may_drain(const RequestBody& body) const;
  Task<bool> drain_body(RequestBody& body);
  /// kBadRequest when the target has no meaning; everything else is filled then, too.
  Result<void> fill_request(Request& request);
  void begin_head(int status, const Headers& headers);

  const std::shared_ptr<ServerState> server_;
  const std::shared_ptr<Stream> stream_;
  const ServerLimits& limits_;
  const Admission::PlacePtr place_;
  std::string peer_address_;
  bool peer_is_loopback_ = false;
  Buffer buffer_;
  MessageParser parser_;
  std::string head_;
  Pace writing_pace_;
};

/// The body of the contract's error object.
std::string error_body(std::string_view method, std::string_view path, int status, std::string_view message);

}  // namespace mullion::net::internal
