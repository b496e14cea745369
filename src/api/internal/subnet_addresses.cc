// Addresses of subnets for whoever asks for one: reservations that the server chooses the address of. They
// are made and removed as the caller would, with its rights; this adds the choice, and the parameter of a
// machine.
#include <fmt/format.h>

#include "api/internal/addresses.h"
#include "api/internal/answers.h"
#include "api/internal/bulk_requests.h"
#include "api/internal/handlers.h"
#include "api/internal/heavy.h"
#include "api/internal/objects.h"
#include "api/internal/write_support.h"
#include "client/routes.h"
#include "model/allocation.h"
#include "model/members.h"

namespace mullion::api {
namespace {

/// Addresses of one subnet are chosen one after another.
std::string choice_turn(const std::string& subnet) { return exclusive_turn("addresses of subnet " + subnet); }

Error about_call(const Call& call, ErrorCode code, std::string message) {
  return object_error(call, code, {std::move(message)});
}

env::Task<FullAnswer> ask_as_caller(Call& call, client::Request request, std::string body) {
  co_return co_await send_as(call.services, call.principal, request.method(), request.target(),
                             std::move(body));
}

constexpr std::string_view kMachineObjects = "machines", kReservationObjects = "reservations";

/// The parameter of a machine that a reservation names.
struct NamedParam {
  explicit NamedParam(const json::object& reservation)
      : machine(model::text_member(reservation, "Machine")),
        name(model::text_member(reservation, "Parameter")) {}
  std::string machine, name;
};

bool names_param(const json::object& reservation) {
  return !model::text_member(reservation, "Machine").empty() &&
         !model::text_member(reservation, "Parameter").empty();
}

/// What the client wants of its reservation; nothing sent is no wish.
Result<json::object> wishes(const Call& call) {
  Result<json::value> body = parse_body(call);
  if (!body) return body.error();
  if (body->is_null()) return json::object();
  if (!body->is_object()) return about_call(call, ErrorCode::kBadRequest, "The body is not a JSON object");
  for (const char* field : {"Addr", "Token", "Machine", "Parameter", "Strategy"}) {
    const json::value* value = body->get_object().if_contains(field);
    if (value == nullptr || value->is_null() || value->is_string()) continue;
    return about_call(call, ErrorCode::kBadRequest, fmt::format("Field {}: expected string", field));
  }
  const json::object& wanted = body->get_object();
  if (!model::text_member(wanted, "Parameter").empty() && model::text_member(wanted, "Machine").empty()) {
    return about_call(call, ErrorCode::kInvalid,
                      "Parameter needs the Machine whose parameter becomes the address");
  }
  return std::move(body->get_object());
}

/// The address that the client named, or else a free one.
Result<uint32_t> chosen_address(const Call& call, const json::object& wanted) {
  const Result<json::object> subnet = parse_stored(call.target.body);
  if (!subnet) return subnet.error();
  const std::shared_ptr<const store::Snapshot> snapshot = call.services.store.snapshot();
  const std::string named = model::text_member(wanted, "Addr");
  if (named.empty()) return free_address(call.services, *snapshot, *subnet);
  const std::optional<uint32_t> address = model::address_number(named);
  if (!address) return about_call(call, ErrorCode::kInvalid, fmt::format("Addr: {} is no address", named));
  Result<void> good =
      check_address(call.services, *snapshot, *subnet, *address, model::text_member(wanted, "Token"));
  if (!good) return good.error();
  return *address;
}

void fill(json::object& object, std::string_view field, const std::string& value) {
  if (model::text_member(object, field).empty()) object[field] = value;
}

/// The reservation of an address for whoever asked. Without a device it is the address's own.
json::object reservation_of(const Call& call, json::object wanted, uint32_t address) {
  const std::string text = model::dotted_address(address);
  wanted["Addr"] = text;
  fill(wanted, "Token", text);
  fill(wanted, "Strategy", text_in(call.target.body, "Strategy"));
  wanted["Scoped"] = true;
  wanted["Allocated"] = true;
  return wanted;
}

/// A free address may be gone when it is taken: then it is another one's turn.
env::Task<Result<FullAnswer>> reserve(Call& call, json::object wanted) {
  const bool named = !model::text_member(wanted, "Addr").empty();
  for (int attempt = 1;; ++attempt) {
    Result<uint32_t> address =
        co_await heavy(call, env::Pool::kProcessor, [&] { return chosen_address(call, wanted); });
    if (!address) co_return address.error();
    std::string body = json::serialize(reservation_of(call, wanted, *address));
    FullAnswer answer =
        co_await ask_as_caller(call, client::post_collection(kReservationObjects), std::move(body));
    const bool gone = answer.status == 409 && !named && attempt < kMostAttempts;
    if (!gone) co_return std::move(answer);
  }
}

/// The machine must exist for the caller; it is named by its UUID from here on.
env::Task<Result<std::optional<FullAnswer>>> resolve_machine(Call& call, json::object& wanted) {
  using Outcome = Result<std::optional<FullAnswer>>;
  const std::string machine = model::text_member(wanted, "Machine");
  if (machine.empty()) co_return Outcome(std::nullopt);
  FullAnswer answer = co_await ask_as_caller(call, client::get_object(kMachineObjects, machine), "");
  if (answer.status == 404) {
    std::string message = fmt::format("Machine {} does not exist", machine);
    co_return Outcome(about_call(call, ErrorCode::kInvalid, std::move(message)));
  }
  if (answer.status != 200) co_return Outcome(std::optional<FullAnswer>(std::move(answer)));
  wanted["Machine"] = text_in(answer.text, "Uuid");
  co_return Outcome(std::nullopt);
}

net::Response passed_on(const Call& call, FullAnswer answer) {
  net::Response response = json_response(answer.status == 201 ? 200 : answer.status, std::move(answer.text));
  if (response.status < 300) add_commit_header(call, call.services.store.newest(), response);
  return response;
}

}  // namespace

namespace handlers {

env::Task<Result<net::Response>> allocate_address(Call& call) {
  Result<json::object> wanted = wishes(call);
  if (!wanted) co_return wanted.error();
  Result<std::optional<FullAnswer>> failed = co_await resolve_machine(call, *wanted);
  if (!failed) co_return failed.error();
  if (*failed) co_return passed_on(call, std::move(**failed));
  std::vector<std::string> names{choice_turn(call.target.key)};
  Result<env::Turns::Turn> turn = co_await call.services.turns.take(std::move(names));
  if (!turn) co_return turn.error();
  Result<FullAnswer> made = co_await reserve(call, std::move(*wanted));
  if (!made) co_return made.error();
  const json::object reservation = model::parse_object(made->text);
  if (made->status != 201 || !names_param(reservation)) co_return passed_on(call, std::move(*made));
  const std::string address = model::text_member(reservation, "Addr");
  const NamedParam param(reservation);
  client::Request change = client::post_object_params(kMachineObjects, param.machine, param.name);
  FullAnswer set = co_await ask_as_caller(call, std::move(change), quoted_json(address));
  if (set.status < 300) co_return passed_on(call, std::move(*made));
  FullAnswer undone = co_await ask_as_caller(call, client::delete_object(kReservationObjects, address), "");
  if (undone.status < 300) co_return passed_on(call, std::move(set));
  co_return object_error(call, ErrorCode::kConflict,
                         {messages_of_answer(set),
                          fmt::format("Address {} stays reserved: {}", address, messages_of_answer(undone))});
}

env::Task<Result<net::Response>> release_address(Call& call) {
  const std::string& text = call.argument("name");
  const std::optional<uint32_t> address = model::address_number(text);
  if (!address) co_return about_call(call, ErrorCode::kInvalid, fmt::format("{} is no address", text));
  const std::string dotted = model::dotted_address(*address);
  FullAnswer found = co_await ask_as_caller(call, client::get_object(kReservationObjects, dotted), "");
  if (found.status == 404)
    co_return about_call(call, ErrorCode::kNotFound, fmt::format("Address {} is not reserved", text));
  if (found.status != 200) co_return passed_on(call, std::move(found));
  const json::object reservation = model::parse_object(found.text);
  if (model::text_member(reservation, "Subnet") != call.target.key) {
    co_return about_call(call, ErrorCode::kNotFound,
                         fmt::format("Address {} is not one of subnet {}", text, call.target.key));
  }
  if (!model::flag_member(reservation, "Allocated")) {
    co_return about_call(call, ErrorCode::kConflict,
                         fmt::format("Address {} was reserved, not allocated: delete the reservation", text));
  }
  if (names_param(reservation)) {
    const NamedParam param(reservation);
    client::Request look = client::get_object_params(kMachineObjects, param.machine, param.name);
    FullAnswer value = co_await ask_as_caller(call, std::move(look), "");
    const bool ours = value.status == 200 && value.text == quoted_json(dotted);
    client::Request clear = client::delete_object_params(kMachineObjects, param.machine, param.name);
    FullAnswer cleared;
    if (ours) cleared = co_await ask_as_caller(call, std::move(clear), "");
    if (cleared.status >= 300 && cleared.status != 404) co_return passed_on(call, std::move(cleared));
  }
  FullAnswer removed = co_await ask_as_caller(call, client::delete_object(kReservationObjects, dotted), "");
  co_return passed_on(call, std::move(removed));
}

}  // namespace handlers
}  // namespace mullion::api
