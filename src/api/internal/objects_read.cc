#include "api/internal/answers.h"
#include "api/internal/finder.h"
#include "api/internal/group_by.h"
#include "api/internal/handlers.h"
#include "api/internal/heavy.h"
#include "api/internal/live_rights.h"
#include "api/internal/objects.h"
#include "api/internal/packed_refs.h"
#include "api/internal/request_rules.h"
#include "api/internal/rights.h"
#include "api/internal/shown_secrets.h"
#include "base/text.h"
#include "model/index_value.h"
#include "objects/params.h"

namespace mullion::api {
namespace {

/// Lists up to this many objects are of one moment, and answered as one sized body.
constexpr size_t kSmallList = 256;
constexpr size_t kLargestBodyPiece = 256 * 1024;
/// Of a piece that is made beside the threads that serve: the one object more does not make it a second
/// piece.
constexpr size_t kPieceBytes = 224 * 1024;
/// What a thread that serves makes before others have their turn: about half a millisecond.
constexpr size_t kInlineBytes = 512 * 1024;
constexpr uint64_t kInlineRefs = 1024;
/// A reduced list reads more than it shows: at most so much for each byte that a piece may have.
constexpr size_t kReadPerByte = 2;

/// The objects of a query as a JSON array, made piece by piece so that memory does not grow with the list.
/// Each piece shows the objects as they are when it is made: one deleted meanwhile is left out, one changed
/// is shown as it is now. Between pieces no view of the database is held, however slowly the client takes
/// them. The pieces are made on the account of the caller, who takes turns with others: lists of one, however
/// many, do not hold the threads that serve.
class ListBody final : public net::BodySource {
 public:
  ListBody(Services& services, const model::ObjectType& type, PackedRefs refs, View view, LiveRights rights,
           env::Caller caller)
      : services_(services),
        type_(type),
        refs_(std::move(refs)),
        view_(std::move(view)),
        rights_(std::move(rights)),
        caller_(std::move(caller)),
        generation_(rights_.principal().generation) {}

  env::Task<Result<std::string_view>> next() override {
    if (offset_ == buffer_.size() && !done_) {
      Result<void> filled = rights_.renew();
      if (!filled) co_return filled.error();
      // Never refused: a list has one piece waiting, and their budget bounds how many lists there are.
      env::Caller caller = caller_;
      co_await env::run_admitted(env::Pool::kProcessor, std::move(caller),
                                 [this, &filled] { filled = fill_as_of_now(); });
      if (!filled) co_return filled.error();
    }
    const std::string_view piece = std::string_view(buffer_).substr(offset_, kLargestBodyPiece);
    offset_ += piece.size();
    co_return piece;
  }

  /// All of it in one view; absent when it is more than `most` bytes.
  std::optional<std::string> take_all(const store::Snapshot& snapshot, size_t most) {
    fill(snapshot, most);
    if (!done_) return std::nullopt;
    return std::move(buffer_);
  }

  /// What it takes while it is sent, bytes.
  size_t memory() const { return refs_.bytes() + kPieceBytes; }
  void hold(env::MemoryBudget::Share share) { share_.emplace(std::move(share)); }

 private:
  Result<void> fill_as_of_now() {
    try {
      fill(*services_.store.snapshot(), kPieceBytes);
      return {};
    } catch (const store::ReadFailure& failure) {
      return failure.error();
    }
  }

  void fill(const store::Snapshot& snapshot, size_t bytes) {
    buffer_.clear();
    offset_ = 0;
    if (!begun_) buffer_ += '[';
    begun_ = true;
    read_ = 0;
    const size_t read = bytes > SIZE_MAX / kReadPerByte ? SIZE_MAX : bytes * kReadPerByte;
    const auto enough = [&] { return buffer_.size() >= bytes || (read_ >= read && !buffer_.empty()); };
    while (!refs_.empty() && !enough()) append(snapshot, refs_.take());
    if (!refs_.empty()) return;
    buffer_ += ']';
    done_ = true;
  }

