// What a new server gets once.
#pragma once

#include "base/result.h"
#include "store/store.h"

namespace mullion::packs {

/// Creates the objects of builtin/first-start.yaml in the writable layer unless that happened before. Objects
/// that somebody deleted since do not come back: a revived administrator would have the password everybody
/// knows.
Result<void> make_first_objects(store::Store& store);

}  // namespace mullion::packs
