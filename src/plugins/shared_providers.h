// Plugin providers of a server that shares its files with others.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "files/sharing.h"
#include "packs/layers.h"
#include "plugins/providers.h"
#include "prefs/preferences.h"

namespace mullion::plugins {

/// As Providers, but programs are taken once a majority has them and they are agreed on.
class SharedProviders : public Providers {
 public:
  /// The program of a provider came into its place by other hands: its plugins can start now.
  virtual void program_arrived(const std::string& name) = 0;
};
/// `sharing` must outlive it.
std::unique_ptr<SharedProviders> make_shared_providers(env::Runtime& runtime, store::Store& store,
                                                       packs::Layers& layers, prefs::Preferences& preferences,
                                                       files::Sharing& sharing, const env::Clock& clock,
                                                       std::function<double()> chance);

}  // namespace mullion::plugins
