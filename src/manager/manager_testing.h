// What the tests of this room share: endpoints in memory that answer as a script says, and a manager that
// follows them, in a time that tests move.
#pragma once

#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "base/mutex.h"
#include "env/time_testing.h"
#include "manager/endpoint_object.h"
#include "manager/manager.h"
#include "model/object.h"
#include "net/memory_socket_testing.h"
#include "replication/wire.h"
#include "store/flaky_testing.h"

namespace mullion::manager::testing {

using namespace std::chrono_literals;

/// Servers by URL, and links to them without a network.
class Network {
 public:
  explicit Network(env::Runtime& runtime) : tasks_(runtime.executor(), "network"), runtime_(runtime) {}
  ~Network() { tasks_.stop(); }

  struct Server {
    net::Handler handler;
    std::string certificate;
    /// What was asked for is done, but nobody hears of it.
    std::function<bool(const net::Request&)> loses_answer = [](const net::Request&) { return false; };
    /// Nothing is sent.
    std::function<bool(const net::Request&)> refuses = [](const net::Request&) { return false; };
    /// The answer does not come until the link is closed.
    std::function<bool(const net::Request&)> hangs = [](const net::Request&) { return false; };
  };
  void open(const std::string& url, Server server) {
    Lock lock(mutex_);
    servers_[url] = std::make_shared<Server>(std::move(server));
  }
  /// Connections are cut, and refused from now on.
  void close(const std::string& url) {
    std::vector<std::shared_ptr<net::testing::MemorySocket>> cut;
    {
      Lock lock(mutex_);
      servers_.erase(url);
      cut = std::exchange(sockets_[url], {});
    }
    for (const auto& socket : cut) socket->abort();
  }
  std::shared_ptr<Server> server(const std::string& url) const {
    Lock lock(mutex_);
    const auto found = servers_.find(url);
    return found == servers_.end() ? nullptr : found->second;
  }
  Dial dial() {
    return [this](const Connection& connection) -> Result<std::shared_ptr<Link>> {
      ++dialled;
      return std::shared_ptr<Link>(std::make_shared<MemoryLink>(*this, connection));
    };
  }
  env::Runtime& runtime() { return runtime_; }
  /// Links made.
  std::atomic<int> dialled{0};

 private:
  class MemoryLink final : public Link {
   public:
    MemoryLink(Network& network, Connection connection)
        : network_(network), connection_(std::move(connection)) {}

    env::Task<Result<net::ClientResponse>> request(net::ClientRequest request) override {
      Result<std::shared_ptr<Server>> server = reach();
      if (!server) co_return server.error();
      std::string text;
      if (auto* whole = std::get_if<std::string>(&request.body)) {
        text = std::move(*whole);
      } else {
        Result<std::string> read =
            co_await net::read_all(*std::get<net::BodySourcePtr>(request.body), 1 << 24);
        if (!read) co_return read.error();
        text = std::move(*read);
      }
      const net::BodySourcePtr body = net::body_from_string(std::move(text));
      net::Request received;
      received.method = request.method;
      (void)received.set_target(request.target);
      received.headers = request.headers;
      received.body = body.get();
      if ((*server)->refuses(received)) co_return gone("connection refused");
      if (request.begun != nullptr) *request.begun = true;
      if ((*server)->hangs(received)) {
        while (!closed_) co_await wait_for_close();
        co_return gone("closed");
      }
      net::Response response = co_await (*server)->handler(received);
      if ((*server)->loses_answer(received)) co_return gone("the connection was reset");
      net::ClientResponse out;
      out.status = response.status;
      out.headers = std::move(response.headers);
      if (auto* whole = std::get_if<std::string>(&response.body)) {
        out.body = net::body_from_string(std::move(*whole));
      } else {
        out.body = std::move(std::get<net::BodySourcePtr>(response.body));
      }
      co_return out;
    }

