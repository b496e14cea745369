// How many simulations run, and what is told of one that failed.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/log.h"

namespace mullion::simulation {

inline constexpr uint64_t kParts = 8;  // so that they run side by side
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MULLION_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define MULLION_SANITIZED 1
#endif
#endif
#ifdef MULLION_SANITIZED
inline constexpr uint64_t kSeedsOfPart = 10;  // they take several times as long
#else
inline constexpr uint64_t kSeedsOfPart = 40;
#endif
/// Of suites whose runs take several times as long as one of objects alone.
inline constexpr uint64_t kSeedsOfLongPart = kSeedsOfPart / 5;
/// What goes on after so many breaches tells nothing new.
inline constexpr int kMostBreaches = 5;

inline uint64_t number_from(const char* variable, uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : std::stoull(text);
}

/// `test`: the one that runs the seed of MULLION_SEED and tells of every step.
inline std::string how_to_replay(uint64_t seed, const std::string& test = "*.Replay") {
  return fmt::format("seed {}; to see it again: MULLION_SEED={} {} --gtest_filter='{}'", seed, seed,
                     "build/debug/tests/test_simulation", test);
}

/// Those of one part of a suite. MULLION_SEEDS: how many in each part, otherwise `count`; MULLION_FIRST_SEED:
/// where the first part begins.
struct Seeds {
  uint64_t first, count;
};
inline Seeds seeds_of_part(uint64_t part, uint64_t count) {
  count = number_from("MULLION_SEEDS", count);
  return {number_from("MULLION_FIRST_SEED", 1) + part * count, count};
}

/// `run(seed)` answers the Outcome of a run; none may have a breach. `again`: see how_to_replay().
template <typename Run>
void run_seeds(const Seeds& seeds, const std::string& again, Run run) {
  int breaches = 0;
  for (uint64_t seed = seeds.first; seed < seeds.first + seeds.count && breaches < kMostBreaches; ++seed) {
    const auto outcome = run(seed);
    EXPECT_EQ(outcome.breach, "") << outcome.shape << ", " << how_to_replay(seed, again);
    if (!outcome.breach.empty()) ++breaches;
  }
}

/// `run(seed)` answers the Outcome of a run without faults; one for each of the shapes.
template <typename Run>
void run_without_faults(size_t shapes, const std::string& again, Run run) {
  run_seeds({1, shapes}, again, [&run](uint64_t seed) {
    auto outcome = run(seed);
    EXPECT_EQ(outcome.faults, 0U);
    return outcome;
  });
}

/// `run(seed)` answers the Outcome of the run that MULLION_SEED names, which tells of every step.
template <typename Run>
void replay(Run run) {
  const uint64_t seed = number_from("MULLION_SEED", 0);
  if (seed == 0) GTEST_SKIP() << "MULLION_SEED names no seed";
  EXPECT_EQ(run(seed).breach, "");
}

/// Servers that are killed leave tasks behind, which their groups would tell of.
class Quiet {
 public:
  Quiet() { set_log_level(LogLevel::kAudit); }
  ~Quiet() { set_log_level(LogLevel::kInfo); }
  Quiet(const Quiet&) = delete;
  Quiet& operator=(const Quiet&) = delete;
};

}  // namespace mullion::simulation
