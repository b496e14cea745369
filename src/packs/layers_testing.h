// A stack of layers over a store in memory, for tests.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/serialize.hpp>

#include "base/json.h"
#include "model/object.h"
#include "packs/features.h"
#include "packs/layers.h"

namespace mullion::packs {

namespace json = boost::json;

inline std::string pack(const std::string& name, const std::string& sections, const std::string& meta = "") {
  return R"({"meta":{"Name":")" + name + "\"" + (meta.empty() ? "" : "," + meta) + R"(},"sections":)" +
         sections + "}";
}
inline std::string profiles(const std::string& key, const std::string& description = "") {
  return R"({"profiles":{")" + key + R"(":{"Name":")" + key + R"(","Description":")" + description +
         R"("}}})";
}

template <typename T>
std::string message(const Result<T>& result) {
  return result ? "ok" : result.error().messages.front();
}

class LayersTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto started = layers_->start();
    ASSERT_TRUE(started) << started.error().text();
  }
  Result<std::string> post(const std::string& text, bool replace_writable = false) {
    return layers_->load(text, false, "", replace_writable, "user:test");
  }
  Result<std::string> put(const std::string& name, const std::string& text) {
    return layers_->load(text, true, name, false, "user:test");
  }
  void own(const std::string& type, const std::string& key, const std::string& body) {
    store::Batch batch;
    batch.changes.push_back({{type, "", key}, body});
    ASSERT_TRUE(store_->commit_sync(std::move(batch)));
  }
  json::object object(const std::string& type, const std::string& key) {
    const auto found = store_->snapshot()->get_local(type, key);
    return found ? parse_json(found->body)->as_object() : json::object();
  }
  json::array summaries() { return parse_json(layers_->summaries())->as_array(); }
  std::vector<std::string> names() {
    std::vector<std::string> out;
    for (const auto& item : summaries()) out.emplace_back(item.at("meta").at("Name").as_string());
    return out;
  }
  std::string description(const std::string& key) {
    const auto found = object("profiles", key);
    return found.empty() ? "absent" : std::string(found.at("Description").as_string());
  }

  std::unique_ptr<store::Store> store_ = store::open_memory_store();
  std::unique_ptr<Layers> layers_ = make_layers(*store_, kFeatures);
};

}  // namespace mullion::packs
