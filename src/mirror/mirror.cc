#include "mirror/mirror.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>

#include "base/log.h"
#include "base/mutex.h"
#include "base/text.h"
#include "mirror/internal/announced.h"
#include "mirror/internal/api.h"
#include "mirror/internal/hints.h"
#include "mirror/internal/paging.h"
#include "mirror/internal/replica.h"
#include "mirror/internal/reported_state.h"
#include "model/members.h"
#include "model/object.h"
#include "store/failed_reads.h"

namespace mullion::mirror {
namespace {

namespace json = boost::json;

constexpr Logger kLog("mirror");

constexpr auto kSilence = std::chrono::seconds(5);
/// How long a walk waits for word of a collection that could not be read, and for anything at all.
constexpr auto kWalkAgain = std::chrono::seconds(30);
constexpr auto kIdle = std::chrono::minutes(1);
constexpr int kMostAttempts = 5;
/// Other words of the endpoint that may come before it acknowledges the registration.
constexpr int kMostBeforeAcknowledged = 10'000;
constexpr size_t kMostCollections = 500;
constexpr size_t kMostOwners = 100'000;
constexpr size_t kMostUploads = 10'000;
constexpr std::string_view kEverything = "*.*.*";
/// Nothing is ever called so: registering for it asks for an acknowledgement and for nothing else.
constexpr std::string_view kNothing = "mullion-probe.none.none";

Error lost(std::string why) { return Error(ErrorCode::kUnreachable, std::move(why)); }

/// What an event says; views into it.
struct Event {
  std::string type, action, key;
};
std::optional<Event> read_event(std::string_view text) {
  const std::optional<json::object> event = model::read_object(text);
  if (!event) return std::nullopt;
  return Event{model::text_member(*event, "Type"), model::text_member(*event, "Action"),
               model::text_member(*event, "Key")};
}

/// "machines", "KEY" of "/api/v3/machines/KEY/params/x?force=true", whatever stands behind them.
std::optional<Hint> named_object(std::string_view target) {
  constexpr std::string_view kRoot = "/api/v3/";
  if (!target.starts_with(kRoot)) return std::nullopt;
  target = target.substr(kRoot.size(), target.find('?') - kRoot.size());
  if (target.starts_with("meta/")) target.remove_prefix(5);
  const size_t slash = target.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const std::string_view rest = target.substr(slash + 1);
  return Hint{std::string(target.substr(0, slash)), net::percent_decode(rest.substr(0, rest.find('/')))};
}

/// Whether the answer to it is the object itself: the target ends behind the key, or behind the collection.
bool shows_object(const Written& written) {
  std::string_view path = std::string_view(written.target).substr(0, written.target.find('?'));
  const auto slashes = std::ranges::count(path, '/');
  if (written.method == "POST") return slashes == 3;
  return slashes == 4 && (written.method == "PUT" || written.method == "PATCH" || written.method == "DELETE");
}

}  // namespace

struct Mirror::State : std::enable_shared_from_this<Mirror::State> {
  State(replication::SinkOptions given, replication::SavedPosition saved, Limits limits)
      : options(std::move(given)), limits(limits), replica(options, std::move(saved)) {}

  // ---- the connection

  env::Task<Result<void>> open(std::shared_ptr<net::Link> link, Token token) {
    begun = options.clock.steady();
    api = std::make_shared<Api>(std::move(link), std::move(token), options.clock, options.timers);
    Result<std::shared_ptr<net::WebSocket>> opened = co_await api->link().stream("/api/v3/ws", api->login());
    if (!opened) co_return opened.error();
    {
      Lock lock(mutex);
      socket = std::move(*opened);
      if (over) socket->abort();
    }
    std::optional<Result<void>> registered =
        co_await env::within(options.timers, kSilence, register_for_all());
    if (registered) co_return std::move(*registered);
    co_return Error(ErrorCode::kTimeout, "its websocket does not acknowledge registrations");
  }

  env::Task<Result<void>> register_for_all() {
    Result<void> sent = co_await command("register", kEverything);
    if (!sent) co_return sent;
    for (int i = 0; i < kMostBeforeAcknowledged; ++i) {
      Result<net::WebSocket::Message> message = co_await socket->read();
      if (!message) co_return message.error();
      const Result<bool> acknowledged = take_event(message->data);
      if (!acknowledged) co_return acknowledged.error();
      if (*acknowledged) co_return Result<void>{};
    }
    co_return lost("its websocket does not acknowledge registrations");
  }