    env::Task<Result<std::shared_ptr<net::WebSocket>>> stream(std::string target,
                                                              net::Headers headers) override {
      Result<std::shared_ptr<Server>> server = reach();
      if (!server) co_return server.error();
      const net::BodySourcePtr nothing = net::body_from_string("");
      net::Request received;
      received.method = "GET";
      (void)received.set_target(std::move(target));
      received.headers = std::move(headers);
      received.body = nothing.get();
      net::Response response = co_await (*server)->handler(received);
      if (!response.upgrade) {
        Error refused(response.status >= 500 ? ErrorCode::kInternal : ErrorCode::kForbidden,
                      "the server answered instead of opening a WebSocket");
        refused.status_override = response.status;
        if (const auto* text = std::get_if<std::string>(&response.body)) refused.messages.push_back(*text);
        co_return refused;
      }
      const auto [near, far] = net::testing::MemorySocket::pair();
      {
        Lock lock(network_.mutex_);
        network_.sockets_[connection_.url].push_back(near);
      }
      network_.tasks_.spawn("conversation",
                            [upgrade = std::move(response.upgrade), end = far] { return upgrade(end); });
      co_return std::shared_ptr<net::WebSocket>(near);
    }

    std::string certificate() const override {
      Lock lock(mutex_);
      return certificate_;
    }
    void close() override {
      closed_ = true;
      closing_.notify_all();
    }

   private:
    static Error gone(std::string what) { return Error(ErrorCode::kUnreachable, std::move(what)); }
    env::Task<void> wait_for_close() {
      const uint64_t seen = closing_.version();
      if (!closed_) co_await closing_.wait(seen, 24h);
    }
    Result<std::shared_ptr<Server>> reach() {
      const std::shared_ptr<Server> server = network_.server(connection_.url);
      if (closed_) return gone("the link is closed");
      if (!server) return gone("connection refused");
      Lock lock(mutex_);
      certificate_ = server->certificate;
      if (!connection_.fingerprint.empty() && connection_.fingerprint != certificate_) {
        return Error(ErrorCode::kForbidden,
                     fmt::format("certificate fingerprint changed: {}", server->certificate));
      }
      return server;
    }

    Network& network_;
    const Connection connection_;
    std::atomic<bool> closed_{false};
    env::Signal closing_;
    mutable Mutex mutex_;
    std::string certificate_ GUARDED_BY(mutex_);
  };

  env::TaskGroup tasks_;
  env::Runtime& runtime_;
  mutable Mutex mutex_;
  std::map<std::string, std::shared_ptr<Server>> servers_ GUARDED_BY(mutex_);
  std::map<std::string, std::vector<std::shared_ptr<net::testing::MemorySocket>>> sockets_ GUARDED_BY(mutex_);
};

/// A server with login, info and a replication stream. What the stream says is up to the test.
class Endpoint {
 public:
  Endpoint(Network& network, std::string id) : network_(network), id_(std::move(id)) {
    static std::atomic<int> number{0};
    url_ = fmt::format("https://site-{}:443", ++number);
    show_certificate(number);
    announced_.push_back({id_, {}, true, 0, ""});
    open();
  }
  virtual ~Endpoint() { close(); }
  Endpoint(const Endpoint&) = delete;
  Endpoint& operator=(const Endpoint&) = delete;

  const std::string& id() const { return id_; }
  const std::string& url() const { return url_; }
  /// Connections are refused until open().
  void close() { network_.close(url_); }
  void open() {
    Network::Server server;
    server.handler = [this](net::Request& request) { return answer(request); };
    server.certificate = certificate_;
    server.loses_answer = [this](const net::Request& request) { return loses_answers && is_work(request); };
    server.refuses = [this](const net::Request& request) { return refuses_work && is_work(request); };
    server.hangs = [this](const net::Request& request) { return hangs && !is_stream(request); };
    network_.open(url_, std::move(server));
  }
  /// Another one, from the next open() on.
  void show_certificate(int number) { certificate_ = fmt::format("{:064x}", number); }
  const std::string& certificate() const { return certificate_; }

