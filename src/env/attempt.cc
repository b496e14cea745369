#include "env/attempt.h"

#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>
#include <exception>
#include <utility>

namespace mullion::env {

Task<bool> attempt(Logger log, std::string_view what, Task<void> work) {
  try {
    co_await std::move(work);
    co_return true;
  } catch (const boost::system::system_error& failure) {
    if (failure.code() == asio::error::operation_aborted) throw;
    log.error("{} failed what={}", what, failure.what());
  } catch (const std::exception& failure) {
    log.error("{} failed what={}", what, failure.what());
  }
  co_return false;
}

}  // namespace mullion::env
