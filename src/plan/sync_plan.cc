#include "plan/sync_plan.h"

#include <fmt/format.h>

#include <algorithm>

#include "model/members.h"
#include "model/object_type.h"
#include "model/secure_params.h"
#include "versionset/sources.h"

namespace mullion::plan {
namespace {

std::string origin_of(const json::object& object) {
  const json::value* meta = object.if_contains("Meta");
  return meta != nullptr && meta->is_object() ? model::text_member(meta->get_object(), kTravelledFrom)
                                              : std::string();
}

/// Members of a copy that its manager fills or that mean nothing there.
json::object without_state(json::object object) {
  json::object kept;
  for (auto& [name, value] : object) {
    if (!model::is_bookkeeping(name)) kept.emplace(name, std::move(value));
  }
  return kept;
}

std::string set_place(std::string_view name) { return fmt::format("version_sets/{}", name); }

std::string place_within(std::string_view place, std::string_view member) {
  return fmt::format("{}/{}", place, member);
}

using SameSecret =
    std::function<bool(const std::string& place, const json::value& wanted, const json::value& shown)>;

/// Equal, where sealed values are what `same_secret` says of them.
bool same_value(const std::string& place, const json::value& wanted, const json::value& there,
                const SameSecret& same_secret) {
  if (model::is_sealed(wanted)) return same_secret && same_secret(place, wanted, there);
  if (wanted.kind() != there.kind()) return wanted == there;
  if (wanted.is_object()) {
    const json::object& other = there.get_object();
    if (wanted.get_object().size() != other.size()) return false;
    return std::ranges::all_of(wanted.get_object(), [&](const auto& member) {
      const json::value* value = other.if_contains(member.key());
      return value != nullptr &&
             same_value(place_within(place, member.key()), member.value(), *value, same_secret);
    });
  }
  if (!wanted.is_array()) return wanted == there;
  const json::array& list = wanted.get_array();
  if (list.size() != there.get_array().size()) return false;
  for (size_t i = 0; i < list.size(); ++i) {
    if (!same_value(place_within(place, std::to_string(i)), list[i], there.get_array()[i], same_secret))
      return false;
  }
  return true;
}

/// Whether `there` has every member of `wanted` with the same value: what that server filled in does not
/// count.
bool says_the_same(const std::string& place, const json::object& wanted, const json::object& there,
                   const SameSecret& same_secret) {
  return std::ranges::all_of(wanted, [&](const auto& member) {
    const json::value* value = there.if_contains(member.key());
    return value != nullptr &&
           same_value(place_within(place, member.key()), member.value(), *value, same_secret);
  });
}

/// What is to be pushed to one manager, collected set by set.
class Packer {
 public:
  Packer(const SyncInputs& inputs, std::string next_hop, std::vector<std::string>& problems)
      : inputs_(inputs), problems_(problems) {
    plan_.next_hop = std::move(next_hop);
    const auto found = inputs.managers.find(plan_.next_hop);
    if (found != inputs.managers.end()) there_ = &found->second;
  }

  void need(const std::string& set, const DownstreamEndpoint& endpoint) { wanted_[set].push_back(&endpoint); }

  SyncPlan pack() {
    for (const auto& [name, endpoints] : wanted_) pack_set(name, endpoints);
    list_items();
    find_stale();
    list_files();
    return std::move(plan_);
  }

 private:
  const json::object* set_there(const std::string& name) const {
    if (there_ == nullptr) return nullptr;
    const auto found = there_->sets.find(name);
    return found == there_->sets.end() ? nullptr : &found->second;
  }

  void pack_set(const std::string& name, const std::vector<const DownstreamEndpoint*>& endpoints) {
    const json::object* there = set_there(name);
    if (there != nullptr && origin_of(*there) != inputs_.own_id) {
      problems_.push_back(fmt::format(
          "{} has a version set {} of its own, which it uses instead of the one here", plan_.next_hop, name));
      return;
    }
    json::object copy = without_state(inputs_.own_sets.at(name));
    json::object meta;
    if (const json::value* own = copy.if_contains("Meta"); own != nullptr && own->is_object())
      meta = own->get_object();
    meta[kTravelledFrom] = inputs_.own_id;
    copy["Meta"] = std::move(meta);
    pin_server(copy, "DRPVersion", "drp", "DRP", endpoints);
    pin_server(copy, "DRPUXVersion", "drp-ux", "DRPUX", endpoints);
    pin_components(copy, endpoints);
    const std::vector<Upload> files = move_files(copy);
    for (const Upload& upload : files) files_needed_.insert(upload.path);
    if (there != nullptr && is_there(name, copy, *there)) return;  // who has the set has its files
    for (const Upload& upload : files) add_upload(upload);
    plan_.sets.push_back(std::move(copy));
  }

  bool is_there(const std::string& name, const json::object& copy, const json::object& there) const {
    const SameSecret same = [this](const std::string& place, const json::value& wanted,
                                   const json::value& shown) {
      return inputs_.same_secret && inputs_.same_secret(plan_.next_hop, place, wanted, shown);
    };
    return says_the_same(set_place(name), copy, there, same);
  }

