// What work on the objects of this server needs, whoever asks for it.
#pragma once

#include <string>

#include "env/turns.h"
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

}  // namespace mullion::objects
