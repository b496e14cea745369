// How layers are told to clients: summaries, whole documents, errors.
#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "content/internal/pack.h"
#include "store/store.h"

namespace mullion::content {

/// An error about the content `name`.
Error about(ErrorCode code, std::string_view method, std::string_view name, std::string message);
/// Fills in what lower functions left open.
Error with_method(Error error, std::string_view method, std::string_view name);
/// A missing feature is told in two shapes by contract: a POST knows no key yet.
Error shaped(Error error, bool replace, std::string_view name);

/// ContentSummary, with the warnings about its objects behind those of the layer itself.
boost::json::object summary_of(const Layer& layer, const std::vector<std::string>& warnings);
/// The whole document of a layer.
Result<std::string> document_of(const Layer& layer);
/// The document of the writable layer, whose objects are in the store.
std::string writable_document(const Layer& layer, const store::Snapshot& snapshot);

}  // namespace mullion::content
