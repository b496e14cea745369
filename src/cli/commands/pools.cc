// Pools: who is in them, and moving machines in, out and between their states.
#include <fmt/format.h>

#include <boost/json.hpp>

#include "base/text.h"
#include "cli/commands/handlers.h"
#include "cli/documents/document.h"
#include "cli/documents/source.h"
#include "cli/tree/filters.h"

namespace mullion::cli {
namespace {

/// How a flag of `pools manage` becomes a member of the request's body.
enum class Kind { kNumber, kSwitch, kList, kMap, kText };
struct PoolFlag {
  std::string_view flag, key;
  Kind kind;
};
constexpr PoolFlag kPoolMembers[] = {{"count", "pool/count", Kind::kNumber},
                                     {"minimum", "pool/minimum", Kind::kNumber},
                                     {"all-machines", "pool/all-machines", Kind::kSwitch},
                                     {"machine-list", "pool/machine-list", Kind::kList},
                                     {"wait-timeout", "pool/wait-timeout", Kind::kText},
                                     {"new-workflow", "pool/workflow", Kind::kText},
                                     {"add-profiles", "pool/add-profiles", Kind::kList},
                                     {"remove-profiles", "pool/remove-profiles", Kind::kList},
                                     {"add-parameters", "pool/add-parameters", Kind::kMap},
                                     {"remove-parameters", "pool/remove-parameters", Kind::kList}};

json::value list_value(const std::string& text) {
  json::array list;
  for (const std::string& item : split_list(text)) list.emplace_back(item);
  return list;
}

/// An absent flag gives the empty value of its kind: the server gets every key.
Result<json::value> flag_value(Invocation& call, const PoolFlag& flag) {
  const std::string text = call.flags.get(flag.flag);
  switch (flag.kind) {
    case Kind::kSwitch:
      return json::value(call.flags.on(flag.flag));
    case Kind::kList:
      return list_value(text);
    case Kind::kText:
      return json::value(text);
    case Kind::kNumber: {
      if (text.empty()) return json::value(0);
      Result<uint64_t> number = number_argument(text);
      return number ? Result<json::value>(json::value(*number)) : Result<json::value>(number.error());
    }
    case Kind::kMap: {
      if (text.empty()) return json::value(json::object());
      Result<json::value> map = read_document(call, text);
      if (!map || map->is_object()) return map;
      return usage_error(fmt::format("--{} needs an object of names and values", flag.flag));
    }
  }
  return json::value();
}

Result<json::value> pool_body(Invocation& call) {
  json::object body;
  for (const PoolFlag& flag : kPoolMembers) {
    Result<json::value> value = flag_value(call, flag);
    if (!value) return value.error();
    body[flag.key] = std::move(*value);
  }
  Result<QueryItems> filters = parse_filters(std::span(call.arguments).subspan(1));
  if (!filters) return filters.error();
  json::array texts;
  for (const auto& [name, value] : *filters) texts.emplace_back(name + "=" + value);
  body["pool/filter"] = std::move(texts);
  return json::value(std::move(body));
}

}  // namespace

Result<void> pools_active(Invocation& call) {
  return print_answer(call, call.session.get(client::get_pools_active()));
}

Result<void> pool_status(Invocation& call) {
  return print_answer(call, call.session.get(client::get_pools_status(call.argument(0))));
}

Result<void> pool_manage(Invocation& call) {
  Result<json::value> body = pool_body(call);
  if (!body) return body.error();
  std::vector<std::pair<std::string, std::string>> query;
  if (call.options.force) query.emplace_back("force", "true");
  add_flag(call, "source-pool", query);
  const client::Request request = client::post_pools(call.argument(0), call.command.name + "Machines");
  return print_answer(call, call.session.send_value(request.with(query), *body));
}

}  // namespace mullion::cli