  env::Task<Result<void>> command(std::string_view word, std::string_view pattern) {
    ++commands;
    std::string text = fmt::format("{} {}", word, pattern);
    co_return co_await socket->write(std::move(text), false);
  }

  void abort() {
    over = true;
    replica.close();
    Lock lock(mutex);
    if (socket) socket->abort();
    wake.notify_all();
    hinted.notify_all();
    settled.notify_all();
    acknowledgement.notify_all();
    wake_probe.notify_all();
    closing.notify_all();
  }

  env::Task<Error> run() {
    replica.on_failure([weak = weak_from_this()] {
      if (const std::shared_ptr<State> self = weak.lock())
        self->end(lost("its replica could not be written"));
    });
    options.tasks.spawn("events of endpoint", [self = shared_from_this()] { return self->read_events(); });
    options.tasks.spawn("probes of endpoint", [self = shared_from_this()] { return self->probe(); });
    options.tasks.spawn("rights at endpoint", [self = shared_from_this()] { return self->look_at_rights(); });
    for (size_t i = 1; i < std::max<size_t>(limits.at_once, 2); ++i)
      options.tasks.spawn("objects of endpoint",
                          [self = shared_from_this()] { return self->fetch_objects(); });
    const Error walked = co_await store::failed_reads_returned(walk());
    end(walked);
    const Result<void> drained = co_await replica.drain();
    Lock lock(mutex);
    co_return drained ? *reason : drained.error();
  }

  /// The first reason counts. From any thread.
  void end(Error why) {
    {
      Lock lock(mutex);
      if (!reason) reason = std::move(why);
    }
    abort();
  }
  std::optional<Error> ended() const {
    Lock lock(mutex);
    if (reason) return reason;
    return over ? std::optional(Error(ErrorCode::kCancelled, "stopped")) : std::nullopt;
  }

  // ---- what the endpoint says by itself

  env::Task<void> read_events() {
    while (!over) {
      Result<net::WebSocket::Message> message = co_await socket->read();
      if (!message) co_return end(message.error());
      options.counters.bytes += message->data.size();
      const Result<bool> taken = take_event(message->data);
      if (!taken) co_return end(taken.error());
    }
  }

  /// Whether it is an acknowledgement.
  Result<bool> take_event(std::string_view text) {
    const std::optional<Event> event = read_event(text);
    if (!event) return Error(ErrorCode::kCorrupt, "its websocket sends what is no event");
    if (event->type == "websocket") {
      if (event->action == "error" && acknowledged == 0)
        return Error(ErrorCode::kForbidden, "it does not let this account register for events");
      ++acknowledged;
      acknowledgement.notify_all();
      return true;
    }
    hint(event->type, event->key);
    if (event->type == "endpoints") owners_changed = true;
    if (is_reported(event->type, event->key)) state_changed = true;
    if (is_upload(event->type, event->key)) note_upload(event->type + "/" + event->key);
    if (owners_changed || state_changed) wake.notify_all();
    return false;
  }

  /// An upload of which only events tell: its checksum is part of the reported state from now on.
  void note_upload(std::string path) {
    Lock lock(mutex);
    if (uploads_changed.size() >= kMostUploads) return;
    uploads_changed.insert(std::move(path));
    state_changed = true;
  }

  void hint(const std::string& prefix, const std::string& key) {
    {
      // Others tell of log lines, and asking for those would be logged.
      Lock lock(mutex);
      if (!listed.contains(prefix)) return;
    }
    add_hint(prefix, replica_key(collection(prefix), key));
    Lock lock(mutex);
    if (hints.overflows()) wake.notify_all();
  }

  Collection collection(const std::string& prefix) const {
    return {prefix, options.store.types().find(prefix)};
  }

  // ---- how fresh the replicas are

  /// Events and acknowledgements come in order: whatever was committed before a command was sent has been
  /// told of once it is acknowledged.
  env::Task<void> probe() {
    bool registers = true;
    while (!over) {
      const uint64_t seen = wake_probe.version();
      const env::SteadyTime asked = options.clock.steady();
      const std::string_view word = registers ? "register" : "deregister";
      const Result<void> sent = co_await command(word, kNothing);
      registers = !registers;
      if (!sent) co_return end(sent.error());
      const std::optional<bool> answered =
          co_await env::within(options.timers, kSilence, is_acknowledged(commands));
      if (over) co_return;
      if (!answered) co_return end(Error(ErrorCode::kTimeout, "no word on its websocket for 5 seconds"));
      {
        Lock lock(mutex);
        proofs.push_back({asked, hints.now()});
      }
      settle();
      co_await options.timers.wait(wake_probe, seen, limits.probe_every);
    }
  }

