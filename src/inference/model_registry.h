// ModelRegistry: the models that a process serves, by name. Loading, replacing and unloading happen
// between requests: whoever has found a model ends with it. Tested in model_registry_test.cc.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "inference/governance.h"
#include "inference/served_model.h"

namespace assay {

struct ModelRegistryOptions {
  size_t models_max = 4;
  uint64_t memory_bytes = 0;               // of all models together; 0: what the machine leaves
  double drain_seconds = 30;               // that those who hold a model that goes have to end
  std::string governance_path;             // empty: every model may be served
  std::function<uint64_t()> unix_seconds;  // what approvals count by; needed with governance_path
};

class ModelRegistry {
 public:
  // Errors: those of Governance::read.
  static Result<std::unique_ptr<ModelRegistry>> create(const ModelRegistryOptions& options,
                                                       const SharedCompute& shared);

  ~ModelRegistry();

  // Loads a model and serves it; replaces the one of this name if asked to: what is asked for after
  // the call returns goes to the new one. The first is the default. Returns when the old one is
  // gone. Errors: ALREADY_EXISTS, RESOURCE_EXHAUSTED (models_max, memory), those of
  // ServedModel::load: then everything is as before. Threads: any, one at a time (it waits).
  Status load(const ServedModelOptions& options, bool replace);
  // Errors: NOT_FOUND.
  Status unload(const std::string& name);
  // Empty: the default. A model that is replaced or unloaded takes requests of those who hold it
  // until they have let go of it, or drain_seconds have passed; so hold it no longer than needed,
  // and not while loading or unloading. Whoever holds a model must not let go of it on its
  // batcher's thread, that is in a ResponseSink. Errors: NOT_FOUND (names those that there are),
  // FAILED_PRECONDITION (its approval does not hold any more).
  Result<std::shared_ptr<ServedModel>> find(const std::string& name) const;
  std::vector<std::shared_ptr<ServedModel>> list() const;  // by name
  std::string default_name() const;

  // The height of the chain that approvals count by. Never goes back.
  void set_height(uint64_t height);
  // No requests any more; see Batcher::drain.
  void drain(double until_seconds);

 private:
  ModelRegistry() = default;
  GovernanceMoment moment() const;
  Result<uint64_t> memory_left() const;
  struct Place;
  void retire(std::unique_ptr<Place> old);

  ModelRegistryOptions options_;
  SharedCompute shared_;
  std::optional<Governance> governance_;
  std::mutex changes_;        // one load or unload at a time
  mutable std::mutex mutex_;  // of what follows
  std::map<std::string, std::unique_ptr<Place>> models_;
  std::string default_name_;
  std::optional<uint64_t> height_;
};

}  // namespace assay
