// A server of a simulation: the real store, manager and stream behind as much of an API as clients and
// managers need.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "env/launch.h"
#include "manager/endpoint_object.h"
#include "manager/forward.h"
#include "manager/manager.h"
#include "packs/layers.h"
#include "prefs/preferences.h"
#include "simulation/network_testing.h"
#include "simulation/part_testing.h"
#include "simulation/truth_testing.h"
#include "store/commit_async.h"
#include "store/flaky_testing.h"

namespace mullion::simulation {

/// What a client hears. Status 0: nothing, the server died under its request.
struct Heard {
  int status = 0;
  std::string commit, pending, text;
};

class Server final : public Listener {
 public:
  Server(World& world, Network& network, Truth& truth, std::string id, uint64_t seed, uint64_t log_bytes,
         std::vector<std::unique_ptr<Part>> parts = {})
      : Listener(std::move(id)),
        world_(world),
        network_(network),
        truth_(truth),
        dice_(seed),
        clock_(world),
        parts_(std::move(parts)) {
    store::Options options;
    options.clock = &clock_;
    options.log_max_bytes = log_bytes;
    options.sequencer = disk_;
    options.writer = [this](std::function<void()> write) { schedule(std::move(write)); };
    store_ = store::open_memory_store(options);
    flaky_ = std::make_unique<store::FlakyStore>(*store_, seed);
    feed_ = store::attach_feed(*store_, "truth", {.everything = true}, size_t{64} << 20);
    network_.add(*this);
    start();
  }

  // ---- its lives

  void start() {
    be_born();
    clock_.begin_anew(dice_.between(1h, 2000h));
    world_.tell("{}: starts", name());
    const Blocking blocking(*this);
    flaky_->fail(0);
    env::ByHand by_hand;
    by_hand.block = [this](std::function<void()> work) {
      const Duration longest = dice_.chance(20) ? 3s : 20ms;
      world_.after(dice_.between(0ms, slow_disk ? 400ms : longest), this, [this, work = std::move(work)] {
        const Blocking blocking(*this);
        work();
      });
    };
    runtime_ = std::make_unique<env::Runtime>(std::move(by_hand));
    layers_ = packs::make_layers(*store_, {});
    preferences_ = prefs::make_preferences(*store_, *runtime_);
    manager_ = manager::make_manager(
        manager::Dependencies{.runtime = *runtime_,
                              .store = *flaky_,
                              .layers = *layers_,
                              .preferences = *preferences_,
                              .identity = {.id = name(), .version = "v1"},
                              .state = [this] { return own_state(); },
                              .own_urls = {Network::url_of(name())},
                              .features = {},
                              .licensed = [] { return true; },
                              .clock = clock_,
                              .timers = timers_,
                              .chance = [this] { return static_cast<double>(dice_.below(1000)) / 1000; },
                              .dial = network_.dial(*this)});
    surroundings_.emplace(Surroundings{*this, *runtime_, *store_, *flaky_, *manager_, clock_, timers_});
    for (const auto& part : parts_) part->begin(*surroundings_);
    manager_->start();
    world_.after(0s, this, [] {});
  }
  /// At once, with whatever it was about to do. `stores`: what waits for the disk is on it, unanswered.
  void kill(bool stores) {
    world_.tell("{}: is killed, what waits for its disk is {}", name(), stores ? "stored" : "lost");
    die();
    disk_->failed = !stores;
    for (const auto& write : std::exchange(writes_, {})) (*write)();
    disk_->failed = false;
    observe();
    world_.forget(*this);
    runtime_->drop_work();
    network_.died(*this);
    for (const auto& part : parts_) part->end();
    surroundings_.reset();
    manager_.reset();
    preferences_.reset();
    layers_.reset();
    runtime_.reset();
  }
  void run_ready() override { (void)runtime_->run_ready(); }
  /// Tells of what was committed since it was asked last.
  void observe() {
    for (const auto& commit : feed_->take().commits) truth_.take(name(), *commit);
  }

  // ---- what it is asked