  /// Events of what the account may not read any more are just not sent: silence alone proves nothing.
  env::Task<void> look_at_rights() {
    for (size_t turn = 0; !over; ++turn) {
      co_await options.timers.wait(closing, 0, limits.rights_every);
      if (over) co_return;
      const std::vector<std::string> held = held_collections();
      if (held.empty()) continue;
      const std::string& prefix = held[turn % held.size()];
      const Result<Answer> answer = co_await api->get(prefix + "?limit=1");
      if (answer && answer->status == 403) co_return end(no_longer_readable(prefix));
      if (!answer && answer.error().code == ErrorCode::kUnavailable) co_return end(answer.error());
    }
  }

  std::vector<std::string> held_collections() {
    std::vector<std::string> out;
    Lock lock(mutex);
    for (const std::string& prefix : listed) {
      if (replica.holds(prefix)) out.push_back(prefix);
    }
    return out;
  }

  env::Task<bool> is_acknowledged(uint64_t number) {
    while (!over) {
      const uint64_t seen = acknowledgement.version();
      if (acknowledged >= number) co_return true;
      co_await acknowledgement.wait(seen, kIdle);
    }
    co_return false;
  }

  /// What was proven counts once everything that had been told of by then is stored.
  void settle() {
    std::optional<env::SteadyTime> proven;
    {
      Lock lock(mutex);
      while (!proofs.empty() && hints.settled(proofs.front().mark)) {
        proven = proofs.front().asked;
        proofs.pop_front();
      }
      options.counters.lag = hints.size();
    }
    if (proven) {
      replica.prove(*proven);
      Lock lock(mutex);
      proven_at = *proven;
    }
    settled.notify_all();
  }

  // ---- objects that may have changed

  env::Task<void> fetch_objects() {
    while (!over) {
      const uint64_t seen = hinted.version();
      std::optional<Hint> next;
      {
        Lock lock(mutex);
        next = hints.take(options.clock.steady());
      }
      if (!next) {
        co_await options.timers.wait(hinted, seen, until_due());
        continue;
      }
      const Result<void> fetched = co_await store::failed_reads_returned(fetch(*next));
      {
        Lock lock(mutex);
        if (fetched) hints.done(*next);
      }
      if (!fetched && is_final(fetched.error())) co_return end(fetched.error());
      if (!fetched) ask_again(*next, fetched.error());
      settle();
    }
  }

  env::Duration until_due() const {
    Lock lock(mutex);
    const std::optional<env::SteadyTime> due = hints.next_due();
    return due ? *due - options.clock.steady() : env::Duration(kIdle);
  }

  void ask_again(const Hint& hint, const Error& why) {
    {
      Lock lock(mutex);
      if (hints.failed(hint, options.clock.steady())) return;
    }
    kLog.warn("object cannot be read endpoint={} type={} key={} reason={}", options.endpoint, hint.prefix,
              escaped(hint.key), why.text());
  }

  /// What ends this connection; other failures are tried again.
  bool is_final(const Error& error) {
    if (error.code == ErrorCode::kUnavailable || error.code == ErrorCode::kCancelled) return true;
    if (error.code == ErrorCode::kForbidden) return true;
    const bool unanswering = error.code == ErrorCode::kUnreachable || error.code == ErrorCode::kTimeout;
    return unanswering && ++unanswered >= kMostAttempts;
  }

  env::Task<Result<void>> fetch(const Hint& hint) {
    if (leads_to_others) co_return co_await fetch_of_all(hint);
    std::string path = fmt::format("{}/{}", hint.prefix, net::percent_encode(hint.key));
    Result<Answer> answer = co_await api->get(std::move(path));
    if (!answer) co_return answer.error();
    unanswered = 0;
    const Collection type = collection(hint.prefix);
    std::vector<Shown> there;
    if (answer->status == 200) {
      Result<Shown> shown = read_shown(type, options.endpoint, answer->body);
      if (!shown) co_return shown.error();
      there.push_back(std::move(*shown));
    }
    if (answer->status == 200 || says_not_found(*answer))
      co_return co_await take_shown(hint, std::move(there));
    // What this account may not see, and what is no collection, does not change here.
    if (answer->status == 403 || answer->status == 404) co_return Result<void>{};
    co_return failed(hint.prefix, answer->status);
  }

