#include "env/random.h"

#include <fmt/format.h>
#include <sodium.h>

#include <array>
#include <vector>

#include "base/base64.h"

namespace mullion::env {
namespace {

/// libsodium's generator sets itself up on first use, which only sodium_init() makes safe among threads.
void fill(void* out, size_t size) {
  static const int ready = sodium_init();
  (void)ready;
  randombytes_buf(out, size);
}

}  // namespace

void secure_random(std::span<unsigned char> out) { fill(out.data(), out.size()); }

uint64_t random_id() {
  // Every request takes one; asking the system each time is 3 % of a small GET.
  thread_local std::array<uint64_t, 64> ids;
  thread_local size_t left = 0;
  while (true) {
    if (left == 0) {
      fill(ids.data(), sizeof(ids));
      left = ids.size();
    }
    const uint64_t id = ids[--left];
    if (id != 0) return id;
  }
}

std::string random_uuid() {
  std::array<unsigned char, 16> bytes{};
  secure_random(bytes);
  bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0f) | 0x40);
  bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3f) | 0x80);
  std::string out;
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) out += '-';
    out += fmt::format("{:02x}", bytes[i]);
  }
  return out;
}

std::string random_text(size_t bytes) {
  std::vector<unsigned char> random(bytes);
  secure_random(random);
  return base64url_encode({reinterpret_cast<const char*>(random.data()), random.size()});
}

double random_unit() { return static_cast<double>(random_id() >> 11) * 0x1.0p-53; }

}  // namespace mullion::env
