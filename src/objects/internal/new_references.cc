#include "objects/internal/new_references.h"

#include <memory>
#include <unordered_set>

#include "base/letters.h"

namespace mullion::objects {
namespace {

namespace json = boost::json;

/// All that a document may name: its texts, and what stands behind a colon in them, as task lists say
/// "stage:KEY". Read once: a write may name as many as its body holds.
class Names {
 public:
  void add(const json::value& value) {
    if (const json::string* text = value.if_string()) {
      add_text(*text);
    } else if (const json::array* array = value.if_array()) {
      for (const json::value& item : *array) add(item);
    } else if (const json::object* object = value.if_object()) {
      add(*object);
    }
  }
  void add(const json::object& object) {
    for (const auto& member : object) add(member.value());
  }
  bool contain(std::string_view key) const { return texts_.contains(lower_case(key)); }

 private:
  void add_text(std::string_view text) {
    const std::string small = lower_case(text);
    add_key(small);
    // A key may have colons, too. What has many is named by what stands behind the first ones and the last.
    constexpr int kMostColons = 16;
    size_t at = small.find(':');
    for (int i = 0; i < kMostColons && at != std::string::npos; ++i, at = small.find(':', at + 1))
      add_key(std::string_view(small).substr(at + 1));
    at = small.rfind(':');
    for (int i = 0; i < kMostColons && at != std::string::npos; ++i) {
      add_key(std::string_view(small).substr(at + 1));
      at = at == 0 ? std::string::npos : small.rfind(':', at - 1);
    }
  }

  void add_key(std::string_view text) {
    constexpr size_t kLongestKey = 1024;  // the store has no longer ones
    if (text.size() <= kLongestKey) texts_.emplace(text);
  }

  std::unordered_set<std::string> texts_;
};

/// What is in the document now and was not before, made when it is asked for first.
class NewNames {
 public:
  NewNames(const json::object* before, const json::value& wanted) : before_(before), wanted_(wanted) {}

  bool contain(std::string_view key) {
    if (!read_) {
      read_ = true;
      now_.add(wanted_);
      if (before_ != nullptr) then_.add(*before_);
    }
    return now_.contain(key) && !then_.contain(key);
  }

 private:
  const json::object* before_;
  const json::value& wanted_;
  bool read_ = false;
  Names now_, then_;
};

}  // namespace

Shows shows_to_writer(const Caller& caller, const json::object* before, const json::value& wanted,
                      Unresolved& unresolved) {
  if (caller.rights.reads_everything()) return nullptr;
  const auto names = std::make_shared<NewNames>(before, wanted);
  return [&rights = caller.rights, names, &unresolved](std::string_view type, std::string_view key,
                                                       const store::StoredObject* object) {
    const model::ObjectType* known = model::find_object_type(type);
    const bool readable = object != nullptr && known != nullptr &&
                          rights.may(*known, "get", {object->id.key, object->id.owner}, object->body);
    if (readable) return true;
    if (key.empty() || !names->contain(key)) return object != nullptr;
    unresolved.emplace_back(type, key);
    return false;
  };
}

}  // namespace mullion::objects
