// A program on its way to become a provider: received, asked what it is, unpacked - nothing of it in service
// yet.
#pragma once

#include <memory>
#include <string>

#include "plugins/internal/plugin_child.h"
#include "plugins/internal/provider_definition.h"
#include "plugins/internal/provider_files.h"

namespace mullion::plugins {

/// Everything of it is removed with this object unless place() was called.
class Intake {
 public:
  Intake(const ProviderFiles& files, std::string name, StagedProgram received)
      : program(std::move(received)), files_(files), name_(std::move(name)) {}
  ~Intake();
  Intake(const Intake&) = delete;
  Intake& operator=(const Intake&) = delete;

  /// Moves program and unpacked files into service. To be called once the store names this program: should
  /// it fail, the next start tries again.
  Result<void> place();

  const StagedProgram program;
  ProviderDefinition definition;
  env::Path unpacked;

 private:
  const ProviderFiles& files_;
  const std::string name_;
  bool placed_ = false;
};

/// kInvalid when the program is none, or says nonsense; kTooLarge, kTimeout.
Task<Result<std::unique_ptr<Intake>>> take_in(const PluginHost& host, const ProviderFiles& files,
                                              std::string name, net::BodySource& body, uint64_t max_bytes);

}  // namespace mullion::plugins
