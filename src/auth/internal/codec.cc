#include "auth/internal/codec.h"

#include <sodium.h>

#include <cstdlib>

namespace mullion::auth {

void ensure_sodium() {
  static const bool ready = sodium_init() >= 0;
  if (!ready) std::abort();  // no source of randomness: nothing here would be safe
}

std::optional<std::string> hex_decode(std::string_view text) {
  std::string out(text.size() / 2 + 1, '\0');
  size_t length = 0;
  const char* end = nullptr;
  const int failed = sodium_hex2bin(reinterpret_cast<unsigned char*>(out.data()), out.size(), text.data(),
                                    text.size(), nullptr, &length, &end);
  if (failed != 0 || end != text.data() + text.size()) return std::nullopt;
  out.resize(length);
  return out;
}

bool equal_constant_time(std::string_view a, std::string_view b) {
  return a.size() == b.size() && sodium_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace mullion::auth
