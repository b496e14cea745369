// What a read throws that cannot be done.
#pragma once

#include <exception>
#include <string>
#include <type_traits>
#include <utility>

#include "base/result.h"

namespace mullion::store {

/// The database cannot be read: all views are taken (kUnavailable, and far above Options::max_views), the
/// disk failed, or what it holds is damaged (kCorrupt). Thrown rather than returned by what looks one thing
/// up: a caller that has no use for it cannot take it for absence, delete what it did not find, or allow what
/// it did not see forbidden. Requests answer it, background work tries again later.
class ReadFailure final : public std::exception {
 public:
  explicit ReadFailure(Error error) : error_(std::move(error)), text_(error_.text()) {}
  const Error& error() const { return error_; }
  const char* what() const noexcept override { return text_.c_str(); }

 private:
  Error error_;
  std::string text_;
};

/// Runs `reads` and returns what it returns as a Result; a ReadFailure becomes its error.
template <typename Reads>
auto as_result(Reads reads) {
  using Returned = std::invoke_result_t<Reads>;
  using Out = ResultOf<Returned>;
  try {
    if constexpr (std::is_void_v<Returned>) {
      reads();
      return Out();
    } else {
      return Out(reads());
    }
  } catch (const ReadFailure& failure) {
    return Out(failure.error());
  }
}

}  // namespace mullion::store
