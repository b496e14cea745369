#include "cluster/virtual_address.h"

#include <fmt/format.h>

#include <array>

#include "cluster/internal/log.h"
#include "env/launch.h"
#include "env/process.h"
#include "env/self.h"

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
  if (!facts.interface_exists)
    return wrong("VirtInterface", fmt::format("there is no interface {}", wanted.virtual_interface));
  if (!facts.listens_everywhere)
    return wrong("VirtAddr",
                 "this server listens on one address only (--listen-address) and would not be reached at it");
  if (facts.address_here)
    return wrong("VirtAddr",
                 "this machine has the address already: take it away, the cluster puts it where it serves");
  if (!wanted.virtual_interface_script.empty() && !facts.script_runs)
    return wrong("VirtInterfaceScript", "is the absolute path of a program that this server can run");
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

std::unique_ptr<AddressMover> mover_of(const HaState& state, uint32_t pace) {
  if (state.virtual_address.empty() || state.load_balanced || state.observer) return nullptr;
  if (!state.virtual_interface_script.empty())
    return script_mover(state.virtual_interface_script, state.virtual_interface, state.virtual_address);
  Result<env::InterfaceAddress> address =
      env::parse_interface_address(state.virtual_address, state.virtual_interface);
  if (!address.ok()) return nullptr;
  constexpr std::chrono::seconds kLifetime(2);
  return kernel_mover(std::move(*address), kLifetime * pace);
}

AddressKeeper::AddressKeeper(std::unique_ptr<AddressMover> mover, std::function<bool()> serves,
                             const env::Clock& clock, AddressTimes times)
    : mover_(std::move(mover)), serves_(std::move(serves)), clock_(clock), times_(times) {}

AddressKeeper::~AddressKeeper() {
  {
    const Lock lock(mutex_);
    stopping_ = true;
  }
  stop_.notify_all();
  if (thread_.joinable()) thread_.join();
  if (holds()) (void)carry_out(AddressStep::kDrop);
}

void AddressKeeper::start() {
  thread_ = std::thread([this] { run(); });
}

void AddressKeeper::run() {
  while (true) {
    while (step()) {
    }
    Lock lock(mutex_);
    if (stop_.wait_for(lock, kLook, [this]() REQUIRES(mutex_) { return stopping_; })) return;
  }
}

bool AddressKeeper::step() {
  AddressHold hold;
  {
    const Lock lock(mutex_);
    if (stopping_) return false;
    hold = hold_;
  }
  const AddressStep step = next_step(hold, serves_(), mover_->renews(), clock_.steady(), times_);
  if (step == AddressStep::kNothing) return false;
  const Result<void> done = carry_out(step);
  const Lock lock(mutex_);
  hold_ = after_step(hold, step, done.ok(), clock_.steady());
  if (step == AddressStep::kAnnounce) return true;
  const std::string problem = done.ok() ? ""
                                        : fmt::format("the cluster's address was not {}: {}", done_by(step),
                                                      done.error().messages.front());
  if (!problem.empty() && problem != trouble_) kLog.error("{}", problem);
  if (problem.empty() && step != AddressStep::kRenew)
    kLog.info("the cluster's address was {}", done_by(step));
  trouble_ = problem;
  return true;
}

Result<void> AddressKeeper::carry_out(AddressStep step) {
  switch (step) {
    case AddressStep::kTake:
      return mover_->take();
    case AddressStep::kRenew:
      return mover_->renew();
    case AddressStep::kAnnounce:
      return mover_->announce();
    case AddressStep::kDrop:
      return mover_->drop();
    case AddressStep::kNothing:
      break;
  }
  return {};
}

bool AddressKeeper::holds() const {
  const Lock lock(mutex_);
  return hold_.where == Where::kHere;
}

std::string AddressKeeper::trouble() const {
  const Lock lock(mutex_);
  return trouble_;
}

}  // namespace mullion::cluster
