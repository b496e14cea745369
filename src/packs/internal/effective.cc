#include "packs/internal/effective.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "model/index_value.h"
#include "model/json_schema.h"
#include "model/members.h"
#include "model/object.h"
#include "packs/internal/pack.h"

namespace mullion::packs {

namespace {

namespace json = boost::json;

/// Sections whose objects others refer to come first, so that "not Available" spreads in one pass.
constexpr std::string_view kOrder[] = {"templates", "params", "tasks",    "bootenvs",
                                       "profiles",  "stages", "workflows"};

/// Own objects over the stack that is about to become effective.
class StackLookup final : public model::Lookup {
 public:
  StackLookup(const std::map<ObjectName, std::string>& bodies, const store::Snapshot& snapshot)
      : bodies_(bodies), snapshot_(snapshot) {}

  std::optional<json::object> find(std::string_view type, std::string_view key) const override {
    if (const auto own = own_body(type, key)) return model::read_object(*own);
    const auto found = bodies_.find(ObjectName(type, key));
    return found == bodies_.end() ? std::nullopt : model::read_object(found->second);
  }

  bool exists(std::string_view type, std::string_view key) const override {
    return bodies_.contains(ObjectName(type, key)) || own_body(type, key).has_value();
  }

  std::vector<json::object> all(std::string_view type) const override {
    std::vector<json::object> found;
    const auto keep = [&](std::string_view body) {
      if (std::optional<json::object> object = model::read_object(body)) found.push_back(std::move(*object));
    };
    snapshot_.scan_owner(type, store::kOwn, "", [&](std::string_view, std::string_view body) {
      keep(body);
      return true;
    });
    for (auto layered = bodies_.lower_bound(ObjectName(type, "")); layered != bodies_.end(); ++layered) {
      if (layered->first.first != type) break;
      if (!own_body(type, layered->first.second)) keep(layered->second);
    }
    return found;
  }

  std::vector<json::object> where(std::string_view type, std::string_view index,
                                  std::string_view value) const override {
    const model::ObjectType* known = model::find_object_type(type);
    const model::Index* entry = known == nullptr ? nullptr : known->find_index(index);
    if (entry == nullptr) return {};
    // Two spellings of one address are one value here as they are in the store.
    const auto meaning = [&](std::string_view text) {
      const Result<std::string> encoded = model::encode_index_argument(*entry, type, text);
      return encoded ? *encoded : std::string(text);
    };
    const std::string wanted = meaning(value);
    std::vector<json::object> found = all(type);
    std::erase_if(found, [&](const json::object& object) {
      return meaning(model::text_member(object, index)) != wanted;
    });
    return found;
  }

 private:
  std::optional<std::string> own_body(std::string_view type, std::string_view key) const {
    return snapshot_.get({std::string(type), std::string(store::kOwn), std::string(key)});
  }

  const std::map<ObjectName, std::string>& bodies_;
  const store::Snapshot& snapshot_;
};

class Validator {
 public:
  Validator(Effective& effective, const Stack& stack, const store::Snapshot& snapshot)
      : effective_(effective), stack_(stack), lookup_(effective.bodies, snapshot) {}

  void validate(const ObjectName& name, std::string& body) {
    const model::ObjectType* type = model::find_object_type(name.first);
    auto object = type != nullptr ? model::read_object(body) : std::nullopt;
    if (!object) return;
    model::Verdict verdict = judge(*type, *object);
    std::vector<std::string> problems = std::move(verdict.invalid);
    std::move(verdict.unavailable.begin(), verdict.unavailable.end(), std::back_inserter(problems));
    if (problems.empty()) return;
    json::array errors;
    for (const std::string& problem : problems) errors.emplace_back(problem);
    // The object is in the layer whatever we think of it: it shows its problems instead of vanishing.
    (*object)["Available"] = false;
    (*object)["Errors"] = std::move(errors);
    body = model::canonical_body(*type, *object);
    warn(name, problems);
  }

