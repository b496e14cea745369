#include "content/internal/sealing.h"

#include <fmt/format.h>

#include <boost/json/serialize.hpp>

#include "model/object.h"

namespace mullion::content {

namespace {

namespace json = boost::json;

json::object* member_object(json::object& object, std::string_view name) {
  json::value* found = object.if_contains(name);
  return found != nullptr && found->is_object() ? &found->get_object() : nullptr;
}

bool is_sealed(const json::value& value) {
  if (!value.is_object()) return false;
  const json::object& object = value.get_object();
  return object.size() == 3 && object.contains("Key") && object.contains("Nonce") &&
         object.contains("Payload");
}

bool says_secure(const json::value* param) {
  if (param == nullptr || !param->is_object()) return false;
  const json::value* secure = param->get_object().if_contains("Secure");
  return secure != nullptr && secure->is_bool() && secure->get_bool();
}

class Sealing {
 public:
  Sealing(json::object& sections, const Stack& stack, const store::Snapshot& snapshot,
          const Layers::Sealer& sealer)
      : params_(member_object(sections, "params")), stack_(stack), snapshot_(snapshot), sealer_(sealer) {}

  Result<void> object(std::string_view section, std::string_view key, json::object& content) const {
    json::object* params = member_object(content, "Params");
    if (params == nullptr) return {};
    for (auto& [name, value] : *params) {
      if (is_sealed(value) || !is_secure(name)) continue;
      if (!sealer_) {
        return Error(ErrorCode::kInvalid, fmt::format("{}:{}: secure parameter {} must arrive as SecureData",
                                                      section, key, std::string_view(name)));
      }
      auto sealed = sealer_(section, key, json::serialize(value));
      if (!sealed) return sealed.error();
      auto parsed = model::parse_json(*sealed);
      if (!parsed) return parsed.error();
      value = std::move(*parsed);
    }
    return {};
  }

 private:
  bool is_secure(std::string_view param) const {
    if (params_ != nullptr && params_->contains(param)) return says_secure(params_->if_contains(param));
    return stored_says_secure(param);
  }

  bool stored_says_secure(std::string_view param) const {
    const ObjectName name("params", param);
    const Layer* holder = stack_.holder(name);
    const auto own = snapshot_.get_local("params", param);
    if (holder == nullptr && !own) return false;
    const auto parsed = model::parse_json(own ? own->body : holder->objects.at(name));
    return parsed && says_secure(&parsed.value());
  }

  json::object* params_;
  const Stack& stack_;
  const store::Snapshot& snapshot_;
  const Layers::Sealer& sealer_;
};

}  // namespace

Result<void> seal_secure_values(json::object& document, const Stack& stack, const store::Snapshot& snapshot,
                                const Layers::Sealer& sealer) {
  json::object* sections = member_object(document, "sections");
  if (sections == nullptr) return {};
  const Sealing sealing(*sections, stack, snapshot, sealer);
  for (auto& [section, items] : *sections) {
    if (!items.is_object()) continue;
    for (auto& [key, content] : items.get_object()) {
      if (!content.is_object()) continue;
      auto sealed = sealing.object(section, key, content.get_object());
      if (!sealed) return sealed;
    }
  }
  return {};
}

}  // namespace mullion::content
