// Content documents as GET shows them.
#pragma once

#include <string>

#include "packs/internal/pack.h"
#include "packs/layers.h"

namespace mullion::packs {

/// The document of a layer below the writable one. Secure values are shown as `opener` gives them.
std::string document_of(const Layer& layer, const Layers::Opener& opener);
/// The document of the writable layer, whose meta is `meta`: with every preference, and without what plugin
/// providers say of themselves.
std::string writable_document(const boost::json::object& meta, const store::Snapshot& snapshot,
                              const Layers::Opener& opener);

}  // namespace mullion::packs
