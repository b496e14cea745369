// What work on the objects of this server needs, whoever asks for it.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "env/turns.h"
#include "objects/type_hooks.h"
#include "store/store.h"

namespace mullion::objects {

/// Outlives whoever works with it. Thread-safe.
struct Context {
  Context(store::Store& the_store, std::string id) : store(the_store), own_id(std::move(id)) {}
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  store::Store& store;
  const std::string own_id;  // by which queries name this server
  env::Turns turns;          // of writes that are about the same thing: see turns.h
};

/// What writes need beyond that. Its members are set before the first write.
struct WriteContext : Context {
  WriteContext(store::Store& the_store, std::string id, auth::TenantDirectory& directory)
      : Context(the_store, std::move(id)), tenants(directory) {}

  auth::TenantDirectory& tenants;
  std::vector<TypeHooks> hooks;
  /// Whether a layer that must not be overridden holds the object.
  std::function<bool(std::string_view type, const std::string& key)> held_read_only;
  /// What an object of `owner` shows as its Endpoint.
  std::function<std::string(std::string_view owner)> shown_endpoint;

  /// Empty hooks for types without any.
  const TypeHooks& hooks_of(std::string_view prefix) const;
};

}  // namespace mullion::objects
