// What is compiled into the server: the objects every endpoint has.
#pragma once

#include <string_view>

namespace mullion::packs {

/// src/packs/builtin/basic-store.yaml.
std::string_view basic_store_yaml();
/// src/packs/builtin/first-start.yaml: objects put into the writable layer of a new server.
std::string_view first_start_yaml();

}  // namespace mullion::packs
