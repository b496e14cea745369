#include "api/internal/bulk_requests.h"

#include <fmt/format.h>

#include "api/internal/answers.h"
#include "api/internal/dispatcher.h"
#include "api/internal/heavy.h"
#include "api/internal/objects.h"
#include "api/internal/request_rules.h"
#include "api/internal/rights.h"
#include "client/api.h"
#include "manager/unreachable.h"
#include "model/members.h"
#include "objects/params.h"

namespace mullion::api {
namespace {

constexpr std::string_view kBulks = "bulks";
/// Bytes; beyond it an answer is known by its status.
constexpr uint64_t kLargestAnswer = uint64_t{16} << 20;
/// What servers before 0.3 say of a request whose way broke while it was being carried out; later ones say it
/// in a header.
constexpr std::string_view kMayHaveRun = "it may have been carried out";

}  // namespace

Error no_bulks(const Call& call) {
  return Error(ErrorCode::kUnavailable, "INVOKE", std::string(kBulks), call.target.key,
               {"Bulks are not carried out here"});
}

Result<std::vector<store::ObjectRef>> select_for(const Services& services, const auth::Principal& principal,
                                                 std::string_view type, const std::string& filter,
                                                 uint64_t most) {
  const model::ObjectType* known = services.store.types().find(type);
  if (known == nullptr)
    return Error(ErrorCode::kNotFound, fmt::format("there is no collection {:.100}", type));
  Result<store::Query> query = store::parse_query(known->prefix, net::parse_query_string(filter));
  if (!query) return query.error();
  const std::shared_ptr<const store::Snapshot> snapshot = services.store.snapshot();
  if (request_rules(known->prefix).aggregates_params)
    query->param_resolver = objects::aggregate_resolver(snapshot);
  query->own_id = services.facts.id;
  query->limit = std::min(query->limit.value_or(most), most);
  bound_by_rights(principal, *known, *query);
  Result<store::QueryResult> found = snapshot->query(*query);
  if (!found) return found.error();
  return std::move(found->refs);
}

env::Task<FullAnswer> send_as(Services& services, auth::Principal principal, std::string method,
                              std::string target, std::string body) {
  net::Request request;
  FullAnswer answer;
  request.method = std::move(method);
  request.id =
      fmt::format("{:x}-{:x}", services.clock.wall().time_since_epoch().count(), ++services.own_requests);
  if (Result<void> fits = request.set_target(std::move(target)); !fits) {
    answer.status = 400;
    answer.text = error_json(fits.error(), request.method);
    co_return answer;
  }
  if (!body.empty()) {
    request.headers.set("Content-Type", "application/json");
    request.headers.set("Content-Length", std::to_string(body.size()));
  }
  const net::BodySourcePtr source = net::body_from_string(std::move(body));
  request.body = source.get();
  std::string caller = principal.audit_name();
  net::Response response = co_await dispatch_as(services, request, std::move(principal));
  answer.status = response.status;
  answer.unreachable = response.headers.get(manager::kUnreachableHeader).value_or("");
  Result<std::string> text =
      co_await read_held_answer(services, response, kLargestAnswer, std::move(caller), answer.held);
  if (text) {
    answer.text = std::move(*text);
  } else {
    answer.lost = text.error().text();
  }
  co_return answer;
}

std::string messages_of_answer(const FullAnswer& answer) {
  if (!answer.lost.empty()) return fmt::format("its answer is lost: {}", answer.lost);
  return client::refusal_texts(answer.text);
}

env::Task<bulk::Answer> perform_as(Services& services, auth::Principal principal, std::string method,
                                   std::string target, std::string body) {
  const FullAnswer full =
      co_await send_as(services, std::move(principal), std::move(method), std::move(target), std::move(body));
  bulk::Answer answer;
  answer.status = full.status;
  if (full.status < 300) co_return answer;
  answer.message = messages_of_answer(full);
  answer.may_have_run =
      full.status == 503 && (full.unreachable.empty() ? answer.message.find(kMayHaveRun) != std::string::npos
                                                      : manager::says_may_have_run(full.unreachable));
  co_return answer;
}

env::Task<Result<std::string>> run_bulk_action(Call& call, std::string command) {
  if (call.services.bulks == nullptr) co_return no_bulks(call);
  co_return co_await call.services.bulks->command(call.target.key, std::move(command), call.principal);
}

std::vector<std::string> bulk_conflicts(const Services& services, const objects::Draft& draft,
                                        const store::Snapshot& snapshot) {
  const std::optional<std::string> stored =
      snapshot.get({std::string(kBulks), std::string(store::kOwn), draft.key});
  return bulk::written_faults(services.store, snapshot, draft.object, stored.value_or(""));
}

}  // namespace mullion::api
