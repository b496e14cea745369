#include "replication/internal/currency.h"

#include <algorithm>
#include <utility>

namespace mullion::replication {
namespace {

/// More are not under way before the silence ends the stream.
constexpr size_t kMostUnderWay = 32;
constexpr size_t kMostProofs = 32;
/// Older than any replica; what a peer says is cut to it.
constexpr double kOldest = 3e9;

env::SteadyTime before(env::SteadyTime moment, double seconds) {
  const std::chrono::duration<double> age(std::clamp(seconds, 0.0, kOldest));
  return moment - std::chrono::duration_cast<env::Duration>(age);
}

}  // namespace

Currency::Currency(std::string source, env::SteadyTime begun, AsOf& as_of, HeldUpOwners& held_up)
    : source_(std::move(source)), word_(begun), as_of_(as_of), held_up_(held_up) {
  newest_.base = begun;
}

uint64_t Currency::stamp(env::SteadyTime now) {
  if (under_way_.size() >= kMostUnderWay) under_way_.pop_front();
  under_way_.push_back({++last_stamp_, now});
  return last_stamp_;
}

void Currency::take_hello(uint64_t newest) {
  newest_ = {++words_, newest, word_, std::nullopt, {}, {}, std::nullopt, true};
  proofs_.push_back(newest_);
}

void Currency::take_owners(const std::vector<Announcement>& announced) {
  const auto earlier = std::exchange(announced_, {});
  for (const Announcement& one : announced) {
    const auto known = earlier.find(one.owner);
    const uint64_t since = known == earlier.end() ? words_ + 1 : known->second.since;
    Claim& claim = announced_[one.owner] = {one.in_touch, before(word_, one.age_seconds), since, {}, words_};
    for (const HeldUpCollection& held_up : one.held_up)
      claim.held_up[held_up.collection] = {before(word_, held_up.age_seconds), held_up.reason};
    // What is said to be held up is so at once, also of what was said before; that it is not any more counts
    // with a proof.
    if (!claim.held_up.empty() && as_of_.contains(one.owner))
      held_up_[one.owner] = older_of(std::move(held_up_[one.owner]), claim.held_up);
  }
  if (!newest_.first || !newest_.ages.empty()) return;
  for (const Announcement& one : announced) newest_.ages[one.owner] = one.age_seconds;
  for (Proof& proof : proofs_) {
    if (proof.first) proof.ages = newest_.ages;
  }
}

void Currency::take_ping(const Ping& ping, env::SteadyTime now) {
  if (!ping.age) {
    // A source that sends nothing back: the time on the way is not known, only when the word came.
    word_ = now;
  } else {
    const auto answered = std::ranges::find(under_way_, ping.stamp, &Stamp::number);
    if (answered == under_way_.end()) return;  // answered before, or never sent
    word_ = answered->sent;
    under_way_.erase(under_way_.begin(), answered + 1);
  }
  newest_ = {++words_, ping.newest, word_, ping.age, {}, {}, std::nullopt, false};
  for (const OwnerAge& one : ping.ages) newest_.ages[one.owner] = one.seconds;
  for (const OwnerHeldUp& one : ping.held_up)
    newest_.held_up[one.owner][one.what.collection] = {before(word_, one.what.age_seconds), one.what.reason};
  // What is far behind is proven by the words of then, not by words that it never reaches.
  if (proofs_.size() < kMostProofs) proofs_.push_back(newest_);
}

void Currency::begin_anew() {
  if (proven_) proofs_.push_front(*std::exchange(proven_, std::nullopt));
  for (Proof& proof : proofs_) proof.batches.reset();
}

void Currency::received(uint64_t seq, uint64_t batches) {
  for (Proof& proof : proofs_) {
    if (!proof.batches && proof.seq <= seq) proof.batches = batches;
  }
}

bool Currency::proves(uint64_t batches) const {
  return !proofs_.empty() && proofs_.front().batches && *proofs_.front().batches <= batches;
}

void Currency::stored(uint64_t batches, const std::set<std::string, std::less<>>& follows,
                      const std::function<bool(const std::string&)>& holds) {
  if (!proves(batches)) return;
  while (proves(batches)) {
    proven_ = std::move(proofs_.front());
    proofs_.pop_front();
  }
  for (const std::string& owner : follows) {
    // Not the later one of both: a source may fall back to older replicas, and these then do.
    if (!holds(owner)) continue;
    as_of_.insert_or_assign(owner, claimed(*proven_, owner));
    held_up_.erase(owner);
    HeldUpCollections held_up = held_up_then(*proven_, owner);
    if (!held_up.empty()) held_up_.emplace(owner, std::move(held_up));
  }
}

HeldUpCollections Currency::held_up_then(const Proof& proof, std::string_view owner) const {
  const auto announced = announced_.find(owner);
  const auto listed = proof.held_up.find(owner);
  HeldUpCollections out = listed == proof.held_up.end() ? HeldUpCollections() : listed->second;
  const bool said_later = announced != announced_.end() && proof.word <= announced->second.word;
  return said_later ? older_of(std::move(out), announced->second.held_up) : out;
}

env::SteadyTime Currency::claimed(const Proof& proof, std::string_view owner) const {
  if (owner == source_) return proof.base;
  const auto announced = announced_.find(owner);
  // Ages are those of what was announced then: the announcement is the first word of what came later.
  if (announced != announced_.end() && proof.word < announced->second.since) return announced->second.as_of;
  if (const auto listed = proof.ages.find(owner); listed != proof.ages.end())
    return before(proof.base, listed->second);
  if (proof.age) return before(proof.base, *proof.age);
  if (proof.first || announced == announced_.end()) return before(proof.base, kOldest);
  return announced->second.in_touch ? proof.base : announced->second.as_of;
}

HeldUpCollections Currency::told_held_up(std::string_view owner) const {
  const auto announced = announced_.find(owner);
  if (announced == announced_.end()) return {};
  // As told().
  return newest_.age || newest_.ages.contains(owner) ? held_up_then(newest_, owner)
                                                     : announced->second.held_up;
}

std::optional<env::SteadyTime> Currency::told(std::string_view owner) const {
  if (owner == source_) return newest_.base;
  const auto announced = announced_.find(owner);
  if (announced == announced_.end()) return std::nullopt;
  // Until its first ping there are the ages of the announcement.
  return newest_.age || newest_.ages.contains(owner) ? claimed(newest_, owner) : announced->second.as_of;
}

}  // namespace mullion::replication
