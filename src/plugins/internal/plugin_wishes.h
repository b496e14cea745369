// From plugin objects and providers to what should run. Reads the store, changes nothing.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>

#include "plugins/internal/plugin_runner.h"
#include "plugins/internal/provider_definition.h"
#include "plugins/internal/provider_files.h"
#include "plugins/providers.h"

namespace mullion::plugins {

/// A provider in service.
struct ProviderEntry {
  ProviderDefinition definition;
  std::string sha256;  // of its program
  bool has_program = true;
};
using ProviderMap = std::map<std::string, std::shared_ptr<const ProviderEntry>, std::less<>>;

/// What the wishes are made from.
struct WishSources {
  const store::Snapshot& snapshot;
  const ProviderMap& providers;
  const ProviderFiles& files;
  const ProviderServices& services;
  uint64_t token_epoch = 0;  // grows when plugins need a fresh token
  /// Providers that are being changed: nothing is said of their plugins before that is over.
  std::set<std::string> in_change = {};
};

/// Orders by plugin name, of every plugin of this server. Built-in plugins, which have no provider and come
/// with a layer, are none of ours.
std::map<std::string, PluginOrder> plugin_orders(const WishSources& sources);

}  // namespace mullion::plugins
