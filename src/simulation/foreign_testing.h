// A server of another make in a simulation: lists, objects and events as the public API has them, told
// truthfully or not, and whoever follows it.
#pragma once

#include <algorithm>
#include <boost/json.hpp>
#include <charconv>

#include "env/launch.h"
#include "mirror/mirror.h"
#include "model/members.h"
#include "simulation/network_testing.h"
#include "store/store.h"

namespace mullion::simulation {

/// How a server of another make misleads whoever follows it; percent of what it says, or yes and no.
struct Misleading {
  uint64_t lost_events = 0, repeated_events = 0, late_events = 0, failing_requests = 0;
  bool ignores_keys = false, unsorted = false;
  size_t largest_page = 1000;
};

class ForeignServer final : public Listener {
 public:
  using Id = std::pair<std::string, std::string>;  // type, key
  struct Moment {
    uint64_t stamp = 0;  // grows with every change of the server
    bool there = false;
  };

  ForeignServer(World& world, Network& network, uint64_t seed) : Listener("F"), world_(world), dice_(seed) {
    network.add(*this);
    start();
  }

  void start() {
    be_born();
    env::ByHand by_hand;
    by_hand.block = [this](std::function<void()> work) { world_.after(1ms, this, std::move(work)); };
    runtime_ = std::make_unique<env::Runtime>(std::move(by_hand));
    world_.tell("F: starts");
    world_.after(0s, this, [] {});
  }
  void kill(Network& network) {
    world_.tell("F: is killed");
    die();
    world_.forget(*this);
    sockets_.clear();
    runtime_->drop_work();
    network.died(*this);
    runtime_.reset();
  }
  void run_ready() override { (void)runtime_->run_ready(); }
  env::Runtime& runtime() override { return *runtime_; }
  net::Handler handler() override {
    return [this](net::Request& request) { return answer(request); };
  }

  // ---- its objects

  uint64_t put(const Id& id) {
    objects_[id] = ++stamp_;
    history_[id].push_back({stamp_, true});
    tell_event(id, "update");
    return stamp_;
  }
  void erase(const Id& id) {
    if (objects_.erase(id) == 0) return;
    history_[id].push_back({++stamp_, false});
    tell_event(id, "delete");
  }
  const std::map<Id, uint64_t>& objects() const { return objects_; }
  const std::vector<Moment>& history(const Id& id) { return history_[id]; }
  uint64_t stamp() const { return stamp_; }
  static std::string body_of(const Id& id, uint64_t stamp) {
    return fmt::format(R"({{"{}":"{}","Stamp":{}}})", id.first == "alerts" ? "Uuid" : "Name", id.second,
                       stamp);
  }
  Misleading misleading;

 private:
  static net::Response refused(int status, std::string_view why) {
    net::Response response;
    response.status = status;
    response.body = fmt::format(R"({{"Code":{},"Messages":["{}"]}})", status, why);
    return response;
  }
  static net::Response shown(std::string text, int status = 200) {
    net::Response response;
    response.status = status;
    response.body = std::move(text);
    return response;
  }

  Task<net::Response> answer(net::Request& request) {
    const std::vector<std::string> parts = request.segments;
    if (parts.size() < 3) co_return refused(404, "No route");
    if (dice_.chance(misleading.failing_requests))
      co_return refused(dice_.chance(50) ? 500 : 503, "out of luck");
    if (parts[2] == "ws") co_return websocket();
    if (parts[2] == "info") co_return shown(R"({"id":"F","version":"v4.8.0","features":[]})");
    if (parts[2] == "objects") co_return shown(R"(["alerts","profiles","preferences"])");
    const bool known = parts[2] == "alerts" || parts[2] == "profiles";
    if (!known || parts.size() > 4) co_return refused(404, "No route");
    if (parts.size() == 3) co_return list(parts[2], request);
    const Id id{parts[2], parts[3]};
    if (request.method == "PUT") co_return shown(body_of(id, put(id)));
    const auto found = objects_.find(id);
    if (found == objects_.end()) co_return refused(404, "Not Found");
    std::string body = body_of(id, found->second);
    if (request.method == "DELETE") erase(id);
    co_return shown(std::move(body));
  }

