#include "cli/output/tree_view.h"

#include <algorithm>
#include <boost/json.hpp>
#include <set>

#include "base/text.h"
#include "cli/documents/document.h"

namespace mullion::cli {
namespace {

struct Line {
  std::string branch;  // lines and id
  size_t branch_width;
  const TreeNode* node;
};

/// The node and all below it as they may stand in one line each.
TreeNode shown_node(const TreeNode& node) {
  TreeNode out{escaped(node.id),  escaped(node.state),    escaped(node.version),
               escaped(node.age), escaped(node.machines), {}};
  for (const TreeNode& child : node.children) out.children.push_back(shown_node(child));
  return out;
}

size_t code_points(std::string_view text) {
  return static_cast<size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

void add_lines(const TreeNode& node, const std::string& own, const std::string& below,
               std::vector<Line>& lines) {
  const std::string branch = own + node.id;
  lines.push_back({branch, code_points(branch), &node});
  for (size_t i = 0; i < node.children.size(); ++i) {
    const bool last = i + 1 == node.children.size();
    add_lines(node.children[i], below + (last ? "└── " : "├── "), below + (last ? "    " : "│   "), lines);
  }
}

/// Fills a column up to `width`; a column that is empty everywhere takes no room.
void pad(std::string& line, size_t used, size_t width) {
  if (width > 0) line.append(width - std::min(width, used) + 2, ' ');
}

void attach(TreeNode& node, const json::array& endpoints, std::set<std::string>& placed) {
  for (const json::value& endpoint : endpoints) {
    const std::string id = text_member(endpoint, "Id");
    if (text_member(endpoint, "Endpoint") != node.id || !placed.insert(id).second) continue;
    node.children.push_back(
        {id, text_member(endpoint, "ConnectionStatus"), text_member(endpoint, "DRPVersion"), "", "", {}});
  }
  std::sort(node.children.begin(), node.children.end(),
            [](const TreeNode& left, const TreeNode& right) { return left.id < right.id; });
  for (TreeNode& child : node.children) attach(child, endpoints, placed);
}

}  // namespace

TreeNode arrange_endpoints(const std::string& root, const json::array& endpoints) {
  json::array named = endpoints;
  for (json::value& endpoint : named) {
    // A server that is no manager shows its own objects with an empty owner.
    if (endpoint.is_object() && text_member(endpoint, "Endpoint").empty())
      endpoint.get_object()["Endpoint"] = root;
  }
  TreeNode top{root, "", "", "", "", {}};
  std::set<std::string> placed = {root};
  attach(top, named, placed);
  for (const json::value& endpoint : named) {
    const std::string id = text_member(endpoint, "Id");
    if (!placed.insert(id).second) continue;
    top.children.push_back(
        {id, text_member(endpoint, "ConnectionStatus"), text_member(endpoint, "DRPVersion"), "", "", {}});
    attach(top.children.back(), named, placed);
  }
  return top;
}

std::string tree_text(const TreeNode& given) {
  const TreeNode root = shown_node(given);
  std::vector<Line> lines;
  add_lines(root, "", "", lines);
  size_t branch = 0;
  size_t state = 0;
  size_t version = 0;
  size_t age = 0;
  size_t machines = 0;
  for (const Line& line : lines) {
    branch = std::max(branch, line.branch_width);
    state = std::max(state, line.node->state.size());
    version = std::max(version, line.node->version.size());
    age = std::max(age, line.node->age.size());
    machines = std::max(machines, line.node->machines.size());
  }
  std::string out;
  for (const Line& line : lines) {
    std::string text = line.branch;
    pad(text, line.branch_width, branch);
    text += line.node->state;
    pad(text, line.node->state.size(), state);
    text += line.node->version;
    pad(text, line.node->version.size(), version);
    text += line.node->age;
    pad(text, line.node->age.size(), age);
    text.append(machines - line.node->machines.size(), ' ').append(line.node->machines).append(" machines");
    out += text + "\n";
  }
  return out;
}

json::value tree_json(const TreeNode& root) {
  json::array children;
  for (const TreeNode& child : root.children) children.push_back(tree_json(child));
  json::object object;
  object["Id"] = root.id;
  object["State"] = root.state;
  object["Version"] = root.version;
  object["Age"] = root.age;
  object["Machines"] = root.machines;
  object["Children"] = std::move(children);
  return object;
}

}  // namespace mullion::cli
