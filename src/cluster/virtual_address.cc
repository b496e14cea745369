#include "cluster/virtual_address.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>

#include "base/json.h"
#include "cluster/internal/log.h"
#include "env/launch.h"
#include "env/process.h"
#include "env/self.h"
#include "model/members.h"

namespace mullion::cluster {
namespace {

using Where = AddressHold::Where;

/// After it was taken: neighbours lose single packets, and some hear nothing in the first moments.
constexpr std::array kAnnouncements{std::chrono::milliseconds(0),    std::chrono::milliseconds(100),
                                    std::chrono::milliseconds(500),  std::chrono::milliseconds(1000),
                                    std::chrono::milliseconds(2000), std::chrono::milliseconds(4000)};
/// And from then on: a split line that heals remembers the other side.
constexpr auto kAnnouncedAgain = std::chrono::seconds(5);
/// What an earlier process left is not asked for more often; a script may not know it.
constexpr size_t kMostDrops = 3;
constexpr auto kLook = std::chrono::milliseconds(20);
constexpr auto kScriptLimit = std::chrono::seconds(5);
constexpr size_t kLongestScriptOutput = 64 * 1024;

env::Duration announcement(size_t number) {
  if (number < kAnnouncements.size()) return kAnnouncements.at(number);
  return kAnnouncements.back() + kAnnouncedAgain * (number - kAnnouncements.size() + 1);
}

Error wrong(std::string_view field, std::string_view why) {
  return Error(ErrorCode::kInvalid, fmt::format("{}: {}", field, why));
}

std::string_view done_by(AddressStep step) {
  switch (step) {
    case AddressStep::kTake:
      return "taken";
    case AddressStep::kRenew:
      return "renewed";
    case AddressStep::kAnnounce:
      return "announced";
    case AddressStep::kDrop:
      return "given away";
    case AddressStep::kNothing:
      break;
  }
  return "";
}

Result<void> carry_out(AddressMover& mover, AddressStep step) {
  switch (step) {
    case AddressStep::kTake:
      return mover.take();
    case AddressStep::kRenew:
      return mover.renew();
    case AddressStep::kAnnounce:
      return mover.announce();
    case AddressStep::kDrop:
      return mover.drop();
    case AddressStep::kNothing:
      break;
  }
  return {};
}

class KernelMover final : public AddressMover {
 public:
  KernelMover(env::InterfaceAddress address, std::chrono::seconds lifetime)
      : address_(std::move(address)), lifetime_(lifetime) {}
  bool renews() const override { return true; }
  Result<void> take() override { return env::hold_address(address_, lifetime_); }
  Result<void> renew() override { return env::hold_address(address_, lifetime_); }
  Result<void> announce() override { return env::announce_address(address_); }
  Result<void> drop() override { return env::drop_address(address_); }

 private:
  const env::InterfaceAddress address_;
  const std::chrono::seconds lifetime_;
};

class ScriptMover final : public AddressMover {
 public:
  ScriptMover(env::Path script, std::string interface, std::string address)
      : script_(std::move(script)), interface_(std::move(interface)), address_(std::move(address)) {}
  bool renews() const override { return false; }
  Result<void> take() override { return run("add"); }
  Result<void> renew() override { return {}; }
  Result<void> announce() override { return {}; }
  Result<void> drop() override {
    Result<void> done = run("remove");
    // Scripts complain of what is not there, which is as it should be.
    if (!done.ok() && !env::has_address(bare_address(address_))) return {};
    return done;
  }

 private:
  Result<void> run(const char* word) {
    env::ProcessOptions process;
    process.program = script_;
    process.arguments = {word, interface_, address_};
    process.environment = env::own_environment();
    process.directory = "/";
    env::Runtime runtime(1);  // the server's has ended when the address is given away at the end
    const Result<env::ProgramOutput> output =
        env::run(runtime, env::run_program(std::move(process), kScriptLimit, kLongestScriptOutput));
    if (!output.ok()) return output.error();
    if (output->end.good()) return {};
    const std::string said = output->errors.substr(0, output->errors.find('\n')).substr(0, 200);
    return Error(ErrorCode::kInternal, fmt::format("{} {} ended with {}{}{}", script_.string(), word,
                                                   output->end.text(), said.empty() ? "" : ": ", said));
  }

