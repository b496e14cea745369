// One simulation: servers, clients, faults and the end of faults, all by one seed.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "simulation/server_testing.h"

namespace mullion::simulation {

/// Who is attached to whom.
struct Shape {
  std::string name;
  std::vector<std::string> servers;
  std::vector<std::pair<std::string, std::string>> attached;  // (manager, endpoint)
};

inline const std::vector<Shape>& shapes() {
  static const std::vector<Shape> all = {
      {"pair", {"R1", "A"}, {{"R1", "A"}}},
      {"chain", {"M1", "R1", "A"}, {{"M1", "R1"}, {"R1", "A"}}},
      {"diamond", {"M1", "R1", "R2", "B"}, {{"M1", "R1"}, {"M1", "R2"}, {"R1", "B"}, {"R2", "B"}}},
      {"two ways of different length", {"M1", "R1", "A"}, {{"M1", "R1"}, {"M1", "A"}, {"R1", "A"}}},
      {"ring", {"M1", "R1", "A"}, {{"M1", "R1"}, {"R1", "M1"}, {"R1", "A"}}},
      {"seven",
       {"M1", "R1", "R2", "A", "B", "C", "D"},
       {{"M1", "R1"}, {"M1", "R2"}, {"R1", "A"}, {"R1", "B"}, {"R2", "C"}, {"R2", "D"}}},
      {"seven and a diamond",
       {"M1", "R1", "R2", "A", "B", "C", "D"},
       {{"M1", "R1"}, {"M1", "R2"}, {"R1", "A"}, {"R1", "B"}, {"R2", "B"}, {"R2", "C"}, {"R2", "D"}}},
  };
  return all;
}

struct Outcome {
  std::string breach;  // empty: everything held
  std::string shape;
  uint64_t hash = 0, steps = 0;
  size_t writes = 0, acknowledged = 0, pending = 0, faults = 0;
  Duration healed{0};  // how long after the last fault all replicas were equal
};

struct Wanted {
  const Shape* shape = nullptr;  // null: by the seed
  bool faults = true;
  bool told = false;
  /// Until all faults are over; how long everything may take to be equal afterwards.
  Duration busy = 20s, healing = 60s;
};

class Scenario {
 public:
  static constexpr Duration kQuiet = 4s;

  explicit Scenario(uint64_t seed, const Wanted& wanted = {})
      : busy_(wanted.busy),
        healing_(wanted.healing),
        world_(seed, wanted.told),
        dice_(seed),
        network_(world_, seed),
        truth_(world_) {
    SeededChance::begin(seed);
    shape_ = wanted.shape != nullptr ? wanted.shape : &shapes()[dice_.below(shapes().size())];
    wild_ = wanted.faults ? dice_.below(4) : 0;
    log_bytes_ = dice_.chance(30) ? 4000 : 64000;
    world_.after_step = [this](Host& host) { look_at(static_cast<Server&>(host)); };
  }

  virtual ~Scenario() {
    for (const auto& [name, server] : servers_) {
      if (server->alive()) server->kill(true);
    }
  }

  Outcome run() {
    make_servers();
    for (const auto& [above, below] : shape_->attached) servers_.at(above)->be_manager(true);
    for (const auto& [above, below] : shape_->attached) attach_soon(above, below, dice_.between(0ms, 2s));
    world_.after(1s, nullptr, [this] { client_turn(); });
    if (wild_ > 0) world_.after(2s, nullptr, [this] { fault_turn(); });
    begin_more();
    run_until(busy_);
    heal();
    heal_more();
    const Duration healing = world_.now();
    std::string missing = "not looked at";
    while (!missing.empty() && truth_.breach().empty() && world_.now() < healing + healing_) {
      run_until(world_.now() + 1s);
      missing = what_is_missing();
      if (missing.empty()) missing = what_else_is_missing();
    }
    if (!missing.empty()) truth_.fail(fmt::format("not equal after {} s: {}", healing_ / 1s, missing));
    const Duration healed = world_.now() - healing;
    if (truth_.breach().empty()) be_quiet();
    look_back();
    Outcome out;
    out.breach = truth_.breach();
    out.shape = shape_->name;
    out.healed = healed;
    out.hash = world_.hash();
    out.steps = world_.steps();
    out.writes = writes_.size();
    out.acknowledged = acknowledged_;
    out.pending = pending_;
    out.faults = faults_;
    return out;
  }

