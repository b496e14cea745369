// How a member opens what it has stored, or fetches what it lacks.
#include <fmt/format.h>

#include <algorithm>

#include "cluster/internal/member_address.h"
#include "cluster/internal/node_impl.h"
#include "cluster/internal/returning.h"
#include "cluster/internal/take_over.h"
#include "env/interface_address.h"
#include "env/random.h"
#include "env/stop_wish.h"
#include "store/lmdb_file.h"

namespace mullion::cluster {
namespace {

constexpr auto kLease = std::chrono::milliseconds(400);
constexpr uint64_t kJournalBytes = uint64_t{4} << 30;

/// Where the database stands against the journal, when a process starts.
enum class Standpoint {
  kFits,    // entries lead on from it
  kBegins,  // a copy that the journal has yet to begin at
  kBehind,  // needs a copy: the journal begins later
};

Standpoint standpoint(const store::AgreedPlace& place, const Journal::Contents& journal) {
  if (place.index < journal.base_index || place.index == 0) return Standpoint::kBehind;
  if (place.index == journal.base_index)
    return place.term == journal.base_term ? Standpoint::kFits : Standpoint::kBegins;
  const uint64_t offset = place.index - journal.base_index - 1;
  if (offset >= journal.entries.size()) return Standpoint::kBegins;
  return journal.entries[offset].term == place.term ? Standpoint::kFits : Standpoint::kBegins;
}

}  // namespace

Result<void> NodeImpl::open(const Opening& opening) {
  const Places& places = options_.places;
  (void)env::remove_tree(places.own() / "copies");
  Result<net::PeerKey> key = own_key();
  if (!key.ok()) return key.error();
  Result<void> opened = open_link(std::move(*key));
  if (opened.ok()) opened = open_journal_and_data(opening);
  if (opened.ok()) opened = open_store(opening);
  if (opened.ok()) opened = open_member();
  if (!opened.ok()) return opened;
  open_files();
  hold_address();
  cluster_thread_ = std::thread([this] { run_cluster(); });
  apply_thread_ = std::thread([this] { run_calls(applying_); });
  chore_thread_ = std::thread([this] { run_chores(); });
  check_thread_ = std::thread([this] { run_checks(); });
  if (forgot() && !roster().others(number_).empty())
    return_thread_ = std::thread([this] { return_as_another(); });
  keeper_->start();
  return {};
}

/// One that has lost its key is a stranger to the others, and can do nothing about it but say so.
Result<net::PeerKey> NodeImpl::own_key() {
  Result<net::PeerKey> key = net::PeerKey::load(options_.places.key());
  const Roster known = roster();
  const RosterMember* self = known.find(number_);
  if (key.ok() && (self == nullptr || self->key == key->public_key())) return key;
  const std::string why = key.ok() ? "is not the key of this member" : "is lost or damaged";
  keyless_ = true;
  kLog.error("{} {}: this member takes no part", options_.places.key().string(), why);
  trouble(fmt::format("its key ({}) {}: enroll this server again, which gives it another one",
                      options_.places.key().filename().string(), why));
  return net::PeerKey::make();
}

void NodeImpl::open_files() {
  tree_ = files::make_followed_tree(options_.places.base_root, options_.places.known_files());
  file_peers_ = make_file_peers(*link_, env::system_clock());
  auto keeper = make_file_keeper(*store_, *tree_, *file_peers_, *this, env::system_clock(), options_.files);
  const Lock lock(mutex_);
  keeper_ = std::move(keeper);
}

Result<void> NodeImpl::open_link(net::PeerKey key) {
  const std::string kept = own_state().consensus_address;
  listens_at_ = listening_address(kept, options_.settings, env::has_address);
  if (listens_at_ != kept)
    kLog.warn("{} is no address of this machine any more: this member listens at {}, and tells the others",
              kept, listens_at_);
  PeerLink::Options options;
  options.own = number_;
  options.address = listens_at_;
  options.scratch = options_.places.own() / "copies";
  options.copy_rate = options_.files.catch_up_rate;
  PeerLink::Events events;
  events.frame = [this](MemberId, std::string frame) {
    calls_.put([this, frame = std::move(frame)] {
      if (member_) member_->receive(frame);
    });
  };
  events.broken = [this](MemberId to) {
    calls_.put([this, to] {
      if (member_) member_->unreachable(to);
    });
  };
  events.facts = [this](MemberId, const PeerFacts&) { changes_.notify_all(); };
  events.make_copy = [this](const env::Path& folder) -> Result<store::AgreedState> {
    const Lock copying(copy_mutex_);
    if (!store_ || stopping_) return Error(ErrorCode::kUnavailable, "there is no database to copy");
    return store_->copy(folder);
  };
  events.copy_goes_on = [this](MemberId to) {
    calls_.put([this, to] {
      if (member_) member_->copy_goes_on(to);
    });
  };
  events.talk = [this](MemberId from, std::string kind, net::KeyedStream& stream) {
    if (kind == kReadmissionTalk) return serve_readmission(from, stream);
    if (kind == kReplaceKeyTalk) return serve_order(from, stream);
    if (kind == kAddressTalk) return serve_address_question(stream);
    std::shared_ptr<FileGiver> giver;
    {
      const Lock lock(mutex_);
      giver = keeper_;
    }
    return file_server_.serve(from, std::move(kind), stream, std::move(giver));
  };
  Result<std::unique_ptr<PeerLink>> link = PeerLink::open(options, std::move(key), std::move(events));
  if (!link.ok()) return link.error();
  link_ = std::move(*link);
  show();
  link_->set_peers(addresses(roster()));
  return {};
}

/// A copy that was fetched whole takes the place of the database. A crash between any two steps leaves
/// something that this begins with again.
Result<void> NodeImpl::install_fetched() {
  const Places& places = options_.places;
  if (!std::filesystem::exists(places.fetched() / kCompleteMark)) return {};
  std::error_code failure;
  const Result<std::string> aside = env::read_file(places.set_aside());
  if (aside.ok() && *aside != kDropped && std::filesystem::exists(places.data())) {
    const env::Path kept = places.base_root / fmt::format("data.before-cluster-{}", env::random_uuid());
    std::filesystem::rename(places.data(), kept, failure);
    if (failure) return Error(ErrorCode::kInternal, "the old data cannot be set aside: " + failure.message());
    kLog.warn("what this server had before it joined the cluster was set aside in {}", kept.string());
  }
  if (Result<void> removed = env::remove_tree(places.data()); !removed.ok()) return removed;
  std::filesystem::rename(places.fetched(), places.data(), failure);
  if (failure) return Error(ErrorCode::kInternal, "the copy cannot be put in place: " + failure.message());
  if (Result<void> synced = env::sync_directory(places.base_root); !synced.ok()) return synced;
  std::filesystem::remove(places.set_aside(), failure);
  copy_installed_ = true;
  return env::sync_directory(places.own());
}

Result<void> NodeImpl::open_journal_and_data(const Opening& opening) {
  const Places& places = options_.places;
  if (keyless_) return {};
  if (is_returning(places)) {
    forget("it has asked to come back as another one");
    return wait_for_copy(opening);
  }
  Result<std::unique_ptr<Journal>> journal = open_journal(places.journal(), {.max_bytes = kJournalBytes});
  if (!journal.ok()) {
    forget("its journal cannot be used (" + journal.error().text() + ")");
  } else {
    journal_ = std::move(*journal);
  }
  return wait_for_copy(opening);
}

/// Until there is a database that the journal leads on from.
Result<void> NodeImpl::wait_for_copy(const Opening& opening) {
  const Places& places = options_.places;
  while (true) {
    if (Result<void> done = install_fetched(); !done.ok()) return done;
    if (!std::filesystem::exists(places.set_aside())) {
      const Result<void> sound = opening.examine ? opening.examine(places.data()) : Result<void>{};
      if (!sound.ok()) return replace_damaged(sound.error(), opening.stop);
      const Result<store::AgreedState> state = store::read_agreed(places.data());
      if (!state.ok() && state.error().code != ErrorCode::kNotFound)
        return replace_damaged(store::when_opened(places.data(), state.error()), opening.stop);
      const store::AgreedPlace place = state.ok() ? state->place : store::AgreedPlace{};
      if (!journal_ && place.index != 0) return {};
      const Standpoint stands = journal_ ? standpoint(place, journal_->contents()) : Standpoint::kBehind;
      if (stands == Standpoint::kFits) return forget_mark();
      if (stands == Standpoint::kBegins) return begin_journal(place);
    }
    if (Result<void> fetched = fetch_from_anybody(opening.stop); !fetched.ok()) return fetched;
  }
}

Result<void> NodeImpl::forget_mark() {
  std::error_code failure;
  std::filesystem::remove(options_.places.data() / kCompleteMark, failure);
  return {};
}

/// The database is ahead of the journal, which is right for a copy alone: any other member's journal has lost
/// what it promised.
Result<void> NodeImpl::begin_journal(const store::AgreedPlace& place) {
  const Places& places = options_.places;
  if (!std::filesystem::exists(places.data() / kCompleteMark)) {
    journal_.reset();
    forget("its journal does not reach as far as its database");
    return {};
  }
  if (Result<void> begun = journal_->begin_at(place.index, place.term); !begun.ok()) return begun;
  journal_.reset();  // what it holds now is known when it is opened again
  Result<std::unique_ptr<Journal>> again = open_journal(places.journal(), {.max_bytes = kJournalBytes});
  if (!again.ok()) return again.error();
  journal_ = std::move(*again);
  return forget_mark();
}

/// From whoever gives one, until the process is to end.
Result<void> NodeImpl::fetch_from_anybody(const std::stop_token& stop) {
  kLog.info("this member has no database of the cluster yet and fetches a copy");
  const std::stop_callback cut(stop, [this] { link_->stop(); });
  for (int round = 0;; ++round) {
    const auto others = roster().others(number_);
    for (const auto& [number, observes] : others) {
      const Result<void> done = fetch_from(number);
      if (done.ok()) return {};
      if (round % 20 == 0) kLog.info("no copy from member {}: {}", number, done.error().text());
    }
    if (forgot() && ask_to_return().ok()) {  // nobody gives a copy to who was taken off the list
      opens_again_ = true;
      return Error(ErrorCode::kCancelled, "this member comes back as another one");
    }
    if (others.empty())
      return Error(ErrorCode::kCorrupt, "the database of this cluster is gone, and no other member has one");
    if (!env::pause(stop, kRetryPause))
      return Error(ErrorCode::kCancelled, "this member was to stop before it had a copy of the database");
  }
}

Result<void> NodeImpl::fetch_from(MemberId from) {
  const Places& places = options_.places;
  if (Result<void> removed = env::remove_tree(places.fetched()); !removed.ok()) return removed;
  if (Result<void> made = env::make_directories(places.fetched(), 0700); !made.ok()) return made;
  const Result<FetchedCopy> copy = link_->fetch_copy(from, places.fetched());
  if (!copy.ok()) return copy.error();
  const Result<Roster> roster = decode_roster(copy->members);
  if (!roster.ok()) return roster.error();
  if (roster->find(number_) == nullptr)
    return Error(ErrorCode::kUnavailable, "the copy does not know this member yet");
  // What ends its reader would end this member as soon as it were in place.
  if (Result<void> sound = store::check_pages(places.fetched() / "data.mdb"); !sound.ok()) return sound;
  kLog.info("copy fetched from member {} at entry {} of term {}", from, copy->place.index, copy->place.term);
  return env::write_file_atomic(places.fetched() / kCompleteMark, "", 0600);
}

Result<void> NodeImpl::open_store(const Opening& opening) {
  store::Options options = options_.store;
  options.sequencer = std::make_shared<ClusterSequencer>(*this);
  options.last_commit_may_go = true;
  Result<std::unique_ptr<store::Store>> store = store::open_store(options);
  if (!store.ok()) return replace_damaged(store.error(), opening.stop);
  store_ = std::move(*store);
  const Result<Roster> roster = decode_roster(store_->agreed().members);
  if (!roster.ok()) return roster.error();
  take_roster(*roster);
  if (const std::optional<TakeOverNote> note = note_in(*store_->snapshot())) compared_ = note->term;
  return {};
}

/// The database, not the journal: nothing that was promised is lost. It stays until a copy is whole.
Result<void> NodeImpl::replace_damaged(const Error& why, const std::stop_token& stop) {
  if (why.code != ErrorCode::kCorrupt || keyless_ || roster().others(number_).empty()) return why;
  kLog.error("the database of this member is damaged and is replaced by a copy: {}", why.text());
  if (Result<void> fetched = fetch_from_anybody(stop); !fetched.ok()) return fetched;
  opens_again_ = true;
  return Error(ErrorCode::kCancelled, "a copy takes the place of the database");
}

Result<void> NodeImpl::open_member() {
  if (!journal_) return {};
  const store::AgreedState agreed = store_->agreed();
  const Roster now = roster();
  if (now.find(number_) == nullptr) {
    was_removed("it was removed from the cluster");
    return {};
  }
  MemberOptions options;
  options.core.id = number_;
  options.core.seed = env::random_id();
  options.core.rank = static_cast<uint32_t>(number_ % 7);
  options.core.late_ticks = 50;
  options.observer = now.find(number_)->observer || (options_.on_trial && now.members.size() > 1);
  options.in_step_ticks = now.by_hand ? options_.in_step_ticks : 0;
  options.tick = kTick * options_.pace;
  options.lease = kLease * options_.pace;
  options.nonce = env::random_id();
  if (const Result<std::string> met = env::read_file(options_.places.met()); met.ok())
    options.met = decode_met(*met);
  journal_thread_ = std::make_unique<JournalThread>(
      *journal_, JournalThread::Events{[this](uint64_t number) {
                                         calls_.put([this, number] {
                                           if (member_) member_->synced(number);
                                         });
                                       },
                                       [this](const Error& why) { must_end(why); }});
  Result<std::unique_ptr<Member>> member =
      Member::open(options, journal_->contents(), {agreed.place.index, agreed.conf}, now.others(number_),
                   {&env::boot_clock(), journal_thread_.get(), this, link_.get(), this});
  if (!member.ok()) {
    journal_thread_.reset();
    forget("what it has stored does not fit together (" + member.error().text() + ")");
    return {};
  }
  member_ = std::move(*member);
  for (const RosterMember& former : now.former) member_->remember_removed(former.number, agreed.place.index);
  return {};
}

NodeImpl::~NodeImpl() {
  if (const std::shared_ptr<AddressKeeper> keeper = address())
    keeper->stop();  // first: others take it while this process ends
  stopping_ = true;
  if (keeper_) keeper_->end();
  applying_.stop();
  if (chore_thread_.joinable()) chore_thread_.join();
  if (check_thread_.joinable()) check_thread_.join();
  if (apply_thread_.joinable()) apply_thread_.join();
  if (link_) link_->stop();
  if (keeper_) keeper_->stop();
  {
    const Lock copying(copy_mutex_);
    store_.reset();  // its writer asks the cluster thread to the end
  }
  calls_.stop();
  if (cluster_thread_.joinable()) cluster_thread_.join();
  if (fetch_thread_.joinable()) fetch_thread_.join();
  if (return_thread_.joinable()) return_thread_.join();
  journal_thread_.reset();
  member_.reset();
}

}  // namespace mullion::cluster