  /// Announces these owners behind this endpoint, too.
  void announce(std::vector<replication::Announcement> behind) {
    {
      Lock lock(mutex_);
      announced_.resize(1);
      for (replication::Announcement& one : behind) announced_.push_back(std::move(one));
    }
    send({owners()});
  }
  /// What pings say from now on; `silent`: they are not answered.
  void say(double age, std::vector<replication::OwnerAge> ages = {},
           std::vector<replication::OwnerHeldUp> held_up = {}) {
    Lock lock(mutex_);
    age_ = age;
    ages_ = std::move(ages);
    held_up_ = std::move(held_up);
  }
  void be_silent(bool silent) { silent_ = silent; }
  /// Pings tell of this many commits; what is not sent is missing above.
  void set_newest(uint64_t newest) { newest_ = newest; }
  void commit(const std::string& owner, const std::string& key) {
    const uint64_t seq = ++committed_;
    newest_ = std::max<uint64_t>(newest_, seq);
    const std::string body = fmt::format(R"({{"Name":"{}"}})", key);
    replication::FrameWriter frame;
    frame.add(replication::Change{"profiles", key, body});
    frame.add(replication::Commit{seq, owner, {kEpoch, seq + 1}, {}});
    write(frame.take());
  }
  /// Says that the log does not reach back; copies follow with send_copy().
  void fall_behind() { send({replication::At{committed_, true}}); }
  void send_copy(const std::string& owner) {
    std::vector<replication::Record> out;
    copy(owner, out);
    send(out);
  }
  void cut() {
    if (const auto open = socket()) open->abort();
  }
  /// The stream that was opened last is over.
  bool cut_off() const { return streams_ended == streams; }
  /// Logins that were given tokens are not known any more.
  void revoke_tokens() { ++generation_; }
  /// Of other requests than those that make contact: "METHOD TARGET".
  std::vector<std::string> requests() const {
    Lock lock(mutex_);
    return requests_;
  }
  /// Their headers and body, of the last one.
  std::pair<net::Headers, std::string> last_request() const {
    Lock lock(mutex_);
    return last_request_;
  }
  /// What is answered to them from now on.
  void answer_with(std::function<net::Response(const net::Request&)> answer) {
    Lock lock(mutex_);
    answer_ = std::move(answer);
  }
  /// What it tells of itself, in the next stream and in this one.
  void tell_state(std::string json) {
    {
      Lock lock(mutex_);
      state_ = json;
    }
    send({replication::State{std::move(json)}});
  }
  std::vector<replication::Subscribe> subscriptions() const {
    Lock lock(mutex_);
    return subscriptions_;
  }
  std::atomic<int> logins{0}, refused{0}, streams{0}, streams_ended{0}, answers{0};
  std::atomic<int> contact_status{200}, stream_status{200};
  std::atomic<bool> loses_answers{false}, refuses_work{false}, hangs{false}, holds_stream{false},
      offers_stream{true};
  /// `Date` of its answers; "": none. To be set while nobody asks.
  std::function<std::string()> date = [] { return std::string(); };
  /// Sees every request before it is answered. To be set while nobody asks.
  std::function<void(const net::Request&)> on_request;
  std::function<env::Task<void>(std::shared_ptr<net::WebSocket>, store::Cursor)> stream_of_its_own;

 private:
  static constexpr uint64_t kEpoch = 77;

  static bool is_stream(const net::Request& request) { return request.path == "/api/v3/replication/stream"; }
  static bool is_work(const net::Request& request) {
    return !is_stream(request) && !request.path.ends_with("/token") && request.path != "/api/v3/info";
  }

  env::Task<net::Response> answer(net::Request& request) {
    net::Response response;
    if (on_request) on_request(request);
    if (const std::string told = date(); !told.empty()) response.headers.add("Date", told);
    if (request.path.ends_with("/token")) {
      ++logins;
      response.status = contact_status;
      response.body = fmt::format(R"({{"Token":"token-{}"}})", generation_.load());
    } else if (request.headers.get("Authorization") != fmt::format("Bearer token-{}", generation_.load())) {
      ++refused;
      response.status = 401;
      response.body = std::string(R"({"Messages":["no such token"]})");
    } else if (request.path == "/api/v3/info") {
      response.body = fmt::format(R"({{"id":"{}","version":"v1","features":[{}]}})", id_,
                                  offers_stream ? R"("other","replication-stream")" : R"("other")");
    } else if (is_stream(request)) {
      while (holds_stream) co_await env::sleep_for(1ms);
      response.status = stream_status;
      response.body = std::string("too few rights");
      if (stream_status == 200) response.upgrade = stream(request);
    } else {
      Result<std::string> body = co_await net::read_all(*request.body, 1 << 24);
      Lock lock(mutex_);
      requests_.push_back(request.method + " " + request.target);
      last_request_ = {request.headers, body ? *body : ""};
      response.body = std::string("{}");
      if (answer_) response = answer_(request);
    }
    co_return response;
  }

