// Where blocking work of a runtime without threads goes.
#pragma once

#include <boost/asio/execution_context.hpp>
#include <functional>
#include <utility>

#include "env/runtime.h"

namespace mullion::env::internal {

/// ByHand::block of the runtime whose execution context has this service.
class WorkByHand final : public asio::execution_context::service {
 public:
  using key_type = WorkByHand;
  static inline asio::execution_context::id id;

  explicit WorkByHand(asio::execution_context& context) : service(context) {}
  void give_to(std::function<void(std::function<void()>)> block) { block_ = std::move(block); }
  void block(std::function<void()> work) const { block_(std::move(work)); }

 private:
  void shutdown() override {}
  std::function<void(std::function<void()>)> block_;
};

}  // namespace mullion::env::internal