 private:
  /// Whoever makes packs chooses what their schemas cost: a pack with many costly ones gets little for each
  /// once it has had its share.
  model::Verdict judge(const model::ObjectType& type, json::object& object) {
    model::Budget budget(std::clamp(schema_steps_, model::kInlineSchemaSteps, model::kSchemaSteps));
    model::Verdict verdict = model::validate(type, object, nullptr, lookup_, true, budget);
    schema_steps_ -= std::min(schema_steps_, budget.used());
    return verdict;
  }

  void warn(const ObjectName& name, const std::vector<std::string>& problems) {
    const Layer* holder = stack_.holder(name);
    if (holder == nullptr) return;
    auto& list = effective_.warnings[holder->name];
    const std::string key = name.second + ": ";
    for (std::string_view problem : problems) {
      if (problem.starts_with(key)) problem.remove_prefix(key.size());
      list.push_back(fmt::format("{}:{}: {}", name.first, name.second, problem));
    }
  }

  Effective& effective_;
  const Stack& stack_;
  StackLookup lookup_;
  uint64_t schema_steps_ = 20 * model::kSchemaSteps;
};

size_t section_rank(std::string_view section) {
  return static_cast<size_t>(std::find(std::begin(kOrder), std::end(kOrder), section) - std::begin(kOrder));
}

}  // namespace

Effective make_effective(const Stack& stack, const store::Snapshot& snapshot) {
  Effective effective;
  std::vector<std::pair<size_t, ObjectName>> order;
  for (const auto& [name, body] : stack.effective()) {
    effective.bodies.emplace(name, *body);
    order.emplace_back(section_rank(name.first), name);
  }
  std::sort(order.begin(), order.end());
  Validator validator(effective, stack, snapshot);
  for (const auto& [rank, name] : order) validator.validate(name, effective.bodies.at(name));
  return effective;
}

std::vector<std::string> problems_of_own(const Effective& effective, const store::Snapshot& snapshot,
                                         const std::vector<ObjectName>& objects) {
  std::vector<std::string> out;
  const StackLookup lookup(effective.bodies, snapshot);
  for (const ObjectName& name : objects) {
    const model::ObjectType* type = model::find_object_type(name.first);
    std::optional<json::object> object =
        type == nullptr ? std::nullopt : lookup.find(name.first, name.second);
    if (!object) continue;
    const model::Verdict verdict = model::validate(*type, *object, nullptr, lookup, true);
    for (const auto* problems : {&verdict.invalid, &verdict.unavailable}) {
      for (const std::string& problem : *problems)
        out.push_back(fmt::format("{}:{}: {}", name.first, name.second, problem));
    }
  }
  return out;
}

std::vector<store::Change> difference(const store::Snapshot& snapshot,
                                      const std::map<ObjectName, std::string>& wanted) {
  std::vector<store::Change> changes;
  std::set<ObjectName> same;
  const std::string layered(store::kLayered);
  for (const std::string& type : snapshot.types()) {
    snapshot.scan_owner(type, store::kLayered, "", [&](std::string_view key, std::string_view body) {
      const ObjectName name(type, key);
      const auto found = wanted.find(name);
      if (found == wanted.end()) changes.push_back({{type, layered, std::string(key)}, std::nullopt});
      if (found != wanted.end() && found->second == body) same.insert(name);
      return true;
    });
  }
  for (const auto& [name, body] : wanted) {
    if (!same.contains(name)) changes.push_back({{name.first, layered, name.second}, body});
  }
  return changes;
}

bool own_has(const store::Snapshot& snapshot, const ObjectName& name) {
  return snapshot.get({name.first, std::string(store::kOwn), name.second}).has_value();
}

std::vector<store::Change> removals_of_own(const store::Snapshot& snapshot, const Layer& layer) {
  std::vector<store::Change> changes;
  for (const auto& [name, body] : layer.objects) {
    if (!own_has(snapshot, name)) continue;
    changes.push_back({{name.first, std::string(store::kOwn), name.second}, std::nullopt});
  }
  return changes;
}

void guard_keys(store::Batch& batch, const Layer& layer) {
  if (layer.overwritable) return;
  for (const auto& [name, body] : layer.objects) {
    batch.guards.push_back({{name.first, std::string(store::kOwn), name.second}, store::Expect::kAbsent, {}});
  }
}

}  // namespace mullion::packs
