// Bulks and fleet plans as people read them. Pure.
#pragma once

#include <boost/json/value.hpp>
#include <string>

namespace mullion::cli {

namespace json = boost::json;

/// "bulk-1 running: 61 of 500 done, 3 refused".
std::string bulk_line(const json::value& bulk);
/// Whether nothing more happens without a word: it is over, or it asks, or it is paused.
bool bulk_rests(const json::value& bulk);
/// What a preview says, a line for each owner.
std::string bulk_preview_text(const json::value& preview);
/// One line for each item.
std::string bulk_items_text(const json::value& page);

/// The groups of a fleet plan with what each does, problems, and what links carry. `red` marks deletions.
std::string fleet_plan_text(const json::value& plan, bool red);

}  // namespace mullion::cli
