// The world of a simulation: what happens when, by one seed.
#pragma once

#include <fmt/format.h>
#include <sodium.h>

#include <cstdint>
#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include "env/dice_testing.h"
#include "env/random.h"
#include "env/timers.h"

namespace mullion::simulation {

using namespace std::chrono_literals;
using env::Dice;
using env::Duration;
using env::Task;

/// Longer than any simulation takes on a real clock: for waits that end by a signal.
inline constexpr Duration kForEver = std::chrono::hours(24);

/// The chance that the product asks for itself (epochs, nonces), by the seed as well.
class SeededChance {
 public:
  /// From now on what is drawn follows `seed`, whatever was drawn before.
  static void begin(uint64_t seed) {
    static const bool replaced = replace();
    (void)replaced;
    dice() = Dice(seed);
    // random_id() keeps some in hand: those go first.
    const uint64_t before = draws();
    while (draws() == before) (void)env::random_id();
  }

 private:
  static Dice& dice() {
    static Dice made(0);
    return made;
  }
  static uint64_t& draws() {
    static uint64_t made = 0;
    return made;
  }
  static void fill(void* out, size_t size) {
    ++draws();
    auto* bytes = static_cast<unsigned char*>(out);
    for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<unsigned char>(dice().next() >> 32);
  }
  static uint32_t number() {
    uint32_t out = 0;
    fill(&out, sizeof(out));
    return out;
  }
  static bool replace() {
    static randombytes_implementation seeded{};
    seeded.implementation_name = [] { return "seeded"; };
    seeded.random = number;
    seeded.buf = fill;
    if (sodium_init() < 0) return false;
    return randombytes_set_implementation(&seeded) == 0;
  }
};

/// What has a life of its own: a server, from its start until it is killed. What is to happen in one life
/// does not happen in the next.
class Host {
 public:
  explicit Host(std::string name) : name_(std::move(name)) {}
  virtual ~Host() = default;
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;

  const std::string& name() const { return name_; }
  bool alive() const { return alive_; }
  uint64_t life() const { return life_; }
  /// Does what it can do now.
  virtual void run_ready() = 0;

 protected:
  void be_born() {
    ++life_;
    alive_ = true;
  }
  void die() { alive_ = false; }

 private:
  const std::string name_;
  uint64_t life_ = 0;
  bool alive_ = false;
};

/// Events in the order of a time that stands still between them; those of the same moment in an order of the
/// seed. One thread.
class World {
 public:
  World(uint64_t seed, bool told) : ties_(seed ^ 0x7469657374696573), told_(told) {}

  /// Since the beginning.
  Duration now() const { return now_; }
  /// At `when`, if `host` lives the same life then (null: in any case) and `wanted`, when it is given, is
  /// still held by somebody.
  void at(Duration when, Host* host, std::function<void()> what,
          std::optional<std::weak_ptr<void>> wanted = std::nullopt) {
    const Place place{std::max(when, now_), ties_.next() >> 32, ++number_};
    events_.emplace(place,
                    Event{host, host == nullptr ? 0 : host->life(), std::move(what), std::move(wanted)});
  }
  void after(Duration pause, Host* host, std::function<void()> what,
             std::optional<std::weak_ptr<void>> wanted = std::nullopt) {
    at(now_ + pause, host, std::move(what), std::move(wanted));
  }
  /// Nothing that was to happen to `host` happens any more.
  void forget(const Host& host) {
    std::erase_if(events_, [&](const auto& event) { return event.second.host == &host; });
  }
  /// The next event, and all that its host does then. False: there is none until `limit`, which is now.
  bool step(Duration limit) {
    while (!events_.empty() && std::get<0>(events_.begin()->first) <= limit) {
      auto node = events_.extract(events_.begin());
      const Event& event = node.mapped();
      Host* host = event.host;
      if (host != nullptr && (!host->alive() || host->life() != event.life)) continue;
      if (event.wanted && event.wanted->expired()) continue;
      now_ = std::get<0>(node.key());
      ++steps_;
      mix(static_cast<uint64_t>(now_.count()));
      event.what();
      if (host == nullptr || !host->alive()) return true;
      mix(host->name());
      host->run_ready();
      if (after_step) after_step(*host);
      return true;
    }
    now_ = std::max(now_, limit);
    return false;
  }
  /// After each step of a host.
  std::function<void(Host&)> after_step;

  /// A line of the trace: part of its hash, and told when somebody reads along.
  template <typename... Args>
  void tell(fmt::format_string<Args...> format, Args&&... args) {
    const std::string line = fmt::format(format, std::forward<Args>(args)...);
    mix(line);
    if (told_) fmt::print(stderr, "{:>9.4f}  {}\n", std::chrono::duration<double>(now_).count(), line);
  }
  bool told() const { return told_; }
  /// Of everything that happened so far.
  uint64_t hash() const { return hash_; }
  uint64_t steps() const { return steps_; }

 private:
  using Place = std::tuple<Duration, uint64_t, uint64_t>;
  struct Event {
    Host* host;
    uint64_t life;
    std::function<void()> what;
    std::optional<std::weak_ptr<void>> wanted;
  };
  void mix(uint64_t number) { hash_ = (hash_ ^ number) * 0x100000001b3; }
  void mix(std::string_view text) {
    for (const char c : text) mix(static_cast<unsigned char>(c));
  }

  Dice ties_;
  const bool told_;
  Duration now_{0};
  uint64_t number_ = 0, steps_ = 0, hash_ = 0xcbf29ce484222325;
  std::map<Place, Event> events_;
};

/// The clocks of one server: the steady one begins anew with each of its lives, the wall clock is set by
/// anybody.
class HostClock final : public env::Clock {
 public:
  explicit HostClock(const World& world) : world_(world) {}
  env::WallTime wall() const override { return env::ManualClock().wall() + world_.now() + skew_; }
  env::SteadyTime steady() const override { return env::SteadyTime(world_.now() + boot_); }
  void begin_anew(Duration boot) { boot_ = boot; }
  void set_wall_by(Duration step) { skew_ += step; }

 private:
  const World& world_;
  Duration boot_{0}, skew_{0};
};

/// Waits of one server, in the time of the world.
class HostTimers final : public env::Timers {
 public:
  HostTimers(World& world, Host& host) : world_(world), host_(host) {}
  Task<bool> wait(env::Signal& signal, uint64_t seen, Duration timeout) const override {
    if (signal.version() != seen) co_return true;
    co_await env::unless(until_notified(signal, seen), until(timeout));
    co_return signal.version() != seen;
  }
  Task<bool> sleep_for(Duration duration) const override {
    const auto alarm = std::make_shared<env::Signal>();
    world_.after(
        duration, &host_, [raw = alarm.get()] { raw->notify_all(); }, std::weak_ptr<void>(alarm));
    co_return co_await alarm->wait(0, kForEver);
  }

 private:
  static Task<bool> until_notified(env::Signal& signal, uint64_t seen) { return signal.wait(seen, kForEver); }
  Task<void> until(Duration timeout) const { (void)co_await sleep_for(timeout); }

  World& world_;
  Host& host_;
};

}  // namespace mullion::simulation