  static Error no_longer_readable(std::string_view prefix) {
    return Error(ErrorCode::kForbidden,
                 fmt::format("login refused: this account may not read {} any more", prefix));
  }

  /// A refusal that says nothing about the connection.
  static Error failed(std::string_view what, int status) {
    return Error(ErrorCode::kInternal, fmt::format("{} answers {}", what, status));
  }

  /// An endpoint that leads to others has objects of one key of several owners.
  env::Task<Result<void>> fetch_of_all(const Hint& hint) {
    std::string path = fmt::format("{}?limit={}&Key={}", hint.prefix, Paging::kMostObjects,
                                   net::percent_encode(fmt::format("Eq({})", hint.key)));
    Result<Answer> answer = co_await api->get(std::move(path));
    if (!answer) co_return answer.error();
    unanswered = 0;
    if (answer->status == 403 || answer->status == 404) co_return Result<void>{};
    if (answer->status != 200) co_return failed(hint.prefix, answer->status);
    Result<std::vector<Shown>> shown = read_list(collection(hint.prefix), options.endpoint, answer->body);
    if (!shown) co_return shown.error();
    std::erase_if(*shown, [&](const Shown& one) { return one.key != hint.key; });
    co_return co_await take_shown(hint, std::move(*shown));
  }

  /// Every object of the hint's key that there is.
  env::Task<Result<void>> take_shown(const Hint& hint, std::vector<Shown> shown) {
    Result<void> stored = co_await replica.drain();
    if (!stored) co_return stored;
    stored = co_await put_all(hint, std::move(shown));
    co_return stored;
  }

  env::Task<Result<void>> put_all(const Hint& hint, std::vector<Shown> shown) {
    const std::vector<std::string> wanted = replica.wanted().value_or(std::vector<std::string>());
    for (const std::string& owner : replica.holders(hint.prefix, hint.key)) {
      const bool there = std::ranges::any_of(
          shown, [&](const Shown& one) { return one.owner == owner && one.key == hint.key && one.writable; });
      if (there) continue;
      const Result<bool> put = put_newest(hint, owner, hint.key, std::nullopt);
      if (!put) co_return put.error();
    }
    for (Shown& one : shown) {
      if (!one.writable || std::ranges::find(wanted, one.owner) == wanted.end()) continue;
      const Result<bool> put = put_newest(hint, one.owner, one.key, std::move(one.body));
      if (!put) co_return put.error();
    }
    co_return co_await replica.drain();
  }

  Result<bool> put_newest(const Hint& hint, const std::string& owner, const std::string& key,
                          std::optional<std::string> body) {
    Lock lock(applying);
    {
      Lock lock(mutex);
      if (!hints.is_newest(hint)) return false;  // it is asked for again
    }
    Result<bool> put = replica.put(hint.prefix, owner, key, std::move(body));
    if (put && *put && doubted(hint)) correct(hint.prefix, key);
    return put;
  }

  /// Whether a walk asked for it and no event did.
  bool doubted(const Hint& hint) {
    Lock lock(mutex);
    return doubts.erase(hint) != 0;
  }

  void correct(const std::string& prefix, const std::string& key) {
    ++options.counters.corrections;
    kLog.info("replica corrected endpoint={} type={} key={}", options.endpoint, prefix, escaped(key));
  }

  // ---- walks through all collections

  env::Task<Error> walk() {
    Result<void> fine = co_await learn();
    bool first = true;
    while (fine) {
      const std::optional<std::vector<std::string>> wanted = replica.wanted();
      if (wanted) {
        const env::SteadyTime walk_begun = first ? begun : options.clock.steady();
        const Result<bool> whole = co_await walk_once(first || walked_for != wanted);
        if (!whole) co_return whole.error();
        if (*whole) fine = take_walked(*wanted, walk_begun);
        if (!fine) break;
        first = first && !*whole;
        next_walk = *whole ? walk_begun + limits.walk_every : options.clock.steady() + kWalkAgain;
        walked_for = *wanted;
      }
      fine = co_await until_walk();
    }
    if (const std::optional<Error> why = ended()) co_return *why;
    co_return fine.error();
  }

  Result<void> take_walked(const std::vector<std::string>& wanted, env::SteadyTime walk_begun) {
    Result<void> done = replica.completed(wanted, walk_begun);
    if (done) options.on_current(true);
    return done;
  }

