// The cluster's address at this member, and how it is changed.
#include <fmt/format.h>

#include <algorithm>

#include "cluster/internal/admission.h"
#include "cluster/internal/agreed_address.h"
#include "cluster/internal/node_impl.h"
#include "env/pools.h"

namespace mullion::cluster {
namespace {

/// A script has five seconds, to let go of the former way and to take the new one.
constexpr auto kTrialPatience = std::chrono::seconds(12);

/// What is the cluster's in a state.
HaState shared_part(const HaState& state) {
  HaState out;
  out.virtual_address = state.virtual_address;
  out.load_balanced = state.load_balanced;
  return out;
}

HaState laid_over(HaState state, const HaState& shared) {
  state.virtual_address = shared.virtual_address;
  state.load_balanced = shared.load_balanced;
  return state;
}

HaState changed_by(HaState state, const AddressChange& change) {
  state.virtual_address = change.virtual_address.value_or(state.virtual_address);
  state.load_balanced = change.load_balanced.value_or(state.load_balanced);
  state.virtual_interface = change.interface.value_or(state.virtual_interface);
  state.virtual_interface_script = change.script.value_or(state.virtual_interface_script);
  return state;
}

}  // namespace

HaState NodeImpl::own_state() const {
  const Lock lock(mutex_);
  return state_;
}

std::shared_ptr<AddressKeeper> NodeImpl::address() const {
  const Lock lock(mutex_);
  return address_;
}

Result<void> NodeImpl::write_state(const std::function<void(HaState&)>& change) {
  const Lock writing(state_mutex_);
  HaState wanted = own_state();
  change(wanted);
  if (wanted == own_state()) return {};
  Result<void> written = env::write_file_atomic(options_.places.state(), encode_state(wanted), 0600);
  const Lock lock(mutex_);
  if (written.ok()) state_ = std::move(wanted);
  return written;
}

void NodeImpl::hold_address() {
  AddressTimes times;
  times.renewal *= options_.pace;
  AddressKeeper::Ways ways;
  ways.mover = [this](const AddressTarget& target) { return mover_of(target, options_.pace); };
  ways.serves = [this] { return shown().active && may_answer(); };
  ways.remember = [this](const std::vector<AddressTarget>& targets) {
    const Result<void> kept =
        env::write_file_atomic(options_.places.addresses(), encode_targets(targets), 0600);
    if (!kept.ok()) kLog.warn("where the cluster's address may be is not kept: {}", kept.error().text());
  };
  const Result<std::string> before = env::read_file(options_.places.addresses());
  auto keeper =
      std::make_shared<AddressKeeper>(std::move(ways), env::boot_clock(), times,
                                      before.ok() ? decode_targets(*before) : std::vector<AddressTarget>{});
  {
    const Lock lock(mutex_);
    address_ = keeper;
  }
  take_address();
  keeper->start();
}

/// What is agreed counts, whatever this member was doing about it.
void NodeImpl::take_address() {
  const auto agreed = store::as_result(
      [this]() -> Result<std::optional<AgreedAddress>> { return agreed_address(*store_->snapshot()); });
  if (!agreed.ok()) {
    kLog.error(
        "the cluster's address cannot be read, this member keeps the one that it has until it starts anew: "
        "{}",
        agreed.error().text());
    return;
  }
  const auto as_agreed = [&agreed](HaState& state) {
    if (!*agreed) return;
    state.virtual_address = (*agreed)->address;
    state.load_balanced = (*agreed)->load_balanced;
  };
  const Result<void> written = write_state(as_agreed);
  if (!written.ok())
    kLog.warn("the cluster's address is not kept in ha-state.json: {}", written.error().text());
  HaState wanted = own_state();
  as_agreed(wanted);
  address()->move_to(target_of(wanted));
}

env::Task<Result<HaState>> NodeImpl::change_address(AddressChange change) {
  Result<HaState> out = not_serving();
  co_await env::run_blocking(env::Pool::kLong, [&] { out = address_changed(change); });
  co_return out;
}

Result<HaState> NodeImpl::address_changed(const AddressChange& change) {
  if (change.of_cluster() && !may_answer()) return not_serving();
  if (moving_.exchange(true))
    return Error(ErrorCode::kConflict, "VirtAddr: the cluster's address is being changed already");
  const HaState before = own_state();
  const Result<void> done = address_moves(changed_by(before, change), change);
  take_address();  // also when it was refused: what was tried is given away again
  moving_ = false;
  if (!done.ok()) return done.error();
  kLog.warn("the cluster's address is {} now, before it was {}",
            own_state().virtual_address.empty() ? "none" : own_state().virtual_address,
            before.virtual_address.empty() ? "none" : before.virtual_address);
  return view().state;
}

/// Tried before anything is written or agreed, and agreed before the former address is given away.
Result<void> NodeImpl::address_moves(const HaState& wanted, const AddressChange& change) {
  if (Result<void> fine = check_address_here(wanted); !fine.ok()) return fine;
  if (change.of_cluster()) {
    if (Result<void> fine = ask_others_about(wanted); !fine.ok()) return fine;
  }
  if (Result<void> held = try_address(target_of(wanted)); !held.ok()) return held;
  const HaState before = own_state();
  if (Result<void> written = write_way(wanted); !written.ok()) return written;
  if (!change.of_cluster()) return {};
  Result<void> agreed = agree_on_address(*store_, {wanted.virtual_address, wanted.load_balanced});
  if (!agreed.ok()) (void)write_way(before);
  return agreed;
}

Result<void> NodeImpl::write_way(const HaState& wanted) {
  return write_state([&wanted](HaState& state) {
    state.virtual_interface = wanted.virtual_interface;
    state.virtual_interface_script = wanted.virtual_interface_script;
  });
}

/// An address that is here because this member serves is no other machine's.
Result<void> NodeImpl::check_address_here(const HaState& wanted) const {
  AddressFacts facts = facts_of_machine(wanted, options_.settings.listens_everywhere);
  if (address()->has(bare_address(wanted.virtual_address))) facts.address_here = false;
  return wanted.virtual_address.empty() ? check_way(wanted, facts) : check_address(wanted, facts);
}

/// Those that can be reached and may ever serve. Who is away learns of it from the log.
Result<void> NodeImpl::ask_others_about(const HaState& wanted) {
  for (const RosterMember& member : roster().members) {
    if (member.number == number_ || member.observer || !link_->connected(member.number)) continue;
    const Result<void> said = ask(member.number, kAddressTalk, encode_state(shared_part(wanted)));
    if (said.ok()) continue;
    return Error(said.error().code == ErrorCode::kConflict ? ErrorCode::kInvalid : ErrorCode::kConflict,
                 fmt::format("{} (member {}, {})", said.error().messages.front(), member.id, member.address));
  }
  return {};
}

env::Task<void> NodeImpl::serve_address_question(net::KeyedStream& stream) {
  const Result<std::string> text = co_await read_text(stream, kLongestOrder, kOrderPatience);
  if (!text) co_return;
  const Result<HaState> shared = decode_state(*text);
  Result<void> fine = shared.ok() ? Result<void>() : Result<void>(shared.error());
  if (shared.ok() && address())
    co_await env::run_blocking([&] { fine = check_address_here(laid_over(own_state(), *shared)); });
  std::string answer(kAccepted);
  if (!fine.ok()) answer = fine.error().messages.front();
  (void)co_await write_text(stream, answer);
}

/// Where this member serves: the address is here before anybody is told of it.
Result<void> NodeImpl::try_address(const AddressTarget& target) {
  if (!may_answer() || !shown().active) return {};
  const std::shared_ptr<AddressKeeper> keeper = address();
  keeper->try_out(target);
  const env::SteadyTime deadline = env::boot_clock().steady() + kTrialPatience * options_.pace;
  while (env::boot_clock().steady() < deadline && !stopping_) {
    const AddressKeeper::Standing now = keeper->standing(target);
    if (now == AddressKeeper::Standing::kHere) return {};
    if (!may_answer()) return not_serving();
    if (now == AddressKeeper::Standing::kFailed) break;
    std::this_thread::sleep_for(kTick);
  }
  const std::string why = keeper->trouble();
  return Error(ErrorCode::kInvalid,
               fmt::format("VirtAddr: {} cannot be held here, and nothing was changed: {}", target.address,
                           why.empty() ? "it was not taken in time" : why));
}

}  // namespace mullion::cluster