  const env::Path script_;
  const std::string interface_, address_;
};

}  // namespace

AddressStep next_step(const AddressHold& hold, bool serves, bool renews, env::SteadyTime now,
                      const AddressTimes& times) {
  const bool waits = hold.failed && now - *hold.failed < times.retry;
  if (!serves) {
    if (hold.where == Where::kAway || waits || hold.failures >= kMostDrops) return AddressStep::kNothing;
    return AddressStep::kDrop;
  }
  if (hold.where != Where::kHere) return waits ? AddressStep::kNothing : AddressStep::kTake;
  if (!renews) return AddressStep::kNothing;
  if (now - hold.renewed >= times.renewal) return waits ? AddressStep::kNothing : AddressStep::kRenew;
  if (now - hold.taken >= announcement(hold.announced)) return AddressStep::kAnnounce;
  return AddressStep::kNothing;
}

AddressHold after_step(AddressHold hold, AddressStep step, bool done, env::SteadyTime now) {
  // A neighbour that was not told is told again in its turn: nothing depends on it.
  if (step == AddressStep::kAnnounce) ++hold.announced;
  if (step == AddressStep::kAnnounce) return hold;
  hold.failures = done ? 0 : hold.failures + 1;
  hold.failed = done ? std::nullopt : std::optional(now);
  if (step == AddressStep::kTake && done) return {Where::kHere, now, now, 0, 0, {}};
  // What could not be renewed may be gone any moment: it is taken anew.
  if (step == AddressStep::kRenew && !done) hold.where = Where::kUnknown;
  if (step == AddressStep::kRenew && done) hold.renewed = now;
  if (step == AddressStep::kTake && !done) hold.where = Where::kUnknown;
  if (step == AddressStep::kDrop && done) hold.where = Where::kAway;
  return hold;
}

Result<void> check_way(const HaState& wanted, const AddressFacts& facts) {
  if (!wanted.virtual_interface.empty() && !facts.interface_exists)
    return wrong("VirtInterface", fmt::format("there is no interface {}", wanted.virtual_interface));
  if (!wanted.virtual_interface_script.empty() && !facts.script_runs)
    return wrong("VirtInterfaceScript", "is the absolute path of a program that this server can run");
  return {};
}

Result<void> check_address(const HaState& wanted, const AddressFacts& facts) {
  const std::string& address = wanted.virtual_address;
  if (address.empty()) {
    const bool moves = !wanted.virtual_interface.empty() || !wanted.virtual_interface_script.empty();
    return moves ? Result<void>(wrong("VirtInterface", "there is no VirtAddr that could move to it"))
                 : Result<void>();
  }
  if (wanted.load_balanced) {
    const bool plain = env::parse_interface_address(address + "/32", "").ok();
    if (!plain)
      return wrong("VirtAddr", "with LoadBalanced it is the plain address of the balancer, as 192.0.2.1");
    if (facts.address_here) return wrong("VirtAddr", "the address of the balancer is one of this machine");
    return {};
  }
  const Result<env::InterfaceAddress> parsed =
      env::parse_interface_address(address, wanted.virtual_interface);
  if (!parsed.ok()) return wrong("VirtAddr", parsed.error().messages.front() + ", or LoadBalanced is true");
  if (wanted.observer) return {};  // never serves
  const std::string& consensus = wanted.consensus_address;
  if (consensus.substr(0, consensus.rfind(':')) == parsed->address)
    return wrong("VirtAddr", "is the address of ConsensusAddr, which stays with this member");
  if (wanted.virtual_interface.empty())
    return wrong("VirtInterface", "is needed: where VirtAddr goes on this machine");
  if (Result<void> way = check_way(wanted, facts); !way.ok()) return way;
  if (!facts.listens_everywhere)
    return wrong("VirtAddr",
                 "this server listens on one address only (--listen-address) and would not be reached at it");
  if (facts.address_here)
    return wrong("VirtAddr",
                 "this machine has the address already: take it away, the cluster puts it where it serves");
  if (wanted.virtual_interface_script.empty() && !facts.may_move.ok()) {
    return wrong("VirtAddr",
                 facts.may_move.error().messages.front() +
                     "; give it the right, or name a VirtInterfaceScript, or use a balancer (LoadBalanced)");
  }
  return {};
}

std::string bare_address(const std::string& virtual_address) {
  return virtual_address.substr(0, virtual_address.find('/'));
}

std::string url_at_address(const std::string& virtual_address, const std::string& api_url) {
  const std::string address = bare_address(virtual_address);
  const size_t port = api_url.rfind(':');
  if (address.empty() || port == std::string::npos) return {};
  const bool brackets = address.find(':') != std::string::npos;
  return fmt::format("https://{}{}{}{}", brackets ? "[" : "", address, brackets ? "]" : "",
                     api_url.substr(port));
}

std::unique_ptr<AddressMover> kernel_mover(env::InterfaceAddress address, std::chrono::seconds lifetime) {
  return std::make_unique<KernelMover>(std::move(address), lifetime);
}

std::unique_ptr<AddressMover> script_mover(env::Path script, std::string interface, std::string address) {
  return std::make_unique<ScriptMover>(std::move(script), std::move(interface), std::move(address));
}

AddressTarget target_of(const HaState& state) {
  if (state.virtual_address.empty() || state.load_balanced || state.observer) return {};
  return {state.virtual_address, state.virtual_interface, state.virtual_interface_script};
}

std::unique_ptr<AddressMover> mover_of(const AddressTarget& target, uint32_t pace) {
  if (target.address.empty()) return nullptr;
  if (!target.script.empty()) return script_mover(target.script, target.interface, target.address);
  Result<env::InterfaceAddress> address = env::parse_interface_address(target.address, target.interface);
  if (!address.ok()) return nullptr;
  constexpr std::chrono::seconds kLifetime(2);
  return kernel_mover(std::move(*address), kLifetime * pace);
}

std::string encode_targets(const std::vector<AddressTarget>& targets) {
  boost::json::array out;
  for (const AddressTarget& one : targets) {
    out.push_back(
        boost::json::object{{"address", one.address}, {"interface", one.interface}, {"script", one.script}});
  }
  return boost::json::serialize(out);
}

std::vector<AddressTarget> decode_targets(std::string_view text) {
  const Result<boost::json::value> parsed = parse_json(text);
  std::vector<AddressTarget> out;
  if (!parsed.ok() || !parsed->is_array()) return out;
  for (const boost::json::value& one : parsed->get_array()) {
    if (!one.is_object()) continue;
    const boost::json::object& object = one.get_object();
    out.push_back({model::text_member(object, "address"), model::text_member(object, "interface"),
                   model::text_member(object, "script")});
  }
  return out;
}

AddressKeeper::AddressKeeper(Ways ways, const env::Clock& clock, AddressTimes times,
                             const std::vector<AddressTarget>& before)
    : ways_(std::move(ways)), clock_(clock), times_(times) {
  for (const AddressTarget& target : before) {
    if (std::unique_ptr<AddressMover> mover = ways_.mover(target))
      kept_.push_back(std::make_shared<Kept>(Kept{target, std::move(mover), {}, {}}));
  }
}

void AddressKeeper::stop() {
  {
    const Lock lock(mutex_);
    stopping_ = true;
  }
  stop_.notify_all();
  if (thread_.joinable()) thread_.join();
  std::vector<KeptPtr> left;
  {
    const Lock lock(mutex_);
    left.swap(kept_);
  }
  for (const KeptPtr& kept : left) {
    if (kept->hold.where == Where::kHere) (void)kept->mover->drop();
  }
}

void AddressKeeper::start() {
  thread_ = std::thread([this] { run(); });
}

void AddressKeeper::move_to(const AddressTarget& target) { want(target, false); }
void AddressKeeper::try_out(const AddressTarget& target) { want(target, true); }

void AddressKeeper::want(const AddressTarget& target, bool trial) {
  const Lock remembering(remember_mutex_);
  std::vector<AddressTarget> all = targets();
  if (!target.address.empty() && std::ranges::find(all, target) == all.end()) {
    all.push_back(target);
    if (ways_.remember) ways_.remember(all);
  }
  {
    const Lock lock(mutex_);
    const auto found = std::ranges::find(kept_, target, [](const KeptPtr& one) { return one->target; });
    if (found == kept_.end()) {
      if (std::unique_ptr<AddressMover> mover = ways_.mover(target))
        kept_.push_back(std::make_shared<Kept>(Kept{target, std::move(mover), {}, {}}));
    } else if (target != wanted_) {  // what failed before says nothing of the next attempt
      (*found)->hold.failures = 0;
      (*found)->hold.failed.reset();
      (*found)->trouble.clear();
    }
    wanted_ = target;
    trial_ = trial;
  }
  stop_.notify_all();
}

std::vector<AddressTarget> AddressKeeper::targets() const {
  const Lock lock(mutex_);
  std::vector<AddressTarget> out;
  for (const KeptPtr& kept : kept_) out.push_back(kept->target);
  return out;
}

void AddressKeeper::remember() {
  if (!ways_.remember) return;
  const Lock remembering(remember_mutex_);
  ways_.remember(targets());
}

void AddressKeeper::run() {
  while (true) {
    while (step()) {
    }
    Lock lock(mutex_);
    const auto idle = [this]() REQUIRES(mutex_) { return kept_.empty(); };
    if (idle()) {
      stop_.wait(lock, [this, &idle]() REQUIRES(mutex_) { return stopping_ || !idle(); });
    } else {
      stop_.wait_for(lock, kLook, [this]() REQUIRES(mutex_) { return stopping_; });
    }
    if (stopping_) return;
  }
}

bool AddressKeeper::wanted(const Kept& kept) const { return kept.target == wanted_; }

bool AddressKeeper::wanted_is_here() const {
  return std::ranges::any_of(kept_, [this](const KeptPtr& one) REQUIRES(mutex_) {
    return wanted(*one) && one->hold.where == Where::kHere;
  });
}

/// The same address by another way: to let go of one of them would take the other one away as well.
bool AddressKeeper::another_way_is_left(const Kept& kept) const {
  return std::ranges::any_of(kept_, [&](const KeptPtr& one) {
    return one.get() != &kept && bare_address(one->target.address) == bare_address(kept.target.address);
  });
}

AddressStep AddressKeeper::step_of(const Kept& kept, bool serves) const {
  const env::SteadyTime now = clock_.steady();
  const bool renews = kept.mover->renews();
  if (wanted(kept)) {
    const AddressStep step = next_step(kept.hold, serves, renews, now, times_);
    return step == AddressStep::kTake && another_way_is_left(kept) ? AddressStep::kNothing : step;
  }
  const bool same = bare_address(kept.target.address) == bare_address(wanted_.address);
  const bool needed = trial_ || (!wanted_.address.empty() && !wanted_is_here());
  const bool stays = kept.hold.where == Where::kHere && serves && !same && needed;
  AddressHold hold = kept.hold;
  hold.failures = std::min(hold.failures, kMostDrops - 1);  // what is known to be here is never given up
  return next_step(hold, stays, renews, now, times_);
}

bool AddressKeeper::step() {
  const bool serves = ways_.serves();
  KeptPtr due;
  AddressStep step = AddressStep::kNothing;
  {
    const Lock lock(mutex_);
    if (stopping_) return false;
    for (const KeptPtr& kept : kept_) {
      step = step_of(*kept, serves);
      if (step == AddressStep::kNothing) continue;
      due = kept;
      break;
    }
  }
  if (!due) return false;
  const Result<void> done = carry_out(*due->mover, step);
  bool left = false;
  {
    const Lock lock(mutex_);
    note(*due, step, done);
    left = std::erase_if(kept_, [this](const KeptPtr& one) REQUIRES(mutex_) {
             return one->hold.where == Where::kAway && !wanted(*one);
           }) != 0;
  }
  if (left) remember();
  return true;
}

void AddressKeeper::note(Kept& kept, AddressStep step, const Result<void>& done) {
  kept.hold = after_step(kept.hold, step, done.ok(), clock_.steady());
  if (step == AddressStep::kAnnounce) return;
  const std::string name = wanted(kept) ? "" : " " + kept.target.address;
  const std::string problem = done.ok() ? ""
                                        : fmt::format("the cluster's address{} was not {}: {}", name,
                                                      done_by(step), done.error().messages.front());
  if (!problem.empty() && problem != kept.trouble) kLog.error("{}", problem);
  if (problem.empty() && step != AddressStep::kRenew)
    kLog.info("the cluster's address {} was {}", kept.target.address, done_by(step));
  kept.trouble = problem;
}

AddressKeeper::Standing AddressKeeper::standing(const AddressTarget& target) const {
  const Lock lock(mutex_);
  if (target != wanted_) return Standing::kFailed;
  for (const KeptPtr& kept : kept_) {
    if (!wanted(*kept)) continue;
    if (kept->hold.where == Where::kHere) return Standing::kHere;
    return kept->hold.failures == 0 ? Standing::kNotYet : Standing::kFailed;
  }
  return target.address.empty() ? Standing::kHere : Standing::kFailed;
}

bool AddressKeeper::has(const std::string& address) const {
  const Lock lock(mutex_);
  return std::ranges::any_of(kept_, [&](const KeptPtr& one) {
    return bare_address(one->target.address) == address && one->hold.where == Where::kHere;
  });
}

/// Of the address that counts before those that are to go.
std::string AddressKeeper::trouble() const {
  const Lock lock(mutex_);
  std::string out;
  for (const KeptPtr& kept : kept_) {
    if (wanted(*kept) && !kept->trouble.empty()) return kept->trouble;
    if (out.empty()) out = kept->trouble;
  }
  return out;
}

}  // namespace mullion::cluster