  /// Waits for the next walk, and does meanwhile what events ask for.
  env::Task<Result<void>> until_walk() {
    while (!over) {
      const uint64_t seen = wake.version();
      if (owners_changed.exchange(false)) {
        if (Result<void> learnt = co_await learn_owners(); !learnt) co_return learnt;
      }
      if (state_changed.exchange(false)) {
        if (Result<void> told = co_await tell_state(); !told) co_return told;
        if (Result<void> walked = co_await walk_new_collections(); !walked) co_return walked;
      }
      if (over) break;
      const std::optional<std::vector<std::string>> wanted = replica.wanted();
      if (wanted && walked_for != wanted) co_return Result<void>{};
      if (Result<void> walked = co_await walk_overflown(); !walked) co_return walked;
      const env::Duration left = next_walk - options.clock.steady();
      if (wanted && left <= env::Duration::zero()) co_return co_await learn();
      co_await options.timers.wait(wake, seen, wanted ? left : env::Duration(kIdle));
    }
    co_return *ended();
  }

  /// A provider that came brings collections, of which no event was taken yet.
  env::Task<Result<void>> walk_new_collections() {
    const std::vector<Collection> before = collections;
    if (Result<void> learnt = co_await learn_collections(); !learnt) co_return learnt;
    const std::vector<Collection> now = collections;
    for (const Collection& one : now) {
      if (std::ranges::find(before, one.prefix, &Collection::prefix) != before.end()) continue;
      const Result<void> walked = co_await walk_collection(one, true);
      if (!walked && is_final(walked.error())) co_return walked.error();
    }
    co_return Result<void>{};
  }

  /// Collections of which more was told than is remembered.
  env::Task<Result<void>> walk_overflown() {
    std::set<std::string> overflown;
    uint64_t mark = 0;
    {
      Lock lock(mutex);
      if (!hints.overflows()) co_return Result<void>{};
      overflown = hints.take_overflown();
      mark = hints.now();
    }
    for (const std::string& prefix : overflown) {
      const Result<void> walked = co_await walk_collection(collection(prefix), true);
      if (!walked) co_return walked.error();
    }
    {
      Lock lock(mutex);
      hints.walked(mark);
    }
    settle();
    co_return Result<void>{};
  }

  /// What kind of server it is, which collections it has, and whom it leads to.
  env::Task<Result<void>> learn() {
    Result<void> fine = co_await learn_collections();
    if (fine) fine = co_await tell_state();
    if (fine) fine = co_await learn_owners();
    co_return fine;
  }

  env::Task<Result<void>> learn_collections() {
    std::vector<Collection> found;
    Result<Answer> answer = co_await repeated("objects");
    if (!answer) co_return answer.error();
    if (answer->status == 200) {
      const Result<json::value> list = model::parse_json(answer->body);
      if (!list || !list->is_array()) co_return lost("it does not tell its collections");
      for (const json::value& item : list->get_array()) {
        if (!item.is_string() || found.size() >= kMostCollections) continue;
        std::string prefix(item.get_string());
        if (is_mirrored(prefix)) found.push_back(collection(prefix));
      }
    } else {
      for (const model::ObjectType& type : model::object_types()) {
        if (type.traits.replicated) found.push_back({std::string(type.prefix), &type});
      }
    }
    // Machines first: they are what everybody waits for.
    std::ranges::stable_partition(found, [](const Collection& one) { return one.prefix == "machines"; });
    Lock lock(mutex);
    listed.clear();
    for (const Collection& one : found) listed.insert(one.prefix);
    collections = std::move(found);
    co_return Result<void>{};
  }

  env::Task<Result<void>> learn_owners() {
    std::vector<Attached> attached;
    const Collection endpoints = collection("endpoints");
    Paging paging;
    while (const std::optional<std::string> query = manages ? paging.next() : std::nullopt) {
      Result<Answer> answer = co_await repeated(fmt::format("endpoints?{}", *query));
      if (!answer) co_return answer.error();
      if (answer->status != 200) break;
      Result<std::vector<Shown>> page = read_list(endpoints, options.endpoint, answer->body);
      if (!page) co_return page.error();
      for (const Shown& shown : *page) {
        if (!shown.writable || attached.size() >= kMostOwners) continue;
        const json::object object = model::parse_object(shown.body);
        attached.push_back({shown.key, shown.owner, model::text_member(object, "ConnectionStatus")});
      }
      const auto taken = paging.take(*page, answer->body.size(), answer->matching);
      if (!taken) co_return taken.error();
    }
    std::vector<replication::Announcement> announced = announced_owners(options.endpoint, attached);
    std::erase_if(announced,
                  [&](const replication::Announcement& one) { return one.owner == options.own_id; });
    leads_to_others = announced.size() > 1;
    replica.announce(announced);
    options.on_owners(std::move(announced));
    co_return Result<void>{};
  }