  void append(const store::Snapshot& snapshot, const store::ObjectRef& ref) {
    Target target{ref.key, ref.owner, {}};
    std::optional<std::string> body = read_found(snapshot, type_, ref);
    if (!body || !still_readable(ref, *body)) return;
    target.body = std::move(*body);
    read_ += target.body.size();
    const size_t before = buffer_.size();
    if (written_) buffer_ += ',';
    const std::string secret = visible_secret(rights_.principal(), snapshot, type_, target);
    target.body = objects::with_secret(type_, std::move(target.body), secret);
    if (append_shown(buffer_, services_, type_, target, view_for(target))) {
      written_ = true;
    } else {
      buffer_.resize(before);
    }
  }

  /// The query found what the caller might read then.
  bool still_readable(const store::ObjectRef& ref, std::string_view body) const {
    return rights_.principal().generation == generation_ || may(rights_.principal(), type_, "get", ref, body);
  }

  /// Secure values are opened object by object, where the caller has the right.
  View view_for(const Target& target) const {
    View view = view_;
    view.decode =
        view.decode && may(rights_.principal(), type_, "getSecure", {target.key, target.owner}, target.body);
    return view;
  }

  Services& services_;
  const model::ObjectType& type_;
  PackedRefs refs_;  // still to come
  std::optional<env::MemoryBudget::Share> share_;
  View view_;
  LiveRights rights_;
  const env::Caller caller_;
  uint64_t generation_;  // of the rights that the query was bound by
  std::string buffer_;
  size_t offset_ = 0;
  size_t read_ = 0;  // bytes of bodies, for the piece that is made
  bool begun_ = false;
  bool written_ = false;
  bool done_ = false;
};

Result<store::Query> query_of(const Call& call) {
  Result<store::Query> query = store::parse_query(call.type->prefix, call.request.query);
  if (!query) {
    Error error = query.error();
    if (error.model.empty()) error.model = call.type->prefix;
    error.type = "GET";
    return error;
  }
  return query;
}

/// Filters that no index answers read every object, and words are looked for in the texts of all.
bool looks_at_everything(const Call& call, const store::Query& query) {
  return !query.search.empty() ||
         std::any_of(query.filters.begin(), query.filters.end(), [&call](const store::Filter& filter) {
           const model::Index* index = call.type->find_index(filter.name);
           return index == nullptr || !store::answered_by_index(*index, filter.op);
         });
}

/// What is made of a result while the view is there that it was found in. False: it takes more than `bytes`
/// of text, and was not made.
using UseResult =
    std::function<bool(const store::Snapshot& snapshot, store::QueryResult& result, size_t bytes)>;

/// How much of a list a thread makes at once.
struct Most {
  uint64_t refs = UINT64_MAX;
  size_t bytes = SIZE_MAX;
};

Result<store::QueryResult> answer_query(const Call& call, store::Query query, const UseResult& use, Most most,
                                        bool& complete) {
  const std::shared_ptr<const store::Snapshot> snapshot = call.services.store.snapshot();
  if (request_rules(call.type->prefix).aggregates_params)
    query.param_resolver = objects::aggregate_resolver(snapshot);
  const uint64_t offset = query.offset, limit = query.limit.value_or(UINT64_MAX);
  const bool counts = query.count_only;
  if (limit > most.refs) query.limit = most.refs;
  Result<store::QueryResult> result = find_all(call, *snapshot, std::move(query));
  if (!result) return result;
  const uint64_t behind = result->matching - std::min(offset, result->matching);
  complete = counts || std::min(limit, behind) <= most.refs;
  if (complete && use) complete = use(*snapshot, *result, most.bytes);
  return result;
}

/// The view is taken by whoever does the work: none is held while the query waits for its turn. What turns
/// out to be long is begun again beside the threads that serve.
env::Task<Result<store::QueryResult>> run_query(const Call& call, const store::Query& query,
                                                const UseResult& use) {
  bool complete = false;
  std::optional<Result<store::QueryResult>> result;
  if (!looks_at_everything(call, query))
    result = answer_query(call, query, use, {kInlineRefs, kInlineBytes}, complete);
  const bool failed = result && !*result;
  if (!complete && !failed) {
    result = co_await heavy(call, env::Pool::kProcessor,
                            [&] { return answer_query(call, query, use, Most(), complete); });
  }
  if (*result) co_return std::move(*result);
  Error error = result->error();
  if (error.model.empty()) error.model = call.type->prefix;
  error.type = "GET";
  co_return error;
}

std::unique_ptr<ListBody> list_body(const Call& call, const View& view,
                                    const std::vector<store::ObjectRef>& refs) {
  return std::make_unique<ListBody>(call.services, *call.type, PackedRefs(refs), view, live_rights(call),
                                    caller_of(call));
}

/// A list that is sent in pieces remembers what it is to show for as long as the client takes.
Result<net::BodySourcePtr> streamed_list(const Call& call, std::unique_ptr<ListBody> body) {
  env::MemoryBudget& budget = env::memory_for(env::Memory::kLists);
  std::optional<env::MemoryBudget::Share> share = budget.take(body->memory(), caller_of(call).name);
  if (!share)
    return Error(ErrorCode::kUnavailable, "Too many long lists are being sent; try again, or ask for less");
  body->hold(std::move(*share));
  return net::BodySourcePtr(std::move(body));
}

/// The wait that `Prefer: wait=DUR` asks for; zero when there is none.
Result<env::Duration> wanted_wait(const Call& call) {
  env::Duration wait{};
  for (const std::string_view header : call.request.headers.get_all("Prefer")) {
    const size_t found = header.find("wait=");
    if (found == std::string_view::npos) continue;
    std::string_view text = header.substr(found + 5);
    text = text.substr(0, text.find_first_of(",; "));
    if (!parse_duration(text, wait)) {
      return Error(ErrorCode::kBadRequest, fmt::format("Prefer: wait={} is not a duration", text));
    }
  }
  return std::min(wait, call.services.limits.longest_poll);
}

/// Holds the request until the object's ETag differs from the client's, or the wait ends.
env::Task<Result<void>> long_poll(Call& call, std::string_view known) {
  Result<env::Duration> wait = wanted_wait(call);
  if (!wait) co_return wait.error();
  const env::SteadyTime deadline = call.services.clock.steady() + *wait;
  const std::shared_ptr<env::Signal> signal = call.services.events.watch(call.type->prefix, call.target.key);
  while (true) {
    const uint64_t seen = signal->version();
    Result<void> allowed = renew_rights(call);
    if (!allowed) co_return allowed;
    Result<Target> target = find_object(call, *call.services.store.snapshot(), call.requested_id());
    if (!target) co_return target.error();
    const bool same = target->owner == call.target.owner && target->key == call.target.key;
    if (!same) co_return object_error(call, ErrorCode::kNotFound, {"Not Found"});
    call.target = std::move(*target);
    if (!etag_matches(known, etag_of(call.target.body))) co_return Result<void>{};
    const env::Duration left = deadline - call.services.clock.steady();
    if (left <= env::Duration::zero()) co_return Result<void>{};
    co_await signal->wait(seen, left);
  }
}

}  // namespace

Result<View> view_of(const Call& call) {
  View view;
  view.decode = call.flag("decode");
  if (const auto slim = call.request.query_value("slim")) {
    for (const std::string& field : trimmed_list(*slim)) {
      if (equal_ignoring_case(field, "Meta")) view.slim_meta = true;
      if (equal_ignoring_case(field, "Params")) view.slim_params = true;
    }
  }
  if (const auto params = call.request.query_value("params")) view.params = trimmed_list(*params);
  const auto fields = call.request.query_value("fields");
  if (!fields) return view;
  Result<model::ChosenMembers> chosen = model::ChosenMembers::parse(*fields);
  if (!chosen)
    return Error(chosen.error().code, "GET", std::string(call.type->prefix), "", chosen.error().messages);
  chosen->add(call.type->key_field);
  view.fields = std::move(*chosen);
  return view;
}

Result<void> append_shown(std::string& out, Services& services, const model::ObjectType& type,
                          const Target& target, const View& view) {
  const bool with_endpoint = type.traits.has_endpoint;
  if (view.plain()) {
    if (with_endpoint) {
      model::append_with_endpoint(out, target.body, services.endpoint_name(target.owner));
    } else {
      out += target.body;
    }
    return {};
  }
  Result<json::object> object = parse_stored(target.body);
  if (!object) return object.error();
  if (view.slim_meta && type.traits.has_meta) (*object)["Meta"] = json::object();
  if (type.traits.has_params) {
    json::value& params = (*object)["Params"];
    if (!params.is_object()) params = json::object();
    if (view.slim_params) params = json::object();
    objects::keep_params(params.get_object(), view.params);
    if (view.decode && !store::is_remote(target.owner))
      objects::decode_params(services, type.prefix, target.key, params.get_object());
  }
  const bool reduced = view.slim_meta || view.slim_params || !view.params.empty() || view.fields;
  if (view.fields) *object = view.fields->of(*object);
  if (type.traits.has_partial && reduced) (*object)["Partial"] = true;
  if (with_endpoint) (*object)["Endpoint"] = services.endpoint_name(target.owner);
  model::append_json(out, *object);
  return {};
}

namespace handlers {

env::Task<Result<net::Response>> list_objects(Call& call) {
  if (call.request.query_value("group-by")) co_return co_await list_groups(call);
  Result<store::Query> query = query_of(call);
  if (!query) co_return query.error();
  const Result<View> view = view_of(call);
  if (!view) co_return view.error();
  uint64_t shown = 0;
  std::optional<std::string> small;
  std::unique_ptr<ListBody> large;
  const UseResult use = [&](const store::Snapshot& snapshot, store::QueryResult& found, size_t bytes) {
    const std::vector<store::ObjectRef> refs = std::move(found.refs);
    shown = refs.size();
    std::unique_ptr<ListBody> body = list_body(call, *view, refs);
    if (shown <= kSmallList) {
      small = body->take_all(snapshot, bytes);
      return small.has_value();
    }
    large = std::move(body);
    return true;
  };
  Result<store::QueryResult> result = co_await run_query(call, *query, use);
  if (!result) co_return result.error();
  net::Response response = json_response(200, std::move(small).value_or(""));
  add_counts(response, shown, result->total, result->matching);
  if (result->last)
    response.headers.set("X-Mullion-Cursor",
                         store::encode_cursor(query->sort, query->reverse, *result->last));
  Result<void> fresh = apply_freshness(call, result->owners, result->collections, response);
  if (!fresh) co_return fresh.error();
  if (!large) co_return response;
  Result<net::BodySourcePtr> body = streamed_list(call, std::move(large));
  if (!body) co_return body.error();
  response.body = std::move(*body);
  co_return response;
}

env::Task<Result<net::Response>> count_objects(Call& call) {
  Result<store::Query> query = query_of(call);
  if (!query) co_return query.error();
  query->count_only = true;
  const uint64_t offset = query->offset, limit = query->limit.value_or(UINT64_MAX);
  Result<store::QueryResult> result = co_await run_query(call, *query, nullptr);
  if (!result) co_return result.error();
  net::Response response = json_response(200, std::string());
  const uint64_t behind = result->matching - std::min(offset, result->matching);
  add_counts(response, std::min(limit, behind), result->total, result->matching);
  Result<void> fresh = apply_freshness(call, result->owners, result->collections, response);
  if (!fresh) co_return fresh.error();
  co_return response;
}

env::Task<Result<net::Response>> show_object(Call& call) {
  const Result<View> view = view_of(call);
  if (!view) co_return view.error();
  const auto known = call.request.headers.get("If-None-Match");
  if (known && etag_matches(*known, etag_of(call.target.body))) {
    Result<void> waited = co_await long_poll(call, *known);
    if (!waited) co_return waited.error();
  }
  net::Response response = json_response(200, std::string());
  const std::string etag = etag_of(call.target.body);
  response.headers.set("ETag", etag);
  if (store::is_remote(call.target.owner)) {
    std::vector<std::string> owners{call.target.owner};
    Result<void> fresh = apply_freshness(call, owners, {std::string(call.type->prefix)}, response);
    if (!fresh) co_return fresh.error();
  }
  if (known && etag_matches(*known, etag)) {
    response.status = 304;
    co_return response;
  }
  std::string text;
  if (call.flag("aggregate") && call.type->traits.has_params) {
    const bool decode = call.flag("decode") && !store::is_remote(call.target.owner);
    call.target.body = objects::with_aggregated_params(
        *call.type, *call.services.store.snapshot(), call.target, {false, decode ? &call.services : nullptr});
  }
  const std::string secret = visible_secret(call.principal, call.services.store, *call.type, call.target);
  call.target.body = objects::with_secret(*call.type, std::move(call.target.body), secret);
  Result<void> shown = append_shown(text, call.services, *call.type, call.target, *view);
  if (!shown) co_return shown.error();
  response.body = std::move(text);
  co_return response;
}

}  // namespace handlers
}  // namespace mullion::api
