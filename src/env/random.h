// Random numbers; seeded in tests, from the OS otherwise.
#pragma once

#include <cstdint>
#include <random>
#include <span>
#include <string>

namespace mullion::env {

/// Fills `out` with bytes fit for keys and tokens.
void secure_random(std::span<unsigned char> out);
/// Random 64 bits fit for ids (epochs, request ids); never 0.
uint64_t random_id();
/// A version-4 UUID, lower-case canonical text.
std::string random_uuid();
/// URL-safe characters that carry `bytes` random bytes (a multiple of 3), fit for secrets: four for three
/// bytes.
std::string random_text(size_t bytes);
/// Uniform in [0, 1): jitter of back-offs and the like.
double random_unit();

}  // namespace mullion::env