 protected:
  // What scenarios that are about more than objects add.
  virtual std::vector<std::unique_ptr<Part>> parts_of(const std::string&) { return {}; }
  virtual void begin_more() {}
  virtual void look_closer(Server&) {}
  virtual bool may_be_set(const Server&) { return true; }
  virtual void heal_more() {}
  /// Why it is not over yet; empty when it is.
  virtual std::string what_else_is_missing() { return ""; }

  World& world() { return world_; }
  Truth& truth() { return truth_; }
  const Shape& shape() const { return *shape_; }
  Server& server(const std::string& name) { return *servers_.at(name); }
  Duration busy() const { return busy_; }
  bool is_wild() const { return wild_ > 0; }

  /// Undone after a while, and at the end of all faults at the latest.
  void until(Duration duration, const std::function<void()>& undo) {
    const auto wanted = std::make_shared<std::function<void()>>(undo);
    undone_.push_back(wanted);
    world_.after(
        duration, nullptr,
        [this, raw = wanted.get()] {
          const auto found = std::ranges::find(undone_, raw, [](const auto& one) { return one.get(); });
          const auto held = *found;
          undone_.erase(found);
          (*held)();
        },
        std::weak_ptr<void>(wanted));
  }

  void lose_answers(const Server& up, const Server& down, Duration duration) {
    world_.tell("fault: {} loses answers of {}", up.name(), down.name());
    network_.way(up, down).lost_answers = 50;
    until(duration, [this, &up, &down] { network_.way(up, down).lost_answers = 0; });
  }

 private:
  void make_servers() {
    for (const std::string& name : shape_->servers) {
      const uint64_t seed = dice_.next();
      servers_.emplace(
          name, std::make_unique<Server>(world_, network_, truth_, name, seed, log_bytes_, parts_of(name)));
    }
  }
  void run_until(Duration end) {
    while (truth_.breach().empty() && world_.step(end)) continue;
  }

  // ---- what is looked at after each step

  void look_at(Server& server) {
    server.observe();
    std::vector<std::string> owners;
    for (const auto& [name, other] : servers_) {
      if (name != server.name()) owners.push_back(name);
    }
    for (const manager::OwnerFreshness& fresh :
         server.manager().freshness(owners, manager::ReadFrom::no_objects())) {
      const auto age = std::chrono::duration_cast<Duration>(std::chrono::duration<double>(fresh.age_seconds));
      truth_.holds(server.name(), fresh.owner, world_.now() - age);
    }
    look_closer(server);
  }

  // ---- clients

  struct Write {
    std::string server, owner, body;
    ObjectKey key;
    bool acknowledged = false, refused = false;
  };

  void client_turn() {
    if (world_.now() >= busy_) return;
    write_something();
    world_.after(dice_.between(20ms, 600ms), nullptr, [this] { client_turn(); });
  }

  void write_something() {
    Server& server = some_server();
    if (!server.alive()) return;
    const std::string owner = some_server().name();
    const ObjectKey key{dice_.chance(70) ? "profiles" : "params", fmt::format("k{}", dice_.below(6))};
    const std::string target = fmt::format("/{}/api/v3/{}/{}", owner, key.first, key.second);
    const bool deletes = dice_.chance(20);
    const std::string body =
        deletes ? ""
                : fmt::format(R"({{"Name":"{}","Description":"{}-{}"}})", key.second, owner, writes_.size());
    const size_t number = writes_.size();
    writes_.push_back({server.name(), owner, body, key});
    world_.tell("client at {}: {} {} {}", server.name(), deletes ? "DELETE" : "PUT", target, number);
    server.ask(deletes ? "DELETE" : "PUT", target, body,
               [this, number](const Heard& heard) { answered(writes_[number], heard, number); });
    world_.after(0s, &server, [] {});
  }

