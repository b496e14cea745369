// Short cuts for the fields of subnets.
#include <boost/json.hpp>

#include "base/text.h"
#include "cli/commands/handlers.h"
#include "cli/documents/document.h"
#include "cli/documents/source.h"
#include "model/members.h"

namespace mullion::cli {
namespace {

Result<void> change_fields(Invocation& call, const json::object& changes) {
  Result<json::value> before = read_object(call);
  if (!before) return before.error();
  return send_patch(call, make_patch(*before, merge(*before, json::value(changes))), true);
}

bool has_code(const json::value& option, uint64_t code) {
  const json::value* found = member(option, "Code");
  return found != nullptr && model::count_of(*found) == code;
}

/// The options with `code` set to `text`, or without it when `remove`.
json::array changed_options(const json::value& subnet, uint64_t code, const std::string& text, bool remove) {
  json::array after;
  const json::value* options = member(subnet, "Options");
  if (options != nullptr && options->is_array()) {
    for (const json::value& option : options->get_array()) {
      if (!has_code(option, code)) after.push_back(option);
    }
  }
  if (!remove) after.push_back(json::object{{"Code", code}, {"Value", text}});
  return after;
}

}  // namespace

Result<void> subnet_range(Invocation& call) {
  return change_fields(call, {{"ActiveStart", call.argument(1)}, {"ActiveEnd", call.argument(2)}});
}

Result<void> subnet_network(Invocation& call) { return change_fields(call, {{"Subnet", call.argument(1)}}); }
Result<void> subnet_strategy(Invocation& call) {
  return change_fields(call, {{"Strategy", call.argument(1)}});
}
Result<void> subnet_next_server(Invocation& call) {
  return change_fields(call, {{"NextServer", call.argument(1)}});
}

Result<void> subnet_pickers(Invocation& call) {
  json::array pickers;
  for (const std::string& picker : split_list(call.argument(1))) pickers.emplace_back(picker);
  return change_fields(call, {{"Pickers", std::move(pickers)}});
}

Result<void> subnet_lease_times(Invocation& call) {
  Result<uint64_t> active = number_argument(call.argument(1));
  if (!active) return active.error();
  Result<uint64_t> reserved = number_argument(call.argument(2));
  if (!reserved) return reserved.error();
  return change_fields(call, {{"ActiveLeaseTime", static_cast<int64_t>(*active)},
                              {"ReservedLeaseTime", static_cast<int64_t>(*reserved)}});
}

Result<void> subnet_set(Invocation& call) {
  Result<uint64_t> code = number_argument(call.argument(2));
  if (!code) return code.error();
  Result<json::value> before = read_object(call);
  if (!before) return before.error();
  const std::string& text = call.argument(4);
  json::value after = *before;
  after.get_object()["Options"] = changed_options(*before, *code, text, text == "null");
  return send_patch(call, make_patch(*before, after), true);
}

/// ADDRESS, or all that can be said of the reservation; nothing: any address.
Result<json::value> wanted_address(Invocation& call) {
  const std::string text = call.optional_argument(1);
  if (text.empty()) return json::value(json::object());
  const bool address = text.find_first_not_of("0123456789.") == std::string::npos;
  return address ? json::value(json::object{{"Addr", text}}) : read_document(call, text);
}

Result<void> subnet_allocate(Invocation& call) {
  Result<json::value> wanted = wanted_address(call);
  if (!wanted) return wanted.error();
  return print_answer(call,
                      call.session.send_value(client::post_subnets_allocate(call.argument(0)), *wanted));
}

Result<void> subnet_release(Invocation& call) {
  return print_answer(
      call, call.session.send_json({client::delete_subnets_release(call.argument(0), call.argument(1))}));
}

Result<void> subnet_get(Invocation& call) {
  Result<uint64_t> code = number_argument(call.argument(2));
  if (!code) return code.error();
  Result<json::value> subnet = read_object(call);
  if (!subnet) return subnet.error();
  const json::value* options = member(*subnet, "Options");
  if (options != nullptr && options->is_array()) {
    for (const json::value& option : options->get_array()) {
      if (has_code(option, *code)) return print_answer(call, option);
    }
  }
  return Error(ErrorCode::kNotFound, "option " + call.argument(2) + " is not set");
}

}  // namespace mullion::cli
