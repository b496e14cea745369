// From a command, which is one thread, into coroutines and back.
#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/strand.hpp>
#include <future>
#include <memory>
#include <utility>

#include "env/runtime.h"

namespace mullion::cli {

/// Runs a coroutine on `runtime` and waits for its result.
template <typename Function>
auto wait_for(env::Runtime& runtime, Function function) {
  using Value = typename decltype(function())::value_type;
  auto promise = std::make_shared<std::promise<Value>>();
  auto future = promise->get_future();
  boost::asio::co_spawn(
      boost::asio::make_strand(runtime.executor()),
      [&function, promise]() -> env::Task<void> {
        Value value = co_await function();
        promise->set_value(std::move(value));
      },
      [promise](const std::exception_ptr& failure) {
        if (failure) promise->set_exception(failure);
      });
  return future.get();
}

}  // namespace mullion::cli
