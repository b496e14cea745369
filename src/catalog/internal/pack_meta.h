// The meta of a content pack, read from the front of its file.
#pragma once

#include <boost/json/object.hpp>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace mullion::catalog {

/// Gives the bytes piece by piece; "" is the end.
using Pieces = std::function<Result<std::string_view>()>;

/// The texts of the document's `meta`, whatever the size of the rest; reading ends behind it. Long values (documentation)
/// are left out. kInvalid: no content pack.
Result<boost::json::object> read_pack_meta(const Pieces& next);

/// What a catalog item keeps of the meta of packs and providers: texts, no documentation.
boost::json::object kept_meta(const boost::json::object& meta);

}  // namespace mullion::catalog