  void pin_server(json::object& copy, std::string_view field, std::string_view name, std::string_view type,
                  const std::vector<const DownstreamEndpoint*>& endpoints) {
    const std::string word = model::text_member(copy, field);
    if (word.empty() || word == "ignore") return;
    if (const std::optional<std::string> version = carry(name, type, word, endpoints)) copy[field] = *version;
  }

  void pin_components(json::object& copy, const std::vector<const DownstreamEndpoint*>& endpoints) {
    json::value* list = copy.if_contains("Components");
    if (list == nullptr || !list->is_array()) return;
    for (json::value& value : list->get_array()) {
      if (!value.is_object()) continue;
      json::object& component = value.get_object();
      const std::string word = model::text_member(component, "Version");
      if (word.empty() || word == "ignore") continue;
      // A name is one thing in a catalog: the type's word may be a short or a long one.
      const std::optional<std::string> version =
          carry(model::text_member(component, "Name"), "", word, endpoints);
      if (!version) continue;
      component["Version"] = *version;
      component["ActualVersion"] = *version;
    }
  }

  /// Takes an item along; absent when this catalog does not know it: then the downstream manager may.
  std::optional<std::string> carry(std::string_view name, std::string_view type, std::string_view word,
                                   const std::vector<const DownstreamEndpoint*>& endpoints) {
    const Result<const catalog::Item*> found = inputs_.items.resolve(name, type, word);
    if (!found) {
      problems_.push_back(
          fmt::format("{} {} is not in the catalog here: {} has to know it", name, word, plan_.next_hop));
      return std::nullopt;
    }
    const catalog::Item& item = **found;
    catalog::Item copy = item;
    copy.version = item.actual_version;
    copy.id = fmt::format("{}{}-{}", kTravelledItem, item.name, item.actual_version);
    copy.source = fmt::format("self://files/{}rebar-catalog/{}", versionset::travelled_tree(inputs_.own_id),
                              tail_of(item));
    if (belongs_to_another(copy.id)) {
      problems_.push_back(fmt::format("{} has {} from another manager already: {} cannot bring its own",
                                      plan_.next_hop, copy.id, inputs_.own_id));
      return item.actual_version;  // the same version, whoever brought it
    }
    copy.sha256 = builds_there(copy);
    bool any = !copy.sha256.empty();
    for (const DownstreamEndpoint* endpoint : endpoints) any = carry_build(item, copy, *endpoint) || any;
    if (!any) return std::nullopt;
    put_item(copy);
    return item.actual_version;
  }

  bool belongs_to_another(const std::string& item_id) const {
    if (there_ == nullptr) return false;
    const auto known = there_->items.find(item_id);
    return known != there_->items.end() && origin_of(known->second) != inputs_.own_id;
  }

  /// The builds of an item that the manager has: who has the object has its files.
  std::map<std::string, std::string> builds_there(const catalog::Item& copy) const {
    if (there_ == nullptr) return {};
    const auto known = there_->items.find(copy.id);
    if (known == there_->items.end() || origin_of(known->second) != inputs_.own_id) return {};
    const Result<catalog::Item> item = catalog::Item::parse(known->second);
    return item && item->source == copy.source ? item->sha256 : std::map<std::string, std::string>{};
  }

  /// The place of an item below a catalog's tree.
  static std::string tail_of(const catalog::Item& item) {
    constexpr std::string_view kTree = "rebar-catalog/";
    const size_t at = item.source.rfind(kTree);
    if (at != std::string::npos) return item.source.substr(at + kTree.size());
    const size_t last = item.source.rfind('/');
    return fmt::format("{}/{}/{}", item.name, item.actual_version, item.source.substr(last + 1));
  }

  /// Adds the build for an endpoint to `copy`, and its file to the uploads unless it is there.
  bool carry_build(const catalog::Item& item, catalog::Item& copy, const DownstreamEndpoint& endpoint) {
    const Result<catalog::Artifact> here = catalog::artifact_of(item, endpoint.arch, endpoint.os);
    if (!here) {
      problems_.push_back(fmt::format("{}: {}", endpoint.id, here.error().messages.front()));
      return false;
    }
    const std::string own_build = fmt::format("{}/{}", endpoint.arch, endpoint.os);
    const std::string build = item.sha256.contains(own_build) ? own_build : "any/any";
    std::string& known = copy.sha256[build];
    if (known == here->sha256) return true;
    known = here->sha256;
    if (const Result<catalog::Artifact> there = catalog::artifact_of(copy, endpoint.arch, endpoint.os);
        there) {
      add_upload({*here, there->path});
    }
    return true;
  }

  void put_item(catalog::Item item) {
    catalog::Item& known = items_needed_.try_emplace(item.id, item).first->second;
    known.sha256.merge(item.sha256);
  }

