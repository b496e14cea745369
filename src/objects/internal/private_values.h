// What is kept beside an object because nobody is shown it.
#pragma once

#include <boost/json/object.hpp>
#include <optional>
#include <string>

#include "model/object.h"
#include "store/store.h"

namespace mullion::objects {

bool has_secret_fields(const model::ObjectType& type);
/// Without members that say nothing: clients echo the empty texts that they received.
boost::json::object set_members(const boost::json::object& secrets);
/// Without the members that are stored already: clients echo what they were shown.
boost::json::object changed_secrets(const store::Snapshot& snapshot, const model::ObjectType& type,
                                    const std::string& key, boost::json::object given);
/// The private values of the object after a write that gives some of them, or absent when they stay as they
/// are.
std::optional<std::string> merged_secrets(const store::Snapshot& snapshot, const model::ObjectType& type,
                                          const std::string& key, const boost::json::object& given);

}  // namespace mullion::objects