  void answered(Write& write, const Heard& heard, size_t number) {
    world_.tell("client at {}: answer {} to {}: {} {}", write.server, heard.status, number, heard.text,
                heard.pending);
    for (const auto& [name, server] : servers_) server->observe();
    if (heard.status == 200) {
      write.acknowledged = true;
      ++acknowledged_;
      if (!heard.pending.empty()) ++pending_;
      const auto mark = manager::parse_commit_mark(heard.commit);
      if (!mark || mark->owner != write.owner)
        return truth_.fail(fmt::format("an answer names the commit '{}'", heard.commit));
      truth_.shows(write.owner, write.owner, mark->cursor.seq, write.key);
    } else if (heard.text.find("may have been carried out") == std::string::npos) {
      write.refused = true;
    }
    check(write, number);
  }

  /// At most once; exactly once when it was acknowledged; never when it was refused.
  void check(const Write& write, size_t number) {
    if (write.body.empty()) return;
    const size_t applied = truth_.applied(write.owner, write.key, write.body);
    if (applied > 1) truth_.fail(fmt::format("write {} was carried out {} times", number, applied));
    if (write.acknowledged && applied == 0)
      truth_.fail(fmt::format("write {} was acknowledged and is not there", number));
    if (write.refused && applied > 0)
      truth_.fail(fmt::format("write {} was refused and carried out", number));
  }

  void look_back() {
    for (size_t i = 0; i < writes_.size(); ++i) check(writes_[i], i);
  }

  // ---- who is attached

  void attach_soon(const std::string& above, const std::string& below, Duration pause) {
    // Held by whoever is at it: a server that is killed meanwhile lets go.
    const auto attaching = std::make_shared<bool>(true);
    attaching_.push_back(attaching);
    world_.after(pause, nullptr, [this, above, below, attaching] {
      Server& server = *servers_.at(above);
      if (!server.alive()) return attach_soon(above, below, 1s);
      server.attach(below, [this, above, below, attaching](bool done) {
        const bool there = truth_.contents(above).contains({"endpoints", below});
        if (!done && !there) attach_soon(above, below, dice_.between(500ms, 3s));
      });
    });
  }

  std::set<std::string> below(const std::string& name) {
    std::set<std::string> out;
    std::vector<std::string> next{name};
    while (!next.empty()) {
      const std::string one = std::move(next.back());
      next.pop_back();
      for (const auto& [key, body] : truth_.contents(one)) {
        if (key.first == "endpoints" && key.second != name && out.insert(key.second).second)
          next.push_back(key.second);
      }
    }
    return out;
  }

  // ---- faults

  Server& some_server() { return *servers_.at(dice_.one_of(shape_->servers)); }

  void fault_turn() {
    if (world_.now() >= busy_) return;
    ++faults_;
    some_fault();
    const Duration longest = wild_ == 1 ? 6s : wild_ == 2 ? 3s : 1s;
    world_.after(dice_.between(100ms, longest), nullptr, [this] { fault_turn(); });
  }

  void some_fault() {
    const auto& [above, below] = dice_.one_of(shape_->attached);
    Server& up = *servers_.at(above);
    Server& down = *servers_.at(below);
    const Duration long_time = dice_.between(200ms, dice_.chance(30) ? 18s : 4s);
    switch (dice_.below(14)) {
      case 0:
        world_.tell("fault: {} and {} are cut", above, below);
        return network_.cut(up, down);
      case 1:
        return hold(up, down, long_time);
      case 2:
        return hold(down, up, long_time);
      case 3:
        hold(up, down, long_time);
        return hold(down, up, long_time);
      case 4:
        world_.tell("fault: {} does not reach {}", above, below);
        network_.way(up, down).refused = true;
        network_.cut(up, down);
        return until(long_time, [this, &up, &down] { network_.way(up, down).refused = false; });
      case 5:
        return lose_answers(up, down, long_time);
      case 6:
        return make_slow(up, down, long_time);
      case 7:
        return kill_something(long_time);
      case 8:
        return set_clock(some_server());
      case 9:
        return detach(above, below, long_time);
      case 10:
        return meddle(up);
      case 11:
        return turn_off(up, long_time);
      case 12:
        return fail_reads(some_server(), long_time);
      default:
        return trouble(some_server(), long_time);
    }
  }

