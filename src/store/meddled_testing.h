// A store in which something happens between two steps of whoever uses it.
#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "store/forwarding_testing.h"

namespace mullion::store {

/// The product is given this one; the test changes `real` meanwhile.
class MeddledStore final : public ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;
  /// Runs right after a reader got its view.
  std::function<void()> meddle;
  std::shared_ptr<const Snapshot> snapshot() const override {
    auto view = ForwardingStore::snapshot();
    if (meddle) meddle();
    return view;
  }
};

}  // namespace mullion::store
