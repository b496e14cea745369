// The network of a simulation: what is said takes its time, may be held up for long, or is lost.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "manager/link.h"
#include "net/http.h"
#include "simulation/world_testing.h"

namespace mullion::simulation {

class Network;

/// What a server can be asked for.
class Listener : public Host {
 public:
  using Host::Host;
  virtual net::Handler handler() = 0;
  virtual env::Runtime& runtime() = 0;
};

inline Error gone(std::string what) { return Error(ErrorCode::kUnreachable, std::move(what)); }

/// One end of a conversation. What is sent arrives in its order, after a while; both ends learn of a cut on
/// their own, or never.
class Socket final : public net::WebSocket, public std::enable_shared_from_this<Socket> {
 public:
  Socket(Network& network, Host& here, Host& there) : network_(network), here_(here), there_(there) {}
  void join(const std::shared_ptr<Socket>& peer) { peer_ = peer; }

  Task<Result<Message>> read() override {
    while (true) {
      const uint64_t seen = changed_.version();
      if (!arrived_.empty()) {
        Message message = std::move(arrived_.front());
        arrived_.pop_front();
        make_room();
        co_return message;
      }
      if (over_) co_return gone("the conversation is over");
      (void)co_await changed_.wait(seen, kForEver);
    }
  }
  Task<Result<void>> write(std::string data, bool binary) override {
    while (true) {
      const uint64_t seen = changed_.version();
      if (over_) co_return gone("the conversation is over");
      if (unread_ < kWindow) break;
      (void)co_await changed_.wait(seen, kForEver);
    }
    ++unread_;
    Message message;
    message.data = std::move(data);
    message.binary = binary;
    send(std::move(message));
    co_return Result<void>{};
  }
  Task<void> close(uint16_t, std::string) override {
    abort();
    co_return;
  }
  void abort() override {
    if (over_) return;
    end();
    send(std::nullopt);
  }
  size_t queued_bytes() const override { return 0; }

  /// Here nobody says or hears anything any more; what has arrived can be read.
  void end() {
    over_ = true;
    flight_.clear();
    changed_.notify_all();
  }
  /// The connection is gone for whoever speaks next; neither end is told yet.
  void lose_flight() {
    flight_.clear();
    broken_ = true;
  }
  bool over() const { return over_; }
  Host& here() const { return here_; }
  Host& there() const { return there_; }
  /// The next message is here, unless the way is held up.
  void deliver();
  /// The way is free again.
  void release();

 private:
  /// Messages on the way or not yet read, until whoever writes waits.
  static constexpr size_t kWindow = 24;

  void send(std::optional<Message> message);
  void make_room();

  Network& network_;
  Host& here_;
  Host& there_;
  std::weak_ptr<Socket> peer_;
  std::deque<std::optional<Message>> flight_;  // towards this end; absent: the end
  std::deque<Message> arrived_;
  size_t unread_ = 0, held_ = 0;
  Duration last_due_{0};
  bool over_ = false;
  bool broken_ = false;  // nothing arrives any more: there are no holes in what does
  env::Signal changed_;
};

/// What came back for a request.
struct Answer {
  int status = 0;
  net::Headers headers;
  std::string body;
  std::shared_ptr<Socket> socket;  // when the connection became a conversation
};

/// A request that is under way.
struct Call {
  Listener* from = nullptr;
  Listener* to = nullptr;
  uint64_t from_life = 0, to_life = 0;
  Duration sent{0};
  std::string method, target, text;
  net::Headers headers;
  bool wants_stream = false;
  bool arrived = false, answered = false;
  std::optional<Result<Answer>> answer;
  env::Signal changed;
};

/// The way from one server to another, one direction.
struct Way {
  bool held = false;          // nothing arrives until it is released
  bool refused = false;       // no new connection
  uint64_t lost_answers = 0;  // percent of the answers to requests that went this way
  Duration slowest = 20ms;
  std::vector<std::function<void()>> waiting;
};

class Network {
 public:
  Network(World& world, uint64_t seed) : world_(world), dice_(seed ^ 0x6e6574776f726b) {}
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;

