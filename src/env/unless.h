// Work that is given up when something else happens.
#pragma once

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <exception>
#include <optional>
#include <utility>

#include "env/runtime.h"

namespace mullion::env {

namespace internal {

template <typename T>
Task<void> keep(Task<T> work, std::optional<T>& result, std::exception_ptr& failure) {
  try {
    result = co_await std::move(work);
  } catch (...) {
    failure = std::current_exception();
  }
}

}  // namespace internal

/// What `work` gives, or absent when `until` ends first: then `work` is cancelled and has ended. What `work`
/// throws is thrown here at once.
template <typename T>
Task<std::optional<T>> unless(Task<T> work, Task<void> until) {
  using asio::experimental::awaitable_operators::operator||;
  std::optional<T> result;
  std::exception_ptr failure;
  const auto first = co_await (internal::keep(std::move(work), result, failure) || std::move(until));
  if (first.index() != 0) co_return std::nullopt;
  if (failure) std::rethrow_exception(failure);
  co_return result;
}

}  // namespace mullion::env
