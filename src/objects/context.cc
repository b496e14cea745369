#include "objects/context.h"

namespace mullion::objects {

const TypeHooks& WriteContext::hooks_of(std::string_view prefix) const {
  static const TypeHooks none;
  for (const TypeHooks& one : hooks) {
    if (one.prefix == prefix) return one;
  }
  return none;
}

}  // namespace mullion::objects