  env::Task<Result<void>> look_at_uploads() {
    std::set<std::string> changed;
    {
      Lock lock(mutex);
      changed.swap(uploads_changed);
    }
    for (const std::string& path : changed) {
      Result<std::string> sum = co_await checksum_of(*api, path);
      if (!sum) co_return sum.error();
      uploads.erase(path);
      if (!sum->empty() && uploads.size() < kMostUploads) uploads.emplace(path, std::move(*sum));
    }
    co_return Result<void>{};
  }

  env::Task<Result<void>> tell_state() {
    Result<void> looked = co_await look_at_uploads();
    if (!looked) co_return looked;
    Result<ReportedState> state = co_await read_state(*api, options.endpoint, uploads);
    if (!state) co_return state.error();
    if (!state->id.empty() && state->id != options.endpoint)
      co_return Error(ErrorCode::kConflict, fmt::format("the endpoint calls itself {:.200}", state->id));
    manages = state->manages;
    options.on_state(std::move(state->json));
    co_return Result<void>{};
  }

  /// True when every collection was gone through. An error ends the connection.
  env::Task<Result<bool>> walk_once(bool quick) {
    bool whole = true;
    const std::vector<Collection> through = collections;
    for (const Collection& one : through) {
      const Result<void> walked = co_await walk_collection(one, quick);
      if (!walked && is_final(walked.error())) co_return walked.error();
      if (!walked)
        kLog.warn("collection is not walked endpoint={} type={} reason={}", options.endpoint, one.prefix,
                  walked.error().text());
      whole = whole && walked;
    }
    const Result<void> erased = co_await erase_vanished(through);
    if (!erased && is_final(erased.error())) co_return erased.error();
    co_return whole;
  }

  /// Collections that the endpoint had once and knows nothing of any more.
  env::Task<Result<void>> erase_vanished(const std::vector<Collection>& known) {
    for (const std::string& prefix : replica.other_collections(known)) {
      Result<Answer> answer = co_await repeated(prefix + "?limit=1");
      if (!answer) co_return answer.error();
      if (answer->status != 404) continue;
      kLog.info("collection is gone endpoint={} type={}", options.endpoint, prefix);
      if (Result<void> erased = replica.erase_collection(prefix); !erased) co_return erased;
    }
    co_return Result<void>{};
  }

  /// What this account may not read, or the server does not have, is passed over. What it may not read any
  /// more cannot be proven current: that ends the connection.
  env::Task<Result<void>> walk_collection(const Collection& one, bool quick) {
    Paging paging(by_offset.contains(one.prefix));
    while (const std::optional<std::string> query = paging.next()) {
      if (!quick) {
        const bool slept = co_await options.timers.sleep_for(limits.pause);
        if (!slept || over) co_return Error(ErrorCode::kCancelled, "stopped");
        if (Result<void> walked = co_await walk_overflown(); !walked) co_return walked.error();
      }
      {
        Lock lock(mutex);
        hints.begin_page(one.prefix);
      }
      Result<Answer> answer = co_await repeated(fmt::format("{}?{}", one.prefix, *query));
      if (!answer && answer.error().code == ErrorCode::kTooLarge && paging.too_large()) continue;
      if (!answer) co_return answer.error();
      if ((answer->status == 400 || answer->status == 406 || answer->status == 422) && paging.refused())
        continue;
      if (answer->status == 403 && replica.holds(one.prefix)) co_return no_longer_readable(one.prefix);
      if (answer->status == 403 || answer->status == 404) co_return Result<void>{};
      if (answer->status != 200) co_return failed(one.prefix, answer->status);
      Result<void> taken = co_await take_page(one, paging, *answer, !quick);
      if (!taken) co_return taken.error();
    }
    if (!paging.by_offset()) co_return Result<void>{};
    by_offset.insert(one.prefix);
    Result<void> stored = co_await replica.drain();
    if (!stored) co_return stored.error();
    const auto is_shown = [&](const std::string& owner, const std::string& key) {
      return paging.saw(owner, key);
    };
    doubt(one.prefix, replica.missing(one, is_shown), !quick);
    co_return Result<void>{};
  }

