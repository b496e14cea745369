// The ids of many objects in little memory.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "store/query.h"

namespace mullion::api {

/// The objects that a query found, in its order; about six bytes each beside their keys. Read once, from the
/// front.
class PackedRefs {
 public:
  explicit PackedRefs(const std::vector<store::ObjectRef>& refs) : left_(refs.size()) {
    size_t bytes = 0;
    for (const store::ObjectRef& ref : refs) bytes += sizeof(Head) + ref.key.size();
    packed_.reserve(bytes);
    std::unordered_map<std::string, uint32_t> numbers;
    for (const store::ObjectRef& ref : refs) {
      const auto [known, added] = numbers.try_emplace(ref.owner, static_cast<uint32_t>(owners_.size()));
      if (added) owners_.push_back(ref.owner);
      append(known->second, ref.key);
    }
  }

  size_t bytes() const { return packed_.capacity(); }
  bool empty() const { return left_ == 0; }
  /// Precondition: !empty().
  store::ObjectRef take() {
    Head head;
    std::memcpy(&head, packed_.data() + place_, sizeof(head));
    place_ += sizeof(head);
    store::ObjectRef out{packed_.substr(place_, head.key_size), owners_[head.owner]};
    place_ += head.key_size;
    --left_;
    return out;
  }

 private:
#pragma pack(push, 1)
  struct Head {
    uint32_t owner = 0;
    uint16_t key_size = 0;  // keys have at most 480 bytes
  };
#pragma pack(pop)

  void append(uint32_t owner, std::string_view key) {
    const Head head{owner, static_cast<uint16_t>(key.size())};
    packed_.append(reinterpret_cast<const char*>(&head), sizeof(head));
    packed_ += key;
  }

  std::string packed_;
  std::vector<std::string> owners_;
  size_t place_ = 0;
  size_t left_;
};

}  // namespace mullion::api
