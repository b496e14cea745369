// Answers of servers of another make, as clients of this manager may see them.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "model/object_type.h"

namespace mullion::mirror {

/// `text` shows an object of the collection `prefix` (`type`: nullptr when it is unknown here), or a list of
/// them: the same without secrets, which such a server shows to the account of this manager. `Endpoint` of an
/// object that names none becomes `owner`. kCorrupt: it shows neither.
Result<std::string> shown_answer(std::string_view prefix, const model::ObjectType* type,
                                 std::string_view owner, std::string_view text);

}  // namespace mullion::mirror