  void hold(const Server& from, const Server& to, Duration duration) {
    world_.tell("fault: what {} says to {} is held up", from.name(), to.name());
    network_.hold(from, to);
    until(duration, [this, &from, &to] { network_.release(from, to); });
  }
  void make_slow(const Server& one, const Server& other, Duration duration) {
    const Duration slowest = dice_.between(100ms, 3s);
    world_.tell("fault: the way from {} to {} is slow", one.name(), other.name());
    network_.way(one, other).slowest = slowest;
    until(duration, [this, &one, &other] { network_.way(one, other).slowest = 20ms; });
  }
  void kill_something(Duration duration) {
    Server& server = some_server();
    if (!server.alive()) return;
    server.kill(dice_.chance(50));
    until(duration, [&server] {
      if (!server.alive()) server.start();
    });
  }
  void set_clock(Server& server) {
    if (!may_be_set(server)) return;
    const Duration by = dice_.between(-3600s, 3600s);
    world_.tell("fault: the clock of {} is set by {} s", server.name(), by / 1s);
    server.clock().set_wall_by(by);
  }
  void detach(const std::string& above, const std::string& below, Duration duration) {
    Server& server = *servers_.at(above);
    if (!server.alive()) return;
    world_.tell("fault: {} is detached from {}", below, above);
    server.detach(below);
    if (dice_.chance(50)) duration = dice_.between(1ms, 500ms);
    if (dice_.chance(80)) until(duration, [this, above, below] { attach_soon(above, below, 0s); });
  }
  /// Something writes past the product into a replica, which differs from then on until that is noticed.
  void meddle(Server& server) {
    const auto view = server.store().snapshot();
    const std::vector<std::string> owners = view->remote_owners();
    if (!server.alive() || owners.empty()) return;
    const std::string owner = dice_.one_of(owners);
    const ObjectKey key{dice_.chance(50) ? "profiles" : "params", fmt::format("k{}", dice_.below(6))};
    world_.tell("fault: {}/{} of {} is meddled with at {}", key.first, key.second, owner, server.name());
    truth_.doubt(owner);
    meddled_.insert(owner);
    store::Batch batch;
    batch.changes.emplace_back() = {{key.first, owner, key.second}, std::nullopt};
    if (dice_.chance(60)) batch.changes.front().body = R"({"Name":"x","Description":"meddled"})";
    if (const auto origin = view->origin_cursor(owner)) batch.origin = store::Origin{owner, *origin};
    server.store().commit(std::move(batch), [](const Result<store::Committed>&) {});
  }
  void turn_off(Server& server, Duration duration) {
    if (!server.alive()) return;
    world_.tell("fault: {} is no manager", server.name());
    server.be_manager(false);
    until(duration, [this, &server] { turn_on(server); });
  }
  void turn_on(Server& server) {
    if (!server.alive()) return world_.after(1s, nullptr, [this, &server] { turn_on(server); });
    server.be_manager(true);
  }
  void fail_reads(Server& server, Duration duration) {
    world_.tell("fault: reads of {} fail now and then", server.name());
    server.fail_reads(static_cast<int>(dice_.between(1ns, 10ns).count()));
    until(duration, [&server] { server.fail_reads(0); });
  }
  void trouble(Server& server, Duration duration) {
    if (dice_.chance(30)) {
      world_.tell("fault: {} forgets tokens", server.name());
      return server.revoke_tokens();
    }
    world_.tell("fault: the disk of {} is slow", server.name());
    server.slow_disk = true;
    until(duration, [&server] { server.slow_disk = false; });
  }