  static std::string url_of(const std::string& name) {
    std::string out = "https://site-";
    for (const char c : name) out += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return out + ":443";
  }
  static std::string certificate_of(const std::string& name) { return fmt::format("{:0>64}", hex_of(name)); }

  void add(Listener& server) { servers_[url_of(server.name())] = &server; }
  World& world() { return world_; }
  Way& way(const Host& from, const Host& to) { return ways_[{from.name(), to.name()}]; }
  Duration delay(const Host& from, const Host& to) {
    return dice_.between(500us, std::max<Duration>(way(from, to).slowest, 1ms));
  }
  manager::Dial dial(Listener& from);

  // ---- faults

  void hold(const Host& from, const Host& to) { way(from, to).held = true; }
  /// What waited arrives now.
  void release(const Host& from, const Host& to) {
    Way& freed = way(from, to);
    freed.held = false;
    for (auto& goes_on : std::exchange(freed.waiting, {})) goes_on();
    for (const auto& socket : sockets()) {
      if (&socket->there() == &from && &socket->here() == &to) socket->release();
    }
  }
  /// Connections between two servers are reset: each end learns of it in its time. Requests may have been
  /// carried out.
  void cut(const Host& one, const Host& other) {
    for (const auto& socket : sockets()) {
      const bool between = (&socket->here() == &one && &socket->there() == &other) ||
                           (&socket->here() == &other && &socket->there() == &one);
      if (between) reset(socket);
    }
    for (const auto& call : calls()) {
      const bool between =
          (call->from == &one && call->to == &other) || (call->from == &other && call->to == &one);
      if (between) fail(call, "the connection was reset");
    }
  }
  /// `host` was killed: its connections are reset by its machine.
  void died(const Host& host) {
    for (const auto& socket : sockets()) {
      if (&socket->here() == &host) socket->end();
      if (&socket->there() == &host) reset(socket);
    }
    for (const auto& call : calls()) {
      if (call->to == &host && call->arrived) fail(call, "the connection was reset");
    }
  }

  // ---- what servers say

  std::shared_ptr<Call> ask(Listener& from, Listener& to, std::shared_ptr<Call> call, Duration patience) {
    call->from = &from;
    call->to = &to;
    call->from_life = from.life();
    call->sent = world_.now();
    calls_.push_back(call);
    const Way& path = way(from, to);
    if (path.refused) {
      fail(call, "connection refused");
    } else if (path.held && dice_.chance(50)) {  // a new connection, which nobody accepts
      finish(call, Error(ErrorCode::kTimeout, "connecting takes too long"), 5s);
    } else {
      world_.after(delay(from, to), nullptr, [this, call] { arrive(call); });
    }
    finish(call, Error(ErrorCode::kTimeout, "no answer"), patience);
    return call;
  }
  void answer(const std::shared_ptr<Call>& call, Answer answer) {
    call->answered = true;
    if (dice_.chance(way(*call->from, *call->to).lost_answers)) {
      world_.tell("{}: answer to {} is lost: {} {}", call->to->name(), call->from->name(), call->method,
                  call->target);
      return fail(call, "the connection was reset");
    }
    bring(call, std::move(answer));
  }
  std::pair<std::shared_ptr<Socket>, std::shared_ptr<Socket>> connect(Host& one, Host& other) {
    auto near = std::make_shared<Socket>(*this, one, other);
    auto far = std::make_shared<Socket>(*this, other, one);
    near->join(far);
    far->join(near);
    sockets_.push_back(near);
    sockets_.push_back(far);
    return {near, far};
  }

