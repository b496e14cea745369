// Version sets in files, and how they differ from those of a server. Knows no server.
#pragma once

#include <boost/json.hpp>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mullion::cli {

namespace json = boost::json;

/// Sets by their Id, in the shape that servers keep.
using SetMap = std::map<std::string, json::object>;

/// Adds the sets of one file's text: documents that are a set, or a list of sets. kInvalid names file, set
/// and every fault: a member that version sets do not have, a wrong word, a set that is there twice.
Result<void> add_sets(SetMap& sets, const std::string& file, std::string_view text);

/// Every *.yaml, *.yml and *.json of a directory and below, by name; hidden ones are left out. Or the file
/// itself. kInvalid names everything there whose sets cannot be known: links that lead nowhere or to folders,
/// what is no file, folders that cannot be read.
Result<std::vector<std::string>> set_files(const std::string& path);

/// What must be done so that the server has what the files say.
struct SetChanges {
  struct Change {
    std::string id;
    json::object before, after;  // only what users declare; before is empty for a new one
  };
  std::vector<Change> created, changed;
  std::vector<std::string> removed;
  std::vector<std::string> unchanged;
  /// Sets of the server that cannot be changed here and differ, with the reason.
  std::vector<std::string> refused;
  bool empty() const { return created.empty() && changed.empty() && removed.empty(); }
};
/// `there`: the server's own and layered sets as it shows them.
Result<SetChanges> compare_sets(const SetMap& wanted, const std::vector<json::object>& there, bool prune);

/// For people: a line for each set, and below it what differs.
std::string changes_text(const SetChanges& changes);
json::object changes_json(const SetChanges& changes);

}  // namespace mullion::cli