  net::Handler handler() override {
    return [this](net::Request& request) { return answer(request); };
  }
  env::Runtime& runtime() override { return *runtime_; }
  /// A client of this server; `heard` is called once, or never when the server dies.
  void ask(std::string method, std::string target, std::string text, std::function<void(Heard)> heard) {
    (void)env::launch(*runtime_, [this, method, target, text, heard = std::move(heard)]() -> Task<void> {
      net::Request request;
      request.method = method;
      (void)request.set_target(target);
      request.id = "of-client";
      request.headers.add("Authorization", bearer());
      request.headers.add("Content-Length", std::to_string(text.size()));
      const net::BodySourcePtr body = net::body_from_string(text);
      request.body = body.get();
      net::Response response = co_await answer(request);
      Heard out;
      out.status = response.status;
      out.commit = response.headers.get(manager::kCommitHeader).value_or("");
      out.pending = response.headers.get(manager::kPendingHeader).value_or("");
      if (auto* whole = std::get_if<std::string>(&response.body)) {
        out.text = std::move(*whole);
      } else if (const auto& source = std::get<net::BodySourcePtr>(response.body)) {
        Result<std::string> read = co_await net::read_all(*source, 1 << 24);
        if (read) out.text = std::move(*read);
      }
      heard(std::move(out));
    });
  }
  void be_manager(bool on) {
    (void)env::launch(*runtime_, [this, on]() -> Task<void> {
      std::vector<std::pair<std::string, std::string>> wanted{{"manager", on ? "true" : "false"}};
      (void)co_await preferences_->set(std::move(wanted), "test");
    });
    world_.after(0s, this, [] {});
  }
  void attach(const std::string& id, std::function<void(bool)> done) {
    (void)env::launch(*runtime_, [this, id, done = std::move(done)]() -> Task<void> {
      std::string params = fmt::format(
          R"({{"manager/url":"{}","manager/username":"u","manager/password":"p"}})", Network::url_of(id));
      auth::Principal principal;
      principal.name = "user:ann";
      const Result<std::string> added = co_await manager_->add_endpoint(std::move(params), principal);
      if (!added) world_.tell("{}: {} is not attached: {}", name(), id, added.error().text());
      done(added.ok());
    });
    world_.after(0s, this, [] {});
  }
  void detach(const std::string& id) { remove_own("endpoints", id); }
  /// Changes an own Endpoint object as a client would.
  void change_endpoint(const std::string& id, std::function<void(boost::json::object&)> change) {
    (void)env::launch(*runtime_, [this, id, change = std::move(change)]() -> Task<void> {
      (void)co_await manager::change_endpoint(*store_, id, change);
    });
    world_.after(0s, this, [] {});
  }
  /// Writes an own object as it is.
  void put_own(std::string type, std::string key, std::string body) {
    store::Batch batch;
    batch.changes.emplace_back() = {{std::move(type), std::string(store::kOwn), std::move(key)},
                                    std::move(body)};
    batch.principal = "user:ann";
    store_->commit(std::move(batch), [](const Result<store::Committed>&) {});
  }
  void remove_own(std::string type, std::string key) {
    store::Batch batch;
    batch.changes.emplace_back() = {{std::move(type), std::string(store::kOwn), std::move(key)},
                                    std::nullopt};
    batch.principal = "user:ann";
    store_->commit(std::move(batch), [](const Result<store::Committed>&) {});
  }
  /// From now on so many of a hundred reads of the manager and the stream fail.
  void fail_reads(int percent) { flaky_->fail(percent); }
  /// Logins that were given tokens are not known any more.
  void revoke_tokens() { ++generation_; }

  store::Store& store() { return *store_; }
  manager::Manager& manager() { return *manager_; }
  HostClock& clock() { return clock_; }
  bool slow_disk = false;

 private:
  /// Whoever waits for a commit on this thread has it written at once.
  class Blocking {
   public:
    explicit Blocking(Server& server) : server_(server), outer_(std::exchange(server.blocking_, true)) {}
    ~Blocking() { server_.blocking_ = outer_; }
    Blocking(const Blocking&) = delete;
    Blocking& operator=(const Blocking&) = delete;

   private:
    Server& server_;
    const bool outer_;
  };
  struct Disk final : store::Sequencer {
    Result<store::AgreedPlace> agree(const std::vector<store::Command>&) override {
      if (failed) return Error(ErrorCode::kUnavailable, "the server was killed");
      return store::AgreedPlace{};
    }
    bool shared() const override { return false; }
    bool failed = false;
  };

  void schedule(std::function<void()> write) {
    if (blocking_) return write();
    const auto waiting = std::make_shared<std::function<void()>>(std::move(write));
    writes_.push_back(waiting);
    world_.after(dice_.between(100us, slow_disk ? 300ms : 8ms), this, [this, waiting] {
      std::erase(writes_, waiting);
      (*waiting)();
    });
  }

  model::EndpointState own_state() const {
    model::EndpointState out{.info = model::EndpointInfo{}};
    for (const auto& part : parts_) part->tell(out);
    return out;
  }

  std::string bearer() const { return fmt::format("Bearer token-{}", generation_); }