  std::function<env::Task<void>(std::shared_ptr<net::WebSocket>)> stream(const net::Request& request) {
    const std::string epoch(request.query_value("epoch").value_or("0"));
    const std::string seq(request.query_value("seq").value_or("0"));
    const store::Cursor resume{std::stoull(epoch, nullptr, 16), std::stoull(seq)};
    if (stream_of_its_own)
      return [this, resume](std::shared_ptr<net::WebSocket> socket) {
        return stream_of_its_own(std::move(socket), resume);
      };
    return [this, resume](std::shared_ptr<net::WebSocket> socket) {
      return converse(std::move(socket), resume.epoch == kEpoch);
    };
  }

  env::Task<void> converse(std::shared_ptr<net::WebSocket> socket, bool resumed) {
    {
      Lock lock(mutex_);
      socket_ = socket;
    }
    ++streams;
    std::string opening = frame_of(greeting());
    (void)co_await socket->write(std::move(opening), true);
    std::set<std::string> followed;
    bool begun = false;
    while (true) {
      Result<net::WebSocket::Message> message = co_await socket->read();
      if (!message) {
        ++streams_ended;
        co_return;
      }
      Result<replication::FrameReader> frame = replication::FrameReader::open(message->data);
      while (frame) {
        Result<std::optional<replication::Record>> record = frame->next();
        if (!record || !*record) break;
        std::vector<replication::Record> out;
        if (const auto* wanted = std::get_if<replication::Subscribe>(&**record)) {
          remember(*wanted);
          if (!std::exchange(begun, true)) out.push_back(replication::At{committed_, !resumed});
          std::erase_if(followed, [&](const std::string& owner) {
            return std::ranges::find(wanted->owners, owner, &replication::Subscription::owner) ==
                   wanted->owners.end();
          });
          for (const replication::Subscription& one : wanted->owners) {
            if (!followed.insert(one.owner).second || (resumed && one.follows)) continue;
            copy(one.owner, out);
          }
        }
        if (const auto* ping = std::get_if<replication::Ping>(&**record); ping != nullptr && !silent_) {
          out.push_back(pong(ping->stamp));
          ++answers;
        }
        std::string answer = out.empty() ? std::string() : frame_of(out);
        if (!answer.empty()) (void)co_await socket->write(std::move(answer), true);
      }
    }
  }

  std::vector<replication::Record> greeting() const {
    std::vector<replication::Record> out{
        replication::Hello{replication::kProtocol, id_, "v1", kEpoch, newest_, {}}, owners()};
    Lock lock(mutex_);
    if (!state_.empty()) out.push_back(replication::State{state_});
    return out;
  }
  void remember(const replication::Subscribe& wanted) {
    Lock lock(mutex_);
    subscriptions_.push_back(wanted);
  }
  void copy(const std::string& owner, std::vector<replication::Record>& out) const {
    out.push_back(replication::SnapshotBegin{owner, {kEpoch, committed_ + 1}});
    out.push_back(replication::Object{"profiles", "of-" + owner, R"({"Name":"p"})"});
    out.push_back(replication::SnapshotEnd{owner, committed_, {}});
  }
  replication::Record pong(uint64_t stamp) const {
    Lock lock(mutex_);
    return replication::Ping{newest_, 0, stamp, age_, ages_, held_up_};
  }
  replication::Record owners() const {
    Lock lock(mutex_);
    return replication::Owners{announced_};
  }
  static std::string frame_of(const std::vector<replication::Record>& records) {
    replication::FrameWriter frame;
    for (const replication::Record& record : records) frame.add(record);
    return frame.take();
  }
  std::shared_ptr<net::WebSocket> socket() const {
    Lock lock(mutex_);
    return socket_;
  }
  void send(const std::vector<replication::Record>& records) { write(frame_of(records)); }
  void write(std::string frame) {
    const std::shared_ptr<net::WebSocket> open = socket();
    if (!open) return;
    env::run(network_.runtime(), [open, frame = std::move(frame)]() -> env::Task<bool> {
      const Result<void> written = co_await open->write(frame, true);
      co_return written.ok();
    });
  }

