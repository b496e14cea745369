// What a plugin provider says of itself, read with suspicion. Pure.
#pragma once

#include <boost/json/object.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "plugins/providers.h"

namespace mullion::plugins {

struct ProviderDefinition {
  std::string name, version;
  bool auto_start = false;
  bool has_publish = false;
  std::vector<ProviderAction> actions;
  std::vector<std::string> required, optional;  // parameters of its plugins
  /// Collections it declares, each with its schema.
  std::vector<std::pair<std::string, boost::json::object>> collections;
  /// What its programs may do with RS_TOKEN, where it says so: `token-scope`, `token-action` and
  /// `token-specific` of its Meta, each "*" when absent. Absent: everything.
  std::optional<TokenScope> token;
  boost::json::object meta;
  std::string content;         // the text of its content pack; not kept in `object`
  boost::json::object object;  // the PluginProvider as stored and shown
};

/// Reads what `define` printed, or what was stored of it. kInvalid says what is wrong; `name` is what the
/// client calls it.
Result<ProviderDefinition> read_definition(std::string_view text, std::string_view name);

/// The content document of the provider's layer.
Result<boost::json::object> layer_document(const ProviderDefinition& definition);

/// The provider as clients see it: what its content pack says of itself stands in its Meta, below what the
/// provider says.
boost::json::object shown_provider(const ProviderDefinition& definition,
                                   const boost::json::object& pack_meta);

/// The plugin that AutoStart makes.
boost::json::object auto_start_plugin(const ProviderDefinition& definition);

}  // namespace mullion::plugins