  env::Task<Result<void>> take_page(const Collection& one, Paging& paging, const Answer& answer,
                                    bool corrects) {
    size_t unreadable = 0;
    Result<std::vector<Shown>> page = read_list(one, options.endpoint, answer.body, &unreadable);
    if (!page) co_return page.error();
    if (unreadable > 0)
      kLog.warn("entries of a list cannot be read endpoint={} type={} number={}", options.endpoint,
                one.prefix, unreadable);
    const Result<std::optional<Paging::Span>> span = paging.take(*page, answer.body.size(), answer.matching);
    if (!span) co_return span.error();
    if (Result<void> stored = co_await replica.drain(); !stored) co_return stored;
    Result<Replica::Comparison> compared = compare(one, *page, *span);
    if (!compared) co_return compared.error();
    if (corrects && compared->changed > 0) {
      options.counters.corrections += compared->changed;
      kLog.info("replica corrected endpoint={} type={} objects={}", options.endpoint, one.prefix,
                compared->changed);
    }
    doubt(one.prefix, compared->missing, corrects);
    co_return co_await replica.drain();
  }

  Result<Replica::Comparison> compare(const Collection& one, const std::vector<Shown>& page,
                                      const std::optional<Paging::Span>& span) {
    Lock lock(applying);
    return replica.compare(one, page, span, [&](const std::string& key) {
      Lock lock(mutex);
      return hints.is_overtaken(one.prefix, key);
    });
  }

  /// A page that does not show an object is no proof that it is gone: it is asked for.
  void doubt(const std::string& prefix, const std::vector<std::string>& keys, bool corrects) {
    if (keys.empty()) return;
    {
      Lock lock(mutex);
      for (const std::string& key : keys) {
        hints.add(prefix, key);
        if (corrects && doubts.size() < Hints::kMost) doubts.insert({prefix, key});
      }
    }
    hinted.notify_all();
  }

  /// Again while the endpoint fails for a reason that may pass.
  env::Task<Result<Answer>> repeated(std::string path) {
    for (int attempt = 1;; ++attempt) {
      Result<Answer> answer = co_await api->get(path);
      if (over) co_return Error(ErrorCode::kCancelled, "stopped");
      if (answer) unanswered = 0;
      const bool busy = answer && (answer->status == 429 || answer->status == 503);
      const bool cut = !answer && (answer.error().code == ErrorCode::kUnreachable ||
                                   answer.error().code == ErrorCode::kTimeout);
      if ((!busy && !cut) || attempt == kMostAttempts) co_return answer;
    }
  }

  // ---- writes of ours

  env::Task<Taken> take_written(Written written, env::Duration patience) {
    const std::optional<Hint> named = named_object(written.target);
    Hint hint = named.value_or(Hint{});
    if (!named) hint.prefix = std::string(prefix_of(written.target));
    if (!is_mirrored(hint.prefix)) co_return Taken{};
    const std::optional<std::vector<std::string>> owners = replica.wanted();
    if (over || !owners) co_return Taken{true, std::nullopt};  // whoever follows it next brings it
    if (std::ranges::find(*owners, written.owner) == owners->end()) co_return Taken{};
    const std::optional<bool> held =
        co_await env::within(options.timers, patience, hold(std::move(written), std::move(hint)));
    if (!held || !*held) co_return Taken{true, std::nullopt};
    co_return Taken{false, replica.place()};
  }
  uint64_t word() const {
    Lock lock(mutex);
    return hints.now();
  }

  static std::string_view prefix_of(std::string_view target) {
    constexpr std::string_view kRoot = "/api/v3/";
    if (!target.starts_with(kRoot)) return "";
    return target.substr(kRoot.size(), target.find('?') - kRoot.size());
  }

  env::Task<bool> hold(Written written, Hint hint) {
    const Collection type = collection(hint.prefix);
    if (shows_object(written)) {
      Result<Shown> shown = read_shown(type, written.owner, written.body);
      if (shown && shown->writable) {
        if (shown->owner != written.owner) shown->owner = written.owner;
        if (written.method == "DELETE") shown->writable = false;
        const Result<bool> put =
            co_await store::failed_reads_returned(put_written(type, *shown, written.before));
        if (!put || *put) co_return put.ok();
        hint.key = shown->key;  // something newer may have come meanwhile
      }
    }
    if (!hint.key.empty()) add_hint(hint.prefix, replica_key(type, hint.key));
    co_return co_await told_everything();
  }