  Network& network_;
  const std::string id_;
  std::string url_, certificate_;
  std::atomic<int> generation_{0};
  std::atomic<bool> silent_{false};
  std::atomic<uint64_t> newest_{0}, committed_{0};
  mutable Mutex mutex_;
  std::vector<replication::Announcement> announced_ GUARDED_BY(mutex_);
  double age_ GUARDED_BY(mutex_) = 0;
  std::vector<replication::OwnerAge> ages_ GUARDED_BY(mutex_);
  std::vector<replication::OwnerHeldUp> held_up_ GUARDED_BY(mutex_);
  std::vector<std::string> requests_ GUARDED_BY(mutex_);
  std::shared_ptr<net::WebSocket> socket_ GUARDED_BY(mutex_);
  std::pair<net::Headers, std::string> last_request_ GUARDED_BY(mutex_);
  std::function<net::Response(const net::Request&)> answer_ GUARDED_BY(mutex_);
  std::string state_ GUARDED_BY(mutex_);
  std::vector<replication::Subscribe> subscriptions_ GUARDED_BY(mutex_);
};

/// A store in which replicas are dropped when the test says so.
class HeldDrops final : public store::ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;
  Result<void> drop_owner(std::string_view owner) override {
    ++waiting;
    while (held) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    --waiting;
    return ForwardingStore::drop_owner(owner);
  }
  std::atomic<bool> held{false};
  std::atomic<int> waiting{0};
};

/// A manager with a store of its own.
class Managing {
 public:
  Managing(Network& network, std::string id, env::ManualTime& time)
      : network_(network), id_(std::move(id)), time_(time) {
    start();
    be_manager(true);
  }
  ~Managing() { stop(); }
  Managing(const Managing&) = delete;
  Managing& operator=(const Managing&) = delete;

  /// As a new process over the same store would.
  void start() {
    manager_ =
        make_manager(Dependencies{.runtime = network_.runtime(),
                                  .store = flaky_,
                                  .layers = *layers_,
                                  .preferences = *preferences_,
                                  .identity = {.id = id_, .version = "v1"},
                                  .state = [] { return model::EndpointState{.info = model::EndpointInfo{}}; },
                                  .own_urls = {},
                                  .features = {},
                                  .licensed = [this] { return licensed.load(); },
                                  .clock = time_,
                                  .timers = time_,
                                  .chance = [this] { return chance.load(); },
                                  .dial = network_.dial(),
                                  .lead_term = lead_term});
    manager_->on_endpoint_change([this](const std::string&) { ++changes_told; });
    if (before_start) before_start();
    manager_->start();
  }
  void stop() {
    if (!manager_) return;
    auto stopped = env::launch(network_.runtime(), [this] { return manager_->stop(); });
    EXPECT_TRUE(soon([&] { return stopped.wait_for(0s) == std::future_status::ready; }));
    manager_.reset();
  }

  void be_manager(bool on) {
    EXPECT_TRUE(run(preferences_->set({{"manager", on ? "true" : "false"}}, "test")));
  }
  Result<std::string> attach(const Endpoint& endpoint) {
    const std::string params = fmt::format(
        R"({{"manager/url":"{}","manager/username":"u","manager/password":"p"}})", endpoint.url());
    return run(manager_->add_endpoint(params, principal_));
  }
  /// Attached, and its replica known to be current.
  void attach_and_wait(const Endpoint& endpoint) {
    const Result<std::string> attached = attach(endpoint);
    ASSERT_TRUE(attached) << attached.error().text();
    ASSERT_TRUE(soon([&] { return is_fresh(endpoint.id()); }));
  }
  /// Lets time pass until it holds.
  template <typename Condition>
  bool soon(Condition condition) {
    return env::passes_until(time_, network_.runtime(), std::move(condition));
  }
  /// Word of the owner came just now, and counts.
  bool is_fresh(const std::string& owner) const { return age(owner) < 1.5; }
  void change_endpoint_object(const std::string& id,
                              const std::function<void(boost::json::object&)>& change) {
    ASSERT_TRUE(run(change_endpoint(*store_, id, change)));
  }
  /// A change that does not matter for the connection; the manager looks at all Endpoint objects again.
  void touch_endpoint_object(const std::string& id, int number) {
    change_endpoint_object(id, [&](boost::json::object& endpoint) {
      endpoint["Description"] = fmt::format("change {}", number);
    });
  }
  void remove_endpoint_object(const std::string& id) {
    store::Batch batch;
    batch.changes.emplace_back() = {{std::string(kEndpoints), std::string(store::kOwn), id}, std::nullopt};
    ASSERT_TRUE(store_->commit_sync(std::move(batch)));
  }

