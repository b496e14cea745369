#include <fmt/format.h>

#include <algorithm>

#include "base/json.h"
#include "mirror/internal/announced.h"
#include "mirror/internal/conversation.h"
#include "mirror/reported_parts.h"
#include "model/members.h"
#include "model/object.h"

namespace mullion::mirror {
namespace {

constexpr size_t kMostCollections = 500;
constexpr size_t kMostOwners = 100'000;
constexpr size_t kMostChecksums = 10'000;

std::optional<std::vector<std::string>> read_prefixes(std::string_view text) {
  const Result<boost::json::value> list = parse_json(text);
  if (!list || !list->is_array()) return std::nullopt;
  std::vector<std::string> out;
  for (const boost::json::value& item : list->get_array()) {
    if (!item.is_string() || out.size() >= kMostCollections) continue;
    std::string prefix(item.get_string());
    if (is_mirrored(prefix)) out.push_back(std::move(prefix));
  }
  return out;
}

std::vector<std::string> known_prefixes() {
  std::vector<std::string> out;
  for (const model::ObjectType& type : model::object_types()) {
    if (type.traits.replicated) out.emplace_back(type.prefix);
  }
  return out;
}

}  // namespace

env::Task<Result<void>> Conversation::learn() {
  Result<void> fine = co_await learn_collections();
  if (fine) fine = co_await tell_state();
  if (fine) fine = co_await learn_owners(false);
  if (fine) co_await learn_rights();
  co_return fine;
}

env::Task<void> Conversation::learn_rights() {
  if (known_.account.empty()) co_return;
  rights_ = co_await read_rights(*api_, known_.account);
  rights_unknown_ = rights_.unknown();
  tell_shortcomings();
}

env::Task<Result<void>> Conversation::learn_collections() {
  Result<Answer> answer = co_await repeated(client::get_objects());
  if (!answer) co_return answer.error();
  const bool tells = answer->status == 200;
  const bool fails = !tells && answer->status != 403 && answer->status != 404;
  if (fails && collections_.empty()) co_return failed("objects", answer->status);
  if (fails) co_return Result<void>{};
  const std::optional<std::vector<std::string>> prefixes =
      tells ? read_prefixes(answer->body) : known_prefixes();
  if (!prefixes) co_return Error(ErrorCode::kUnreachable, "it does not tell its collections");
  std::vector<Collection> found;
  for (const std::string& prefix : *prefixes) found.push_back(collection(prefix));
  // Machines first: they are what everybody waits for.
  std::ranges::stable_partition(found, [](const Collection& one) { return one.prefix == "machines"; });
  Lock lock(mutex_);
  listed_ = std::set<std::string>(prefixes->begin(), prefixes->end());
  collections_ = std::move(found);
  std::set<std::string> readable = listed_;
  readable.insert(kReportedParts.begin(), kReportedParts.end());
  troubles_.keep(readable);
  replica_.release_others(readable);
  std::erase_if(emptying_, [this](const auto& one) REQUIRES(mutex_) { return !listed_.contains(one.first); });
  co_return Result<void>{};
}

env::Task<Result<void>> Conversation::learn_owners(bool told) {
  Result<std::optional<std::vector<Attached>>> attached = std::optional(std::vector<Attached>());
  if (manages_) attached = co_await attached_endpoints();
  if (!attached) co_return attached.error();
  const std::vector<replication::Announcement> before = replica_.position().announced;
  if (!*attached && !before.empty()) {
    announce_again(before);
    co_return Result<void>{};
  }
  std::vector<replication::Announcement> announced =
      announced_owners(options_.endpoint, attached->value_or(std::vector<Attached>()));
  std::erase_if(announced,
                [&](const replication::Announcement& one) { return one.owner == options_.own_id; });
  // Everything of an owner that is not announced is dropped here: without a word of it, not at once.
  std::vector<replication::Announcement> doubtful = no_longer_announced(before, announced);
  if (told || !manages_ || owners_doubted_) doubtful.clear();
  owners_doubted_ = !doubtful.empty();
  for (replication::Announcement& one : doubtful) {
    kLog.warn("owner is not shown any more endpoint={} owner={}", options_.endpoint, one.owner);
    one.untold_by = options_.endpoint;
    announced.push_back(std::move(one));
  }
  leads_to_others_ = announced.size() > 1;
  replica_.announce(announced);
  options_.on_owners(std::move(announced));
  co_return Result<void>{};
}

void Conversation::announce_again(std::vector<replication::Announcement> before) {
  for (replication::Announcement& one : before) {
    if (one.owner != options_.endpoint) one.untold_by = options_.endpoint;  // it may have told ages before
  }
  leads_to_others_ = before.size() > 1;
  replica_.announce(before);
  options_.on_owners(std::move(before));
}

env::Task<Result<std::optional<std::vector<Attached>>>> Conversation::attached_endpoints() {
  std::vector<Attached> attached;
  const Collection endpoints = collection("endpoints");
  Paging paging;
  while (const std::optional<std::string> query = paging.next()) {
    Result<Answer> answer = co_await repeated(client::get_collection("endpoints").with_encoded(*query));
    if (!answer) co_return answer.error();
    if (answer->status == 403 && leads_to_others_) co_return no_longer_readable("endpoints");
    if (answer->status == 403 || answer->status == 404) break;
    if (answer->status != 200) co_return std::optional<std::vector<Attached>>();
    Result<std::vector<Shown>> page = read_list(endpoints, options_.endpoint, answer->body);
    if (!page) co_return page.error();
    for (const Shown& shown : *page) {
      if (!shown.writable || attached.size() >= kMostOwners) continue;
      const boost::json::object object = model::parse_object(shown.body);
      attached.push_back({shown.key, shown.owner, model::text_member(object, "ConnectionStatus")});
    }
    const auto taken = paging.take(*page, answer->body.size(), answer->matching);
    if (!taken) co_return taken.error();
  }
  co_return std::optional(std::move(attached));
}

env::Task<Result<void>> Conversation::look_at_uploads() {
  std::set<std::string> changed;
  {
    Lock lock(mutex_);
    changed.swap(uploads_changed_);
  }
  for (const std::string& path : changed) {
    Result<std::string> sum = co_await checksum_of(*api_, path);
    if (!sum) co_return sum.error();
    uploads_.erase(path);
    if (!sum->empty() && uploads_.size() < kMostChecksums) uploads_.emplace(path, std::move(*sum));
  }
  co_return Result<void>{};
}

env::Task<Result<void>> Conversation::tell_state() {
  Result<void> looked = co_await look_at_uploads();
  if (!looked) co_return looked;
  const env::SteadyTime begun = options_.clock.steady();
  const Ask ask = [this](client::Request request) { return repeated(std::move(request)); };
  Result<ReportedState> state = co_await read_state(ask, options_.endpoint, uploads_);
  if (!state) co_return state.error();
  if (state->cut && is_final(*state->cut)) co_return *state->cut;
  if (!state->id.empty() && state->id != options_.endpoint)
    co_return Error(ErrorCode::kConflict, fmt::format("the endpoint calls itself {:.200}", state->id));
  manages_ = state->manages;
  counts_ = std::move(state->counts);
  options_.on_state(std::move(state->told));
  for (const AskedPart& part : state->parts) note_part(part, begun);
  co_return Result<void>{};
}

void Conversation::note_part(const AskedPart& part, env::SteadyTime begun) {
  const std::string name(part.name);
  if (part.outcome == AskedPart::Outcome::kRead) return note_walked(name, begun);
  // Of what was never read here nothing is told that could be old.
  const bool was_read = read_at_.contains(name) || replica_.is_held_up(name);
  if (part.outcome == AskedPart::Outcome::kFailed || was_read) note_trouble(name, part.why);
}

}  // namespace mullion::mirror