  Task<net::Response> answer(net::Request& request) {
    net::Response response;
    if (request.path.ends_with("/token")) {
      response.body = fmt::format(R"({{"Token":"token-{}"}})", generation_);
      co_return response;
    }
    if (request.headers.get("Authorization") != bearer()) co_return refused(401, "no such token");
    const std::vector<std::string> parts = request.segments;
    if (request.path == "/api/v3/info") {
      response.body =
          fmt::format(R"({{"id":"{}","version":"v1","features":["replication-stream"]}})", name());
      co_return response;
    }
    if (request.path == "/api/v3/replication/stream") co_return stream(request);
    for (const auto& part : parts_) {
      std::optional<net::Response> answered = co_await part->answer(request);
      if (answered) co_return std::move(*answered);
    }
    if (parts.size() == 4 && parts[0] == "api") co_return co_await answer_own(request, parts[2], parts[3]);
    if (parts.size() != 5 || parts[1] != "api") co_return refused(404, "no such route");
    if (parts[0] == name()) co_return co_await answer_own(request, parts[3], parts[4]);
    auth::Principal principal;
    principal.name = "user:ann";
    std::string target = fmt::format("/api/v3/{}/{}", parts[3], parts[4]);
    Result<net::Response> forwarded =
        co_await manager_->forward(parts[0], request, std::move(target), principal);
    if (!forwarded) co_return refused(503, forwarded.error().text());
    check_own_write(*forwarded, {parts[3], parts[4]});
    co_return std::move(*forwarded);
  }

  /// Read your writes, at every level that an answer comes through.
  void check_own_write(const net::Response& response, const ObjectKey& key) {
    const auto header = response.headers.get(manager::kCommitHeader);
    const auto mark = header ? manager::parse_commit_mark(*header) : std::nullopt;
    if (!mark || response.headers.get(manager::kPendingHeader)) return;
    observe();
    truth_.shows(name(), mark->owner, mark->cursor.seq, key);
  }

  static net::Response refused(int status, std::string why) {
    net::Response response;
    response.status = status;
    response.body = std::move(why);
    return response;
  }

  net::Response stream(const net::Request& request) {
    const std::string epoch(request.query_value("epoch").value_or("0"));
    const std::string seq(request.query_value("seq").value_or("0"));
    const store::Cursor resume{std::stoull(epoch, nullptr, 16), std::stoull(seq)};
    net::Response response;
    response.upgrade = [this, resume](std::shared_ptr<net::WebSocket> socket) {
      return manager_->serve_stream(std::move(socket), resume);
    };
    return response;
  }

  Task<net::Response> answer_own(net::Request& request, std::string type, std::string key) {
    net::Response response;
    if (request.method == "GET") {
      const auto body = store_->snapshot()->get({type, std::string(store::kOwn), key});
      if (!body) co_return refused(404, "not found");
      response.body = *body;
      co_return response;
    }
    Result<std::string> text = co_await net::read_all(*request.body, 1 << 24);
    if (!text) co_return refused(400, "no body");
    store::Batch batch;
    store::Change& change = batch.changes.emplace_back();
    change.id = {std::move(type), std::string(store::kOwn), std::move(key)};
    if (request.method == "PUT") change.body = std::move(*text);
    if (request.method == "DELETE") change.expect = store::Expect::kExists;
    batch.principal = "user:ann";
    const Result<store::Cursor> done = co_await store::commit_async(*store_, std::move(batch));
    if (!done)
      co_return refused(done.error().code == ErrorCode::kUnavailable ? 503 : 404, done.error().text());
    response.headers.set(manager::kCommitHeader,
                         fmt::format("{} {:016x} {}", name(), done->epoch, done->seq));
    response.body = std::string("{}");
    co_return response;
  }

  World& world_;
  Network& network_;
  Truth& truth_;
  Dice dice_;
  HostClock clock_;
  HostTimers timers_{world_, *this};
  const std::shared_ptr<Disk> disk_ = std::make_shared<Disk>();
  bool blocking_ = false;
  int generation_ = 0;
  std::vector<std::shared_ptr<std::function<void()>>> writes_;
  std::unique_ptr<env::Runtime> runtime_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<store::FlakyStore> flaky_;
  std::shared_ptr<store::CommitFeed> feed_;
  std::unique_ptr<packs::Layers> layers_;
  std::unique_ptr<prefs::Preferences> preferences_;
  std::unique_ptr<manager::Manager> manager_;
  const std::vector<std::unique_ptr<Part>> parts_;
  std::optional<Surroundings> surroundings_;
};

}  // namespace mullion::simulation
