// What the tests of this room share: endpoints that answer as a script says, and a manager above them.
#pragma once

#include <boost/json.hpp>

#include "env/clock_testing.h"
#include "env/waiting_testing.h"
#include "manager/endpoint_object.h"
#include "manager/manager.h"
#include "model/object.h"
#include "net/net_testing.h"
#include "replication/wire.h"
#include "store/flaky_testing.h"

namespace mullion::manager::testing {

using env::eventually;
using namespace std::chrono_literals;

/// A server with login, info and a replication stream. What the stream says is up to the test.
class Endpoint {
 public:
  Endpoint(env::Runtime& runtime, std::string id) : runtime_(runtime), id_(std::move(id)) {
    announced_.push_back({id_, {}, true, 0, ""});
    open();
  }
  virtual ~Endpoint() { close(); }
  Endpoint(const Endpoint&) = delete;
  Endpoint& operator=(const Endpoint&) = delete;

  const std::string& id() const { return id_; }
  std::string url() const { return fmt::format("https://127.0.0.1:{}", port_); }
  /// Connections are refused until open().
  void close() {
    if (!server_) return;
    env::run(runtime_, [this]() -> env::Task<bool> {
      co_await server_->stop(0s);
      co_return true;
    });
    server_.reset();
  }
  void open() {
    net::ListenOptions options;
    options.address = "127.0.0.1";
    options.port = port_;
    options.tls = net::testing::shared_certificate().files();
    server_ = std::move(*net::listen(runtime_, std::move(options),
                                     [this](net::Request& request) { return answer(request); }));
    port_ = server_->port();
  }

