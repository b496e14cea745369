// Content documents as they rest in the store: one zstd frame of JSON.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace mullion::packs {

std::string compress_document(std::string_view json);
/// kCorrupt when `bytes` is no frame, kTooLarge when it would grow beyond 256 MiB.
Result<std::string> expand_document(std::string_view bytes);

}  // namespace mullion::packs
