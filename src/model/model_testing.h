// What the tests of the room share.
#pragma once

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <map>
#include <string>

#include "model/object.h"

namespace mullion::model {

/// Objects by (type, key).
class FakeLookup final : public Lookup {
 public:
  void add(std::string type, std::string key, json::object object = {{"Available", true}}) {
    objects_[{std::move(type), std::move(key)}] = std::move(object);
  }
  std::optional<json::object> find(std::string_view type, std::string_view key) const override {
    const auto found = objects_.find({std::string(type), std::string(key)});
    if (found == objects_.end()) return std::nullopt;
    return found->second;
  }
  bool exists(std::string_view type, std::string_view key) const override {
    return find(type, key).has_value();
  }
  std::vector<json::object> all(std::string_view type) const override {
    std::vector<json::object> found;
    for (const auto& [name, object] : objects_) {
      if (name.first == type) found.push_back(object);
    }
    return found;
  }
  std::vector<json::object> where(std::string_view type, std::string_view index,
                                  std::string_view value) const override {
    std::vector<json::object> found = all(type);
    std::erase_if(found, [&](const json::object& object) {
      const json::value* member = object.if_contains(index);
      return member == nullptr || *member != json::value(value);
    });
    return found;
  }

 private:
  std::map<std::pair<std::string, std::string>, json::object> objects_;
};

inline const ObjectType& type_of(std::string_view prefix) {
  const ObjectType* type = find_object_type(prefix);
  EXPECT_NE(type, nullptr) << prefix;
  return *type;
}

/// The normalised object; fails the test when `text` is refused.
inline json::object normal(std::string_view prefix, std::string_view text,
                           const json::object* before = nullptr) {
  Result<json::object> object = normalise(type_of(prefix), json::parse(text), before);
  EXPECT_TRUE(object.ok()) << text << ": " << (object.ok() ? "" : object.error().text());
  return object.ok() ? std::move(*object) : json::object();
}

}  // namespace mullion::model
