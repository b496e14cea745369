// The hierarchy below a manager, from its Endpoint objects.
#pragma once

#include <boost/json/value.hpp>
#include <string>
#include <vector>

namespace mullion::cli {

namespace json = boost::json;

/// One server of the hierarchy.
struct TreeNode {
  std::string id;
  std::string state;  // ConnectionStatus, or what the root is
  std::string version;
  std::string age;  // of its replica, as shown
  std::string machines;
  std::vector<TreeNode> children;
};

/// Arranges Endpoint objects below `root`: the field `Endpoint` of each names the manager that registered it.
/// Each id appears once; endpoints whose manager is unknown hang below the root.
TreeNode arrange_endpoints(const std::string& root, const json::array& endpoints);

/// The tree with its columns aligned, a line each.
std::string tree_text(const TreeNode& root);
json::value tree_json(const TreeNode& root);

}  // namespace mullion::cli