  void heal() {
    world_.tell("all faults are over");
    for (const auto& undo : std::exchange(undone_, {})) (*undo)();
    touch_meddled();
  }
  /// What differs is noticed with the next commit of its type.
  void touch_meddled() {
    for (const std::string& owner : meddled_) {
      Server& server = *servers_.at(owner);
      for (const std::string type : {"profiles", "params"})
        server.ask("PUT", fmt::format("/{}/api/v3/{}/last", owner, type), R"({"Name":"last"})",
                   [](const Heard&) {});
      world_.after(0s, &server, [] {});
    }
  }

  // ---- the end

  /// Why not every replica equals its owner; empty when they do.
  std::string what_is_missing(double patience = 1) {
    std::erase_if(attaching_, [](const auto& one) { return one.expired(); });
    if (!attaching_.empty()) return "somebody is being attached";
    for (const auto& [name, server] : servers_) {
      std::string missing = what_is_missing_at(*server, patience);
      if (!missing.empty()) return missing;
    }
    return "";
  }
  std::string what_is_missing_at(Server& server, double patience) {
    if (!server.alive()) return server.name() + " is not there";
    const std::set<std::string> wanted = below(server.name());
    const auto view = server.store().snapshot();
    for (const std::string& owner : view->remote_owners()) {
      if (!wanted.contains(owner)) return fmt::format("{} still has objects of {}", server.name(), owner);
    }
    for (const std::string& owner : wanted) {
      if (stored(*view, owner) != truth_.contents(owner))
        return fmt::format("the replica of {} at {} differs", owner, server.name());
      const manager::OwnerFreshness fresh =
          server.manager().freshness({owner}, manager::ReadFrom::everything()).front();
      if (!fresh.in_touch) return fmt::format("{} is not in touch with {}", server.name(), owner);
      if (fresh.age_seconds > fresh.resolution_seconds * patience)
        return fmt::format("{} at {} is {:.1f} s old", owner, server.name(), fresh.age_seconds);
    }
    if (stored(*view, "") != truth_.contents(server.name()))
      return server.name() + " does not have what it committed";
    return "";
  }
  /// When nothing happens servers say little.
  void be_quiet() {
    constexpr uint64_t kStepsPerSecond = 40;  // of one connection
    const uint64_t before = world_.steps();
    run_until(world_.now() + kQuiet);
    const uint64_t steps = world_.steps() - before;
    if (steps > kStepsPerSecond * shape_->attached.size() * static_cast<uint64_t>(kQuiet / 1s))
      truth_.fail(fmt::format("{} steps in {} s in which nothing happens", steps, kQuiet / 1s));
    const std::string missing = what_is_missing(2);  // ages of before may be told once more
    if (!missing.empty()) truth_.fail(fmt::format("equal and then not any more: {}", missing));
  }

  static std::map<ObjectKey, std::string> stored(const store::Snapshot& view, const std::string& owner) {
    std::map<ObjectKey, std::string> out;
    for (const std::string& type : kTypes) {
      view.scan_owner(type, owner, "", [&](std::string_view key, std::string_view body) {
        out.emplace(ObjectKey{type, key}, body);
        return true;
      });
    }
    return out;
  }

  const Duration busy_, healing_;
  World world_;
  Dice dice_;
  Network network_;
  Truth truth_;
  const Shape* shape_ = nullptr;
  uint64_t wild_ = 0, log_bytes_ = 0;
  std::map<std::string, std::unique_ptr<Server>> servers_;
  std::vector<Write> writes_;
  std::set<std::string> meddled_;  // owners
  std::vector<std::shared_ptr<std::function<void()>>> undone_;
  std::vector<std::weak_ptr<bool>> attaching_;
  size_t acknowledged_ = 0, pending_ = 0, faults_ = 0;
};

}  // namespace mullion::simulation