  OwnerFreshness freshness(const std::string& owner, const ReadFrom& read = ReadFrom::no_objects()) const {
    return manager_->freshness({owner}, read).front();
  }
  double age(const std::string& owner) const { return freshness(owner).age_seconds; }
  bool has(const std::string& owner, const std::string& profile) const {
    return store_->snapshot()->get({"profiles", owner, profile}).has_value();
  }
  /// Empty when there is none.
  boost::json::object endpoint(const std::string& id) const {
    const auto body = store_->snapshot()->get({std::string(kEndpoints), std::string(store::kOwn), id});
    return body ? boost::json::parse(*body).as_object() : boost::json::object();
  }
  std::string status(const std::string& id) const {
    const boost::json::object found = endpoint(id);
    const boost::json::value* status = found.if_contains("ConnectionStatus");
    return status == nullptr ? "" : std::string(status->as_string());
  }
  store::FlakyStore& flaky() { return flaky_; }
  HeldDrops& drops() { return drops_; }
  store::Store& store() { return *store_; }
  prefs::Preferences& preferences() { return *preferences_; }
  Manager& manager() { return *manager_; }
  std::function<void()> before_start;
  std::atomic<bool> licensed{true};
  std::function<std::optional<uint64_t>()> lead_term;  // counts from the next start() on
  std::atomic<double> chance{1};
  std::atomic<int> changes_told{0};
  /// A request of a client, carried to `owner`. Its body is told of with its size, or without.
  Result<net::Response> forward(const std::string& owner, const std::string& method,
                                const std::string& target, const std::string& text = "", bool sized = true) {
    class Unsized final : public net::BodySource {
     public:
      explicit Unsized(net::BodySourcePtr body) : body_(std::move(body)) {}
      env::Task<Result<std::string_view>> next() override { return body_->next(); }

     private:
      net::BodySourcePtr body_;
    };
    net::BodySourcePtr body = net::body_from_string(text);
    if (!sized) body = std::make_unique<Unsized>(std::move(body));
    net::Request request;
    request.method = method;
    request.id = "request-1";
    request.body = body.get();
    request.headers.add("Authorization", "Bearer of-the-client");
    if (sized) request.headers.add("Content-Length", std::to_string(text.size()));
    if (!sized) request.headers.add("Transfer-Encoding", "chunked");
    auto answered = env::launch(network_.runtime(),
                                [&] { return manager_->forward(owner, request, target, principal_); });
    EXPECT_TRUE(soon([&] { return answered.wait_for(0s) == std::future_status::ready; }));
    return answered.get();
  }
  Result<net::ClientResponse> get(const std::string& owner, const std::string& target) {
    net::ClientRequest request;
    request.method = "GET";
    request.target = target;
    return run(manager_->call(owner, std::move(request)));
  }

  template <typename T>
  T run(env::Task<T> task) {
    return env::run(network_.runtime(), std::move(task));
  }

 private:
  static auth::Principal named(std::string name) {
    auth::Principal out;
    out.name = std::move(name);
    return out;
  }

  Network& network_;
  const std::string id_;
  env::ManualTime& time_;
  auth::Principal principal_ = named("user:ann");
  std::unique_ptr<store::Store> store_ = store::open_memory_store();
  HeldDrops drops_{*store_};
  store::FlakyStore flaky_{drops_};
  std::unique_ptr<packs::Layers> layers_ = packs::make_layers(*store_, {});
  std::unique_ptr<prefs::Preferences> preferences_ = prefs::make_preferences(*store_, network_.runtime());
  std::unique_ptr<Manager> manager_;
};

}  // namespace mullion::manager::testing