 private:
  static std::string hex_of(const std::string& name) {
    std::string out;
    for (const char c : name) out += fmt::format("{:02x}", static_cast<unsigned char>(c));
    return out;
  }
  template <typename T>
  static std::vector<std::shared_ptr<T>> living(std::vector<std::weak_ptr<T>>& all) {
    std::vector<std::shared_ptr<T>> out;
    for (const auto& one : all) {
      if (auto found = one.lock()) out.push_back(std::move(found));
    }
    all.assign(out.begin(), out.end());
    return out;
  }
  std::vector<std::shared_ptr<Socket>> sockets() { return living(sockets_); }
  std::vector<std::shared_ptr<Call>> calls() {
    auto out = living(calls_);
    std::erase_if(out, [](const auto& call) { return call->answer.has_value(); });
    return out;
  }
  void reset(const std::shared_ptr<Socket>& socket) {
    socket->lose_flight();
    world_.after(delay(socket->there(), socket->here()), &socket->here(), [socket] { socket->end(); });
  }
  void arrive(const std::shared_ptr<Call>& call) {
    Way& path = way(*call->from, *call->to);
    if (path.held) {
      path.waiting.emplace_back([this, call] { arrive(call); });
      return;
    }
    if (!call->to->alive()) return fail(call, "connection refused");
    call->arrived = true;
    call->to_life = call->to->life();
    world_.after(0s, call->to, [this, call] { serve(call); });
  }
  void serve(const std::shared_ptr<Call>& call) {
    (void)env::launch(call->to->runtime(), [this, call]() -> Task<void> {
      net::Request request;
      request.method = call->method;
      (void)request.set_target(call->target);
      request.headers = call->headers;
      request.headers.set("Content-Length", std::to_string(call->text.size()));
      request.id = "of-" + call->from->name();
      request.headers.set("X-Simulated-Sent", std::to_string(call->sent.count()));
      const net::BodySourcePtr body = net::body_from_string(call->text);
      request.body = body.get();
      const net::Handler handler = call->to->handler();
      net::Response response = co_await handler(request);
      Answer out;
      out.status = response.status;
      out.headers = std::move(response.headers);
      if (response.upgrade && call->wants_stream) {
        const auto [near, far] = connect(*call->from, *call->to);
        out.socket = near;
        answer(call, std::move(out));
        co_await response.upgrade(far);
        co_return;
      }
      if (auto* text = std::get_if<std::string>(&response.body)) {
        out.body = std::move(*text);
      } else if (const auto& source = std::get<net::BodySourcePtr>(response.body)) {
        Result<std::string> text = co_await net::read_all(*source, 1 << 24);
        if (!text) co_return fail(call, "the answer broke off");
        out.body = std::move(*text);
      }
      answer(call, std::move(out));
    });
  }
  void bring(const std::shared_ptr<Call>& call, Answer answer) {
    Way& back = way(*call->to, *call->from);
    if (back.held) {
      back.waiting.emplace_back([this, call, answer] { bring(call, answer); });
      return;
    }
    finish(call, std::move(answer), delay(*call->to, *call->from));
  }
  void fail(const std::shared_ptr<Call>& call, const std::string& reason) {
    finish(call, gone(reason), delay(*call->to, *call->from));
  }
  void finish(const std::shared_ptr<Call>& call, Result<Answer> answer, Duration when) {
    const std::weak_ptr<Call> weak = call;
    world_.after(
        when, call->from,
        [weak, answer = std::move(answer)] {
          const std::shared_ptr<Call> call = weak.lock();
          if (!call || call->answer) return;
          call->answer = answer;
          call->changed.notify_all();
        },
        std::weak_ptr<void>(call));
  }

  friend class SimulatedLink;
  Listener* server(const std::string& url) const {
    const auto found = servers_.find(url);
    return found == servers_.end() ? nullptr : found->second;
  }

  World& world_;
  Dice dice_;
  std::map<std::string, Listener*> servers_;
  std::map<std::pair<std::string, std::string>, Way> ways_;
  std::vector<std::weak_ptr<Socket>> sockets_;
  std::vector<std::weak_ptr<Call>> calls_;
};

inline void Socket::send(std::optional<Message> message) {
  const std::shared_ptr<Socket> peer = peer_.lock();
  if (!peer || peer->over_ || peer->broken_) return;
  peer->flight_.push_back(std::move(message));
  last_due_ = std::max(last_due_, network_.world().now() + network_.delay(here_, there_));
  network_.world().at(last_due_, &there_, [peer] { peer->deliver(); });
}

inline void Socket::deliver() {
  if (network_.way(there_, here_).held) {
    ++held_;
    return;
  }
  if (flight_.empty()) return;
  std::optional<Message> message = std::move(flight_.front());
  flight_.pop_front();
  if (!message) return end();
  arrived_.push_back(std::move(*message));
  changed_.notify_all();
}

inline void Socket::release() {
  const Duration pause = network_.delay(there_, here_);
  for (; held_ > 0; --held_)
    network_.world().after(pause, &here_, [self = shared_from_this()] { self->deliver(); });
}

inline void Socket::make_room() {
  const std::shared_ptr<Socket> peer = peer_.lock();
  if (!peer) return;
  network_.world().after(network_.delay(here_, there_), &there_, [peer] {
    --peer->unread_;
    peer->changed_.notify_all();
  });
}

/// A link of `from`.
class SimulatedLink final : public manager::Link {
 public:
  SimulatedLink(Network& network, Listener& from, manager::Connection connection)
      : network_(network), from_(from), connection_(std::move(connection)) {}
  ~SimulatedLink() override = default;