  void list_items() {
    for (const auto& [id, item] : items_needed_) {
      json::object object = item.json();
      json::object meta = item.meta;
      meta[kTravelledFrom] = inputs_.own_id;
      object["Meta"] = std::move(meta);
      if (there_ != nullptr) {
        const auto known = there_->items.find(id);
        if (known != there_->items.end() && says_the_same("", object, known->second, nullptr)) continue;
      }
      plan_.items.push_back(std::move(object));
    }
  }

  void add_upload(Upload upload) {
    const auto place = std::ranges::lower_bound(plan_.uploads, upload);
    if (place == plan_.uploads.end() || place->path != upload.path)
      plan_.uploads.insert(place, std::move(upload));
  }

  std::vector<Upload> move_files(json::object& copy) {
    std::vector<Upload> out;
    json::value* list = copy.if_contains("Files");
    if (list == nullptr || !list->is_array()) return out;
    for (json::value& value : list->get_array()) {
      if (!value.is_object()) continue;
      json::object& file = value.get_object();
      const std::string source = model::text_member(file, "Source");
      const std::optional<std::string> path = versionset::own_file_of(source);
      if (!path) continue;
      const std::optional<PlanInputs::OwnFile> facts = inputs_.file(*path);
      if (!facts) {
        problems_.push_back(fmt::format("{} is not a file here", source));
        continue;
      }
      const std::string place = fmt::format("{}files/{}/{}", versionset::travelled_tree(inputs_.own_id),
                                            facts->sha256, path->substr(path->rfind('/') + 1));
      out.push_back({{source, *path, facts->sha256}, place});
      file["Source"] = fmt::format("self://files/{}", place);
    }
    return out;
  }

  void find_stale() {
    if (there_ == nullptr) return;
    for (const auto& [name, object] : there_->sets) {
      if (origin_of(object) == inputs_.own_id && !wanted_.contains(name)) plan_.stale_sets.push_back(name);
    }
    for (const auto& [id, object] : there_->items) {
      if (origin_of(object) == inputs_.own_id && !items_needed_.contains(id)) plan_.stale_items.push_back(id);
    }
  }

  void list_files() {
    plan_.files_to_keep = std::move(files_needed_);
    for (const auto& [id, item] : items_needed_) {
      for (const catalog::Artifact& artifact : catalog::artifacts_of(item)) {
        plan_.files_to_keep.insert(artifact.path);
      }
    }
  }

  const SyncInputs& inputs_;
  std::vector<std::string>& problems_;
  const DownstreamManager* there_ = nullptr;
  std::map<std::string, std::vector<const DownstreamEndpoint*>> wanted_;
  std::map<std::string, catalog::Item> items_needed_;
  std::set<std::string> files_needed_;
  SyncPlan plan_;
};

Result<void> seal_within(const std::string& place, json::value& value, const Sealer& sealer,
                         std::vector<SealedAnew>& out) {
  if (model::is_sealed(value)) {
    Result<json::value> sealed = sealer(value);
    if (!sealed) return sealed.error();
    out.push_back({place, value, *sealed});
    value = std::move(*sealed);
    return {};
  }
  if (value.is_object()) {
    for (auto& member : value.get_object()) {
      Result<void> done = seal_within(place_within(place, member.key()), member.value(), sealer, out);
      if (!done) return done;
    }
  } else if (value.is_array()) {
    size_t index = 0;
    for (json::value& item : value.get_array()) {
      Result<void> done = seal_within(place_within(place, std::to_string(index++)), item, sealer, out);
      if (!done) return done;
    }
  }
  return {};
}

}  // namespace

Result<std::vector<SealedAnew>> seal_anew(json::value& set, const Sealer& sealer) {
  std::vector<SealedAnew> out;
  const std::string name = set.is_object() ? model::text_member(set.get_object(), "Id") : std::string();
  Result<void> done = seal_within(set_place(name), set, sealer, out);
  if (!done) return done.error();
  return out;
}

SyncPlans plan_sync(const SyncInputs& inputs) {
  SyncPlans out;
  std::map<std::string, Packer> packers;
  const auto packer = [&](const std::string& next_hop) -> Packer& {
    return packers.try_emplace(next_hop, inputs, next_hop, out.problems).first->second;
  };
  for (const auto& [next_hop, there] : inputs.managers)
    packer(next_hop);  // also those that only have to forget
  for (const DownstreamEndpoint& endpoint : inputs.endpoints) {
    for (const std::string& set : endpoint.sets) {
      if (inputs.own_sets.contains(set)) packer(endpoint.next_hop).need(set, endpoint);
    }
  }
  for (auto& [next_hop, collected] : packers) {
    SyncPlan plan = collected.pack();
    if (!plan.empty() || (inputs.is_untidy && inputs.is_untidy(plan))) out.plans.push_back(std::move(plan));
  }
  std::ranges::sort(out.problems);
  out.problems.erase(std::unique(out.problems.begin(), out.problems.end()), out.problems.end());
  return out;
}

}  // namespace mullion::plan
