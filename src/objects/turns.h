// Names at which writes take turns.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

namespace mullion::objects {

/// So often a write is tried again when others change the same object in between.
inline constexpr int kMostAttempts = 64;

/// Writes that do not contradict each other are done one after another instead of being tried again and
/// again. A turn (Context::turns) is held from reading the object to its commit, never while a client or a
/// peer is waited for.
inline std::string object_turn(std::string_view type, std::string_view key) {
  return fmt::format("object\n{}\n{}", type, key);
}

/// What a write must have alone; its turn is taken after those at objects.
inline std::string exclusive_turn(std::string_view name) { return fmt::format("exclusive\n{}", name); }

}  // namespace mullion::objects