  Task<Result<net::ClientResponse>> request(net::ClientRequest request) override {
    auto call = std::make_shared<Call>();
    call->method = request.method;
    call->target = request.target;
    call->headers = request.headers;
    if (auto* whole = std::get_if<std::string>(&request.body)) {
      call->text = std::move(*whole);
    } else {
      Result<std::string> read = co_await net::read_all(*std::get<net::BodySourcePtr>(request.body), 1 << 24);
      if (!read) co_return read.error();
      call->text = std::move(*read);
    }
    Result<Answer> answer = co_await exchange(std::move(call), request.timeout.value_or(60s), request.begun);
    if (!answer) co_return answer.error();
    net::ClientResponse out;
    out.status = answer->status;
    out.headers = std::move(answer->headers);
    out.body = net::body_from_string(std::move(answer->body));
    co_return out;
  }
  Task<Result<std::shared_ptr<net::WebSocket>>> stream(std::string target, net::Headers headers) override {
    auto call = std::make_shared<Call>();
    call->method = "GET";
    call->target = std::move(target);
    call->headers = std::move(headers);
    call->wants_stream = true;
    Result<Answer> answer = co_await exchange(std::move(call), 60s, nullptr);
    if (!answer) co_return answer.error();
    if (answer->socket) co_return std::shared_ptr<net::WebSocket>(answer->socket);
    Error refused(answer->status >= 500 ? ErrorCode::kInternal : ErrorCode::kForbidden,
                  "the server answered instead of opening a WebSocket");
    refused.status_override = answer->status;
    co_return refused;
  }
  std::string certificate() const override { return certificate_; }
  void close() override {
    closed_ = true;
    for (const auto& weak : calls_) {
      const std::shared_ptr<Call> call = weak.lock();
      if (!call || call->answer) continue;
      call->answer = Result<Answer>(gone("the link is closed"));
      call->changed.notify_all();
    }
  }

 private:
  Task<Result<Answer>> exchange(std::shared_ptr<Call> call, Duration patience, bool* begun) {
    Listener* server = network_.server(connection_.url);
    if (closed_) co_return gone("the link is closed");
    if (server == nullptr) co_return gone("no such host");
    certificate_ = Network::certificate_of(server->name());
    if (!connection_.fingerprint.empty() && connection_.fingerprint != certificate_)
      co_return Error(ErrorCode::kForbidden, "certificate fingerprint changed");
    std::erase_if(calls_, [](const auto& weak) { return weak.expired(); });
    calls_.push_back(call);
    if (begun != nullptr) *begun = true;
    network_.ask(from_, *server, call, patience);
    while (!call->answer) {
      const uint64_t seen = call->changed.version();
      if (call->answer) break;
      (void)co_await call->changed.wait(seen, kForEver);
    }
    co_return *call->answer;
  }

  Network& network_;
  Listener& from_;
  const manager::Connection connection_;
  bool closed_ = false;
  std::string certificate_;
  std::vector<std::weak_ptr<Call>> calls_;
};

inline manager::Dial Network::dial(Listener& from) {
  return [this, &from](const manager::Connection& connection) -> Result<std::shared_ptr<manager::Link>> {
    return std::shared_ptr<manager::Link>(std::make_shared<SimulatedLink>(*this, from, connection));
  };
}

}  // namespace mullion::simulation