  /// Announces these owners behind this endpoint, too.
  void announce(std::vector<replication::Announcement> behind) {
    {
      std::lock_guard lock(mutex_);
      announced_.resize(1);
      for (replication::Announcement& one : behind) announced_.push_back(std::move(one));
    }
    send({owners()});
  }
  /// What pings say from now on; `silent`: they are not answered.
  void say(double age, std::vector<replication::OwnerAge> ages = {}) {
    std::lock_guard lock(mutex_);
    age_ = age;
    ages_ = std::move(ages);
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
  /// Logins that were given tokens are not known any more.
  void revoke_tokens() { ++generation_; }
  /// Of other requests than those that make contact: "METHOD TARGET".
  std::vector<std::string> requests() const {
    std::lock_guard lock(mutex_);
    return requests_;
  }
  std::atomic<int> logins{0}, streams{0}, answers{0};
  std::atomic<int> contact_status{200};
  std::function<env::Task<void>(std::shared_ptr<net::WebSocket>, store::Cursor)> stream_of_its_own;

 private:
  static constexpr uint64_t kEpoch = 77;

  env::Task<net::Response> answer(net::Request& request) {
    net::Response response;
    if (request.path.ends_with("/token")) {
      ++logins;
      response.status = contact_status;
      response.body = fmt::format(R"({{"Token":"token-{}"}})", generation_.load());
    } else if (request.headers.get("Authorization") != fmt::format("Bearer token-{}", generation_.load())) {
      response.status = 401;
    } else if (request.path == "/api/v3/info") {
      response.body = fmt::format(R"({{"id":"{}","version":"v1","features":["replication-stream"]}})", id_);
    } else if (request.path == "/api/v3/replication/stream") {
      response.upgrade = stream(request);
    } else {
      std::lock_guard lock(mutex_);
      requests_.push_back(request.method + " " + request.target);
      response.body = std::string("{}");
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
    ++streams;
    {
      std::lock_guard lock(mutex_);
      socket_ = socket;
    }
    std::string opening = frame_of(greeting());
    (void)co_await socket->write(std::move(opening), true);
    std::set<std::string> followed;
    bool begun = false;
    while (true) {
      Result<net::WebSocket::Message> message = co_await socket->read();
      if (!message) co_return;
      Result<replication::FrameReader> frame = replication::FrameReader::open(message->data);
      while (frame) {
        Result<std::optional<replication::Record>> record = frame->next();
        if (!record || !*record) break;
        std::vector<replication::Record> out;
        if (const auto* wanted = std::get_if<replication::Subscribe>(&**record)) {
          if (!std::exchange(begun, true)) out.push_back(replication::At{committed_, !resumed});
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
    return {replication::Hello{replication::kProtocol, id_, "v1", kEpoch, newest_, {}}, owners()};
  }
  void copy(const std::string& owner, std::vector<replication::Record>& out) const {
    out.push_back(replication::SnapshotBegin{owner, {kEpoch, committed_ + 1}});
    out.push_back(replication::Object{"profiles", "of-" + owner, R"({"Name":"p"})"});
    out.push_back(replication::SnapshotEnd{owner, committed_, {}});
  }
  replication::Record pong(uint64_t stamp) const {
    std::lock_guard lock(mutex_);
    return replication::Ping{newest_, 0, stamp, age_, ages_};
  }
  replication::Record owners() const {
    std::lock_guard lock(mutex_);
    return replication::Owners{announced_};
  }
  static std::string frame_of(const std::vector<replication::Record>& records) {
    replication::FrameWriter frame;
    for (const replication::Record& record : records) frame.add(record);
    return frame.take();
  }
  std::shared_ptr<net::WebSocket> socket() const {
    std::lock_guard lock(mutex_);
    return socket_;
  }
  void send(const std::vector<replication::Record>& records) { write(frame_of(records)); }
  void write(std::string frame) {
    const std::shared_ptr<net::WebSocket> open = socket();
    if (!open) return;
    env::run(runtime_, [open, frame = std::move(frame)]() -> env::Task<bool> {
      const Result<void> written = co_await open->write(frame, true);
      co_return written.ok();
    });
  }

  env::Runtime& runtime_;
  const std::string id_;
  uint16_t port_ = 0;
  std::atomic<int> generation_{0};
  std::atomic<bool> silent_{false};
  std::atomic<uint64_t> newest_{0}, committed_{0};
  mutable std::mutex mutex_;
  std::vector<replication::Announcement> announced_;
  double age_ = 0;
  std::vector<replication::OwnerAge> ages_;
  std::vector<std::string> requests_;
  std::shared_ptr<net::WebSocket> socket_;
  std::unique_ptr<net::Server> server_;
};

/// A manager with a store of its own. The runtime is the caller's and outlives it.
class Managing {
 public:
  Managing(env::Runtime& runtime, std::string id, const env::Clock& clock)
      : runtime_(runtime), id_(std::move(id)), clock_(clock) {
    start();
    EXPECT_TRUE(run(preferences_->set({{"manager", "true"}}, "test")));
  }
  ~Managing() { stop(); }
  Managing(const Managing&) = delete;
  Managing& operator=(const Managing&) = delete;

  /// As a new process over the same store would.
  void start() {
    manager_ = make_manager(Dependencies{.runtime = runtime_,
                                         .store = flaky_,
                                         .layers = *layers_,
                                         .preferences = *preferences_,
                                         .identity = {.id = id_, .version = "v1"},
                                         .state = [] { return std::string(R"({"info":{}})"); },
                                         .own_urls = {},
                                         .features = {},
                                         .licensed = [] { return true; },
                                         .clock = clock_});
    manager_->start();
  }
  void stop() {
    if (!manager_) return;
    env::run(runtime_, [this]() -> env::Task<bool> {
      co_await manager_->stop();
      co_return true;
    });
    manager_.reset();
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
    ASSERT_TRUE(eventually([&] { return age(endpoint.id()) < 1000; }));
  }
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

  OwnerFreshness freshness(const std::string& owner) const { return manager_->freshness({owner}).front(); }
  double age(const std::string& owner) const { return freshness(owner).age_seconds; }
  bool has(const std::string& owner, const std::string& profile) const {
    return store_->snapshot()->get({"profiles", owner, profile}).has_value();
  }
  std::string status(const std::string& id) const {
    const auto body = store_->snapshot()->get({std::string(kEndpoints), std::string(store::kOwn), id});
    if (!body) return "";
    const boost::json::value endpoint = boost::json::parse(*body);
    const boost::json::value* status = endpoint.as_object().if_contains("ConnectionStatus");
    return status == nullptr ? "" : std::string(status->as_string());
  }
  store::FlakyStore& flaky() { return flaky_; }
  Manager& manager() { return *manager_; }
  Result<net::ClientResponse> get(const std::string& owner, const std::string& target) {
    net::ClientRequest request;
    request.method = "GET";
    request.target = target;
    return run(manager_->call(owner, std::move(request)));
  }

  template <typename T>
  T run(env::Task<T> task) {
    return env::run(runtime_, std::move(task));
  }

 private:
  env::Runtime& runtime_;
  const std::string id_;
  const env::Clock& clock_;
  auth::Principal principal_;
  std::unique_ptr<store::Store> store_ = store::open_memory_store();
  store::FlakyStore flaky_{*store_};
  std::unique_ptr<content::Layers> layers_ = content::make_layers(*store_, {});
  std::unique_ptr<content::Preferences> preferences_ = content::make_preferences(*store_, runtime_);
  std::unique_ptr<Manager> manager_;
};

}  // namespace mullion::manager::testing