  net::Response list(const std::string& type, const net::Request& request) {
    std::vector<std::string> rows;
    const std::string filter(request.query_value("Key").value_or(""));
    const size_t bracket = filter.find('(');
    const std::string from =
        bracket == std::string::npos ? "" : filter.substr(bracket + 1, filter.size() - bracket - 2);
    const bool beyond = filter.starts_with("Gt(");
    for (const auto& [id, stamp] : objects_) {
      if (id.first != type) continue;
      const bool before = id.second < from || (beyond && id.second == from);
      if (!from.empty() && !misleading.ignores_keys && before) continue;
      rows.push_back(body_of(id, stamp));
    }
    if (misleading.unsorted) std::ranges::reverse(rows);
    const size_t offset = std::min(number_of(request, "offset", 0), rows.size());
    rows.erase(rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(offset));
    rows.resize(std::min({rows.size(), number_of(request, "limit", 1000), misleading.largest_page}));
    return shown(fmt::format("[{}]", fmt::join(rows, ",")));
  }
  static size_t number_of(const net::Request& request, std::string_view name, size_t otherwise) {
    const std::string text(request.query_value(name).value_or(""));
    size_t out = otherwise;
    (void)std::from_chars(text.data(), text.data() + text.size(), out);
    return out;
  }

  net::Response websocket() {
    net::Response response;
    response.upgrade = [this](std::shared_ptr<net::WebSocket> socket) -> Task<void> {
      sockets_.push_back(socket);
      while (true) {
        Result<net::WebSocket::Message> command = co_await socket->read();
        if (!command) break;
        std::string text = R"({"Type":"websocket","Action":"register","Key":"x"})";
        const Result<void> acknowledged = co_await socket->write(std::move(text), false);
        if (!acknowledged) break;
      }
      std::erase(sockets_, socket);
    };
    return response;
  }

  void tell_event(const Id& id, std::string_view action) {
    world_.tell("F: {} {}/{} stamp {}", action, id.first, id.second, stamp_);
    const std::string text =
        fmt::format(R"({{"Type":"{}","Action":"{}","Key":"{}"}})", id.first, action, id.second);
    for (const auto& socket : sockets_) {
      if (dice_.chance(misleading.lost_events)) continue;
      const int times = dice_.chance(misleading.repeated_events) ? 2 : 1;
      for (int i = 0; i < times; ++i) {
        const bool late = dice_.chance(misleading.late_events);
        world_.after(late ? dice_.between(10ms, 20s) : Duration(0), this, [this, socket, text] {
          (void)env::launch(*runtime_, [socket, text]() -> Task<void> {
            std::string copy = text;
            (void)co_await socket->write(std::move(copy), false);
          });
        });
      }
    }
  }

  World& world_;
  Dice dice_;
  std::unique_ptr<env::Runtime> runtime_;
  std::vector<std::shared_ptr<net::WebSocket>> sockets_;
  std::map<Id, uint64_t> objects_;
  std::map<Id, std::vector<Moment>> history_;
  uint64_t stamp_ = 0;
};

/// Follows it with a real Mirror over a store of its own, and begins again when that ends.
class ForeignFollower final : public Listener {
 public:
  ForeignFollower(World& world, Network& network, uint64_t seed)
      : Listener("M"), world_(world), network_(network), dice_(seed), clock_(world) {
    store::Options options;
    options.clock = &clock_;
    options.writer = [this](std::function<void()> write) {
      world_.after(dice_.between(100us, 8ms), nullptr, std::move(write));
    };
    store_ = store::open_memory_store(options);
    feed_ = store::attach_feed(*store_, "truth", {.everything = true}, size_t{64} << 20);
    network_.add(*this);
    be_born();
    clock_.begin_anew(1h);
    env::ByHand by_hand;
    by_hand.block = [this](std::function<void()> work) { world_.after(1ms, this, std::move(work)); };
    runtime_ = std::make_unique<env::Runtime>(std::move(by_hand));
    tasks_ = std::make_unique<env::TaskGroup>(runtime_->executor(), "mirror");
    (void)env::launch(*runtime_, [this] { return follow(); });
    world_.after(0s, this, [] {});
  }
  ~ForeignFollower() override {
    die();
    world_.forget(*this);
    runtime_->drop_work();
    mirror_.reset();
  }
  ForeignFollower(const ForeignFollower&) = delete;
  ForeignFollower& operator=(const ForeignFollower&) = delete;

