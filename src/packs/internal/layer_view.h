// How layers are told to clients: summaries and errors.
#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "packs/internal/pack.h"

namespace mullion::packs {

/// An error about the content `name`.
Error about(ErrorCode code, std::string_view method, std::string_view name, std::string message);
/// Fills in what lower functions left open.
Error with_method(Error error, std::string_view method, std::string_view name);
/// By contract a POST that meets a missing feature knows no key yet, and tells objects that cannot be loaded
/// by a Type of their own, without Model and Key; a PUT is plain in both.
Error shaped(Error error, bool replace, std::string_view name);

/// ContentSummary, with the warnings about its objects behind those of the layer itself.
boost::json::object summary_of(const Layer& layer, const std::vector<std::string>& warnings);

}  // namespace mullion::packs
