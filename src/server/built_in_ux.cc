#include "server/built_in_ux.h"

/// In built_in_ux.S.
extern "C" const char mullion_ux_pack_begin[];
extern "C" const char mullion_ux_pack_end[];

namespace mullion::server {

std::string_view built_in_ux() { return {mullion_ux_pack_begin, mullion_ux_pack_end}; }

}  // namespace mullion::server
