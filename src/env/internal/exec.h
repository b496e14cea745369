// What calls of exec need.
#pragma once

#include <string>
#include <vector>

namespace mullion::env {

/// Another thread's fork may hold a program that was written a moment ago open for writing: it lets go soon.
inline constexpr int kBusyAttempts = 50;

/// As exec wants them, with a null pointer behind the last; they are good while `texts` is.
inline std::vector<char*> pointers_to(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  pointers.reserve(texts.size() + 1);
  for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace mullion::env
