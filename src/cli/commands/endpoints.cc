// Short cuts for managers: attach an endpoint, show the hierarchy.
#include <fmt/format.h>

#include <boost/json.hpp>
#include <iostream>

#include "cli/commands/handlers.h"
#include "cli/documents/document.h"
#include "cli/documents/source.h"
#include "cli/output/output.h"
#include "cli/output/tree_view.h"

namespace mullion::cli {
namespace {

/// A copy that was never complete is older than everything, as far as the header goes; behind a manager that
/// does not tell how old its own copy is, the age is a lower bound.
std::string age_text(const net::Headers& headers) {
  constexpr size_t kDigitsOfACentury = 10;
  const auto seconds = headers.get("X-Mullion-Age");
  if (!seconds) return "age unknown";
  if (seconds->size() >= kDigitsOfACentury) return "not copied yet";
  return fmt::format("age {}{} s", headers.get("X-Mullion-Age-Untold") ? "at least " : "", *seconds);
}

/// Machines an owner has and how old our copy of them is, in one HEAD.
Result<void> fill_counts(Invocation& call, TreeNode& node, bool is_root) {
  Result<net::TextResponse> answer =
      call.session.send({client::head_collection("machines").with("Endpoint", "Eq(" + node.id + ")")});
  if (!answer) return answer.error();
  node.machines = answer->headers.get("X-DRP-LIST-FILTER-COUNT").value_or("?");
  if (!is_root) node.age = age_text(answer->headers);
  for (TreeNode& child : node.children) {
    Result<void> filled = fill_counts(call, child, false);
    if (!filled) return filled;
  }
  return {};
}

size_t total_machines(const TreeNode& node) {
  size_t total = static_cast<size_t>(std::strtoull(node.machines.c_str(), nullptr, 10));
  for (const TreeNode& child : node.children) total += total_machines(child);
  return total;
}

size_t count_nodes(const TreeNode& node) {
  size_t total = 1;
  for (const TreeNode& child : node.children) total += count_nodes(child);
  return total;
}

}  // namespace

Result<void> endpoint_add(Invocation& call) {
  if (call.arguments.size() == 5 && call.argument(1) == "param") return param_add(call);
  if (call.arguments.size() > 3) {
    return usage_error("expected URL USERNAME PASSWORD, or ID param KEY to VALUE");
  }
  const std::string username =
      call.flags.has("username") ? call.flags.get("username") : call.optional_argument(1);
  const std::string password =
      call.flags.has("password") ? call.flags.get("password") : call.optional_argument(2);
  if (username.empty() || password.empty()) {
    return usage_error("username and password of an account at the endpoint are needed");
  }
  json::object body;
  body["manager/url"] = call.argument(0);
  body["manager/username"] = username;
  body["manager/password"] = read_secret(call, password);
  Result<json::value> added = call.session.send_value(client::post_plugins_manager_actions("addEndpoint"),
                                                      json::value(std::move(body)));
  if (!added) return added.error();
  return print_result(call, *added);
}

Result<void> endpoint_tree(Invocation& call) {
  Result<json::value> info = call.session.get(client::get_info());
  if (!info) return info.error();
  Result<json::value> endpoints = call.session.get(client::get_collection("endpoints"));
  if (!endpoints) return endpoints.error();
  if (!endpoints->is_array()) return Error(ErrorCode::kInternal, "the server's list of endpoints is no list");
  const std::string ha_id = text_member(*info, "ha_id");
  TreeNode root = arrange_endpoints(ha_id.empty() ? text_member(*info, "id") : ha_id, endpoints->get_array());
  root.version = text_member(*info, "version");
  const json::value* manager = info->is_object() ? info->get_object().if_contains("manager") : nullptr;
  root.state = manager != nullptr && manager->is_bool() && manager->get_bool() ? "Manager" : "Endpoint";
  Result<void> filled = fill_counts(call, root, true);
  if (!filled) return filled;
  const bool as_data = call.options.format == Format::kJson || call.options.format == Format::kYaml;
  if (as_data && call.options.format_given) {
    print_value(call.terminal, call.options, "", tree_json(root));
    return {};
  }
  call.terminal.out << tree_text(root) << count_nodes(root) << " servers, " << total_machines(root)
                    << " machines\n";
  return {};
}

}  // namespace mullion::cli
