#include "packs/internal/stack.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "model/prerequisites.h"
#include "packs/features.h"
#include "packs/internal/pack.h"

namespace mullion::packs {

namespace {

Error bad_layer(const std::string& layer, std::string message) {
  return Error(ErrorCode::kInvalid, "", "contents", layer, {std::move(message)});
}

/// Position of a layer by its kind: local, packs, default, plugin content, basic.
int rank(const Layer& layer) {
  if (layer.name == kLocalStore) return 0;
  if (layer.name == kBasicStore) return 5;
  if (layer.name == kDefaultStore) return 3;
  if (layer.type == "plugin") return 4;
  return layer.overwritable ? 2 : 1;
}

std::string_view layer_text(const Layer& layer, std::string_view field) {
  return layer.meta.at(field).get_string();
}

std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  constexpr std::string_view kSeparators = " ,\t\r\n";
  for (size_t at = text.find_first_not_of(kSeparators); at != std::string_view::npos;
       at = text.find_first_not_of(kSeparators)) {
    text.remove_prefix(at);
    const size_t end = std::min(text.find_first_of(kSeparators), text.size());
    words.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
  return words;
}

Error would_override(const Layer& upper, const ObjectName& object, const std::string& lower_label) {
  return bad_layer(upper.name, fmt::format("{}:{} in layer {} would override layer {}", object.first,
                                           object.second, upper.label(), lower_label));
}

void find_missing_features(const Layer& layer, const std::vector<std::string>& features,
                           std::vector<Breach>& out) {
  for (const std::string_view feature : words_of(layer_text(layer, "RequiredFeatures"))) {
    if (is_feature_accepted(feature, features)) continue;
    out.push_back(
        {layer.name,
         Error(ErrorCode::kInvalid, std::string(kFeatureMissing), "contents", layer.name,
               {fmt::format("Content layer {} requires feature {}, but dr-provision does not provide it",
                            layer.name, feature)}),
         false});
  }
}

Result<std::vector<model::Prerequisite>> prerequisites_of(const Layer& layer) {
  auto parsed = model::parse_prerequisites(layer_text(layer, "Prerequisites"));
  if (parsed) return parsed;
  return bad_layer(layer.name, fmt::format("Layer {}: error parsing prerequisites {}", layer.name,
                                           parsed.error().messages.front()));
}

Error missing(const Layer& layer, const model::Prerequisite& wanted) {
  Error error = bad_layer(layer.name, fmt::format("Layer {} has {} as a prerequisite, but {} does not exist!",
                                                  layer.name, wanted.name, wanted.name));
  if (!wanted.wanted.empty())
    error.messages.push_back(fmt::format("{} wants {} {}", layer.name, wanted.name, wanted.wanted));
  return error;
}

Error misfit(const Layer& layer, const model::Prerequisite& wanted, const Layer& found) {
  Error error =
      bad_layer(layer.name, fmt::format("Layer {} prerequisite test on {} failed", layer.name, wanted.name));
  error.messages.push_back(fmt::format("{} wants {} {}, and {} is there", layer.name, wanted.name,
                                       wanted.wanted, found.version.text()));
  return error;
}

/// Real servers load whatever prerequisites are lacking. A pack that says which version it needs does not
/// work with another one, and is bad_layer; one that only names its neighbours is loaded and warned about,
/// and so is one that wants another version of what the server itself brings, since nobody can bring that.
bool is_only_a_warning(const model::Prerequisite& wanted) {
  return wanted.wanted.empty() || is_builtin_layer(wanted.name);
}

void find_unmet_prerequisites(const Stack& stack, const Layer& layer, std::vector<Breach>& out) {
  const auto prerequisites = prerequisites_of(layer);
  if (!prerequisites) {
    out.push_back({layer.name, prerequisites.error(), false});
    return;
  }
  for (const model::Prerequisite& wanted : *prerequisites) {
    if (wanted.name == kBackingStore) continue;
    const Layer* found = stack.find(wanted.name);
    if (found == nullptr) {
      out.push_back({layer.name, missing(layer, wanted), is_only_a_warning(wanted)});
    } else if (!wanted.range.allows(found->version)) {
      out.push_back({layer.name, misfit(layer, wanted, *found), is_only_a_warning(wanted)});
    }
  }
}

/// Depth-first search for a way back to a layer that is still being visited.
class LoopFinder {
 public:
  explicit LoopFinder(const Stack& stack) : stack_(stack) {}

