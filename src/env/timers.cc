#include "env/timers.h"

namespace mullion::env {
namespace {

class SystemTimers final : public Timers {
 public:
  Task<bool> wait(Signal& signal, uint64_t seen, Duration timeout) const override {
    return signal.wait(seen, timeout);
  }
  Task<bool> sleep_for(Duration duration) const override { return env::sleep_for(duration); }
};

}  // namespace

const Timers& system_timers() {
  static const SystemTimers timers;
  return timers;
}

}  // namespace mullion::env