  /// False: nothing was written, because more was heard of the object since the request was sent; the answer
  /// may be older than that.
  env::Task<Result<bool>> put_written(Collection type, Shown shown, uint64_t before) {
    if (Result<void> stored = co_await replica.drain(); !stored) co_return stored.error();
    Result<bool> put = false;
    {
      Lock lock(applying);
      {
        Lock lock(mutex);
        const Hint hint{type.prefix, shown.key};
        if (!hints.is_quiet_since(hint, before)) co_return false;
        hints.overtake(hint);
      }
      std::optional<std::string> body;
      if (shown.writable) body = std::move(shown.body);
      put = replica.put(type.prefix, shown.owner, shown.key, std::move(body));
    }
    if (!put) co_return put.error();
    if (Result<void> stored = co_await replica.drain(); !stored) co_return stored.error();
    co_return true;
  }

  void add_hint(const std::string& prefix, std::string key) {
    {
      Lock lock(mutex);
      hints.add(prefix, std::move(key));
    }
    hinted.notify_all();
  }

  /// Whether everything is stored that the endpoint had told of by now.
  env::Task<bool> told_everything() {
    const env::SteadyTime now = options.clock.steady();
    wake_probe.notify_all();
    while (!over) {
      const uint64_t seen = settled.version();
      {
        Lock lock(mutex);
        if (proven_at && *proven_at >= now) co_return true;
      }
      co_await settled.wait(seen, kIdle);
    }
    co_return false;
  }

  bool follows(std::string_view owner) const { return !over && replica.follows(owner); }

  replication::SinkOptions options;
  const Limits limits;
  Replica replica;
  std::shared_ptr<Api> api;
  std::shared_ptr<net::WebSocket> socket;
  env::SteadyTime begun{};
  std::atomic<bool> over{false};
  std::atomic<bool> manages{false}, leads_to_others{false};
  std::atomic<bool> owners_changed{false}, state_changed{false};
  std::atomic<uint64_t> commands{0}, acknowledged{0};
  std::atomic<int> unanswered{0};
  env::Signal wake, hinted, settled, acknowledgement, wake_probe, closing;

  // Of the walk alone.
  std::vector<Collection> collections;
  std::set<std::string> by_offset;
  Uploads uploads;  // of which an event told
  env::SteadyTime next_walk{};
  std::optional<std::vector<std::string>> walked_for;

  /// Held while something newer than the replica is decided and handed to it.
  Mutex applying;  // taken before `mutex`
  struct Proof {
    env::SteadyTime asked;
    uint64_t mark = 0;
  };
  mutable Mutex mutex;
  std::optional<Error> reason GUARDED_BY(mutex);
  Hints hints GUARDED_BY(mutex);
  std::set<Hint> doubts GUARDED_BY(mutex);
  std::set<std::string> uploads_changed GUARDED_BY(mutex);
  std::set<std::string> listed GUARDED_BY(mutex);  // prefixes of collections
  std::deque<Proof> proofs GUARDED_BY(mutex);
  std::optional<env::SteadyTime> proven_at GUARDED_BY(mutex);
};

Mirror::Mirror(replication::SinkOptions options, replication::SavedPosition position, Limits limits)
    : state_(std::make_shared<State>(std::move(options), std::move(position), limits)) {}
Mirror::~Mirror() = default;

env::Task<Result<void>> Mirror::open(std::shared_ptr<net::Link> link, Token token) {
  return state_->open(std::move(link), std::move(token));
}
env::Task<Error> Mirror::run() { return state_->run(); }
void Mirror::abort() { state_->abort(); }
void Mirror::subscribe(std::vector<std::string> owners) {
  state_->replica.want(std::move(owners));
  state_->wake.notify_all();
}
bool Mirror::follows(std::string_view owner) const { return state_->follows(owner); }
std::optional<env::SteadyTime> Mirror::as_of(std::string_view owner) const {
  return state_->replica.as_of(owner);
}
std::optional<env::SteadyTime> Mirror::told(std::string_view owner) const {
  return state_->replica.told(owner);
}
void Mirror::set_as_of(const std::string& owner, std::optional<env::SteadyTime> as_of) {
  state_->replica.set_as_of(owner, as_of);
}
replication::SavedPosition Mirror::position() const { return state_->replica.position(); }
env::Duration Mirror::resolution() const {
  return std::max<env::Duration>(std::chrono::seconds(3),
                                 state_->limits.probe_every + std::chrono::seconds(1));
}
uint64_t Mirror::word() const { return state_->word(); }
env::Task<Taken> Mirror::take_written(Written written, env::Duration patience) {
  return state_->take_written(std::move(written), patience);
}

}  // namespace mullion::mirror