  Result<void> visit(const Layer& layer) {
    if (done_.contains(layer.name)) return {};
    const auto seen = std::find(path_.begin(), path_.end(), layer.name);
    if (seen != path_.end()) return loop(seen, layer.name);
    path_.push_back(layer.name);
    const auto prerequisites = prerequisites_of(layer);
    if (!prerequisites) return prerequisites.error();
    for (const model::Prerequisite& wanted : *prerequisites) {
      const Layer* next = stack_.find(wanted.name);
      if (next == nullptr) continue;
      auto visited = visit(*next);
      if (!visited) return visited;
    }
    path_.pop_back();
    done_.insert(layer.name);
    return {};
  }

 private:
  Error loop(std::vector<std::string>::const_iterator from, const std::string& name) const {
    std::string way;
    for (auto at = from; at != path_.end(); ++at) way += *at + " -> ";
    return bad_layer(name, fmt::format("Layer {}: prerequisites form a loop: {}{}", name, way, name));
  }

  const Stack& stack_;
  std::vector<std::string> path_;
  std::set<std::string> done_;
};

}  // namespace

const Layer* Stack::find(std::string_view name) const {
  const auto found =
      std::find_if(layers.begin(), layers.end(), [name](const auto& l) { return l->name == name; });
  return found == layers.end() ? nullptr : found->get();
}

const Layer* Stack::holder(const ObjectName& object) const {
  const auto found = std::find_if(layers.begin(), layers.end(),
                                  [&object](const auto& l) { return l->objects.contains(object); });
  return found == layers.end() ? nullptr : found->get();
}

std::map<ObjectName, const std::string*> Stack::effective() const {
  std::map<ObjectName, const std::string*> out;
  for (const LayerPtr& layer : layers) {
    for (const auto& [name, body] : layer->objects) out.emplace(name, &body);  // keeps the uppermost
  }
  return out;
}

Stack with_layer(const Stack& stack, LayerPtr layer) {
  Stack out = without_layer(stack, layer->name);
  out.layers.push_back(std::move(layer));
  std::sort(out.layers.begin(), out.layers.end(), [](const LayerPtr& a, const LayerPtr& b) {
    return std::pair(rank(*a), a->name) < std::pair(rank(*b), b->name);
  });
  return out;
}

Stack without_layer(const Stack& stack, std::string_view name) {
  Stack out;
  std::copy_if(stack.layers.begin(), stack.layers.end(), std::back_inserter(out.layers),
               [name](const LayerPtr& layer) { return layer->name != name; });
  return out;
}

Result<void> check_conflicts(const Stack& stack, const Layer& candidate,
                             const std::function<bool(const ObjectName&)>& own_has) {
  if (candidate.overwritable) return {};
  for (const auto& [object, body] : candidate.objects) {
    if (own_has(object)) return would_override(candidate, object, fmt::format("writable-{}", kBackingStore));
    for (const LayerPtr& other : stack.layers) {
      if (other->overwritable || other->name == candidate.name || !other->objects.contains(object)) continue;
      return would_override(candidate, object, other->label());
    }
  }
  return {};
}

std::vector<Breach> unmet_requirements(const Stack& stack, const std::vector<std::string>& features) {
  std::vector<Breach> out;
  for (const LayerPtr& layer : stack.layers) {
    find_missing_features(*layer, features, out);
    find_unmet_prerequisites(stack, *layer, out);
    if (auto checked = LoopFinder(stack).visit(*layer); !checked)
      out.push_back({layer->name, checked.error(), false});
  }
  return out;
}

Result<void> check_requirements(const Stack& before, const Stack& after, std::string_view changed,
                                const std::vector<std::string>& features) {
  const std::vector<Breach> known = unmet_requirements(before, features);
  for (const Breach& breach : unmet_requirements(after, features)) {
    const bool old =
        breach.layer != changed && std::any_of(known.begin(), known.end(), [&](const Breach& other) {
          return other.layer == breach.layer && other.error.messages == breach.error.messages;
        });
    if (!breach.tolerated && !old) return breach.error;
  }
  return {};
}

std::vector<std::string> dependants(const Stack& stack, std::string_view name) {
  std::vector<std::string> out;
  for (const LayerPtr& layer : stack.layers) {
    const auto wanted = prerequisites_of(*layer);
    if (!wanted || layer->name == name) continue;
    const bool needs =
        std::any_of(wanted->begin(), wanted->end(), [name](const auto& p) { return p.name == name; });
    if (needs) out.push_back(layer->name);
  }
  return out;
}

}  // namespace mullion::packs