  void run_ready() override { (void)runtime_->run_ready(); }
  env::Runtime& runtime() override { return *runtime_; }
  net::Handler handler() override {
    return [](net::Request&) -> Task<net::Response> { co_return net::Response{}; };
  }

  /// A write that is forwarded; `done` hears whether it is in the replica when the answer is given.
  void write(const std::string& method, const ForeignServer::Id& id,
             std::function<void(std::string answer)> done) {
    const std::shared_ptr<mirror::Mirror> mirror = mirror_;
    const std::shared_ptr<net::Link> link = link_;
    if (!link || !mirror) return;
    (void)env::launch(*runtime_, [mirror, link, method, id, done = std::move(done)]() -> Task<void> {
      mirror::Written written{"F", method, fmt::format("/api/v3/{}/{}", id.first, id.second), mirror->word(),
                              ""};
      net::ClientRequest request;
      request.method = method;
      request.target = written.target;
      Result<net::ClientResponse> answer = co_await link->request(std::move(request));
      if (!answer || answer->status >= 300) co_return;
      Result<std::string> text = co_await net::read_all(*answer->body, 1 << 20);
      if (!text) co_return;
      written.body = *text;
      const mirror::Taken taken = co_await mirror->take_written(std::move(written), 2s);
      if (taken.place) done(*text);
    });
    world_.after(0s, this, [] {});
  }

  std::vector<store::AppliedChange> observed() {
    std::vector<store::AppliedChange> out;
    for (const auto& commit : feed_->take().commits) {
      for (const store::AppliedChange& change : commit->changes) out.push_back(change);
    }
    return out;
  }
  std::optional<std::string> shows(const ForeignServer::Id& id) const {
    return store_->snapshot()->get({id.first, "F", id.second});
  }
  std::map<ForeignServer::Id, std::string> replica() const {
    std::map<ForeignServer::Id, std::string> out;
    for (const char* type : {"alerts", "profiles"}) {
      store_->snapshot()->scan_owner(type, "F", "", [&](std::string_view key, std::string_view body) {
        out[{type, std::string(key)}] = body;
        return true;
      });
    }
    return out;
  }
  /// By what moment of the world everything is in the replica; absent: not known.
  std::optional<Duration> as_of() const {
    const auto moment = mirror_ ? mirror_->as_of("F") : std::nullopt;
    if (!moment) return std::nullopt;
    return world_.now() - (clock_.steady() - *moment);
  }

 private:
  Task<void> follow() {
    replication::SavedPosition position;
    while (alive()) {
      const auto mirror = std::make_shared<mirror::Mirror>(options(), position, kLimits, mirror::Known());
      const std::weak_ptr<mirror::Mirror> weak = mirror;
      manager::Connection connection;
      connection.url = Network::url_of("F");
      Result<std::shared_ptr<net::Link>> link = network_.dial(*this)(connection);
      link_ = *link;
      mirror_ = mirror;
      const Result<void> opened = co_await mirror->open(link_, [] { return std::string("Bearer token"); });
      if (opened) {
        const Error ended = co_await mirror->run();
        world_.tell("M: ended: {}", ended.text());
      }
      position = mirror->position();
      mirror_.reset();
      link_->close();
      (void)co_await timers_.sleep_for(500ms);
    }
  }
  replication::SinkOptions options() {
    return {*store_,
            *tasks_,
            "M",
            "v1",
            "F",
            counters_,
            [this](const std::vector<replication::Announcement>&) { mirror_->subscribe({"F"}); },
            [](const model::EndpointState&) {},
            [](bool) {},
            clock_,
            timers_};
  }

  static constexpr mirror::Limits kLimits{.walk_every = 60s, .pause = 200ms};

  World& world_;
  Network& network_;
  Dice dice_;
  HostClock clock_;
  HostTimers timers_{world_, *this};
  replication::SinkCounters counters_;
  std::unique_ptr<env::Runtime> runtime_;
  std::unique_ptr<store::Store> store_;
  std::shared_ptr<store::CommitFeed> feed_;
  std::unique_ptr<env::TaskGroup> tasks_;
  std::shared_ptr<mirror::Mirror> mirror_;
  std::shared_ptr<net::Link> link_;
};

}  // namespace mullion::simulation
