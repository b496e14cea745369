#include "env/readiness.h"

#include <poll.h>

namespace mullion::env {
namespace {

bool is_ready(int descriptor, short events) {
  pollfd asked{descriptor, events, 0};
  return ::poll(&asked, 1, 0) > 0;
}

}  // namespace

bool is_readable(int descriptor) { return is_ready(descriptor, POLLIN); }
bool is_writable(int descriptor) { return is_ready(descriptor, POLLOUT); }

}  // namespace mullion::env
