#include "inference/model_registry.h"

#include <algorithm>

#include "base/memory.h"

namespace assay {

Result<std::unique_ptr<ModelRegistry>> ModelRegistry::create(const ModelRegistryOptions& options,
                                                             const SharedCompute& shared) {
  std::unique_ptr<ModelRegistry> registry(new ModelRegistry());
  registry->options_ = options;
  registry->shared_ = shared;
  if (!options.governance_path.empty()) {
    ASSAY_ASSIGN_OR_RETURN(registry->governance_, Governance::read(options.governance_path));
  }
  return registry;
}

GovernanceMoment ModelRegistry::moment() const {
  const std::lock_guard lock(mutex_);
  return {.unix_seconds = options_.unix_seconds(), .height = height_};
}

// What models may still take: those that go count until they have gone.
Result<uint64_t> ModelRegistry::memory_left() const {
  if (options_.memory_bytes == 0) return uint64_t{0};
  uint64_t taken = 0;
  for (const auto& served : list()) taken += served->info().memory_bytes;
  if (taken < options_.memory_bytes) return options_.memory_bytes - taken;
  return resource_exhausted("the models that are loaded take " + std::to_string(taken) +
                            " bytes, all of the bound of " + std::to_string(options_.memory_bytes) +
                            "; unload one first");
}

Status ModelRegistry::load(const ServedModelOptions& options, bool replace) {
  const std::lock_guard one_change(changes_);
  {
    const std::lock_guard lock(mutex_);
    const bool is_taken = models_.contains(options.name);
    if (is_taken && !replace) {
      return {Code::kAlreadyExists, "a model named " + options.name +
                                        " is served; ask to replace it, or take another name"};
    }
    if (!is_taken && models_.size() >= options_.models_max) {
      return resource_exhausted(std::to_string(models_.size()) +
                                " models are served, as many as may be; unload one first");
    }
  }
  ServedModelOptions bounded = options;
  ASSAY_ASSIGN_OR_RETURN(const uint64_t left, memory_left());
  if (left != 0 && (bounded.memory_bytes == 0 || bounded.memory_bytes > left)) {
    bounded.memory_bytes = left;
  }
  ASSAY_ASSIGN_OR_RETURN(
      std::shared_ptr<ServedModel> loaded,
      ServedModel::load(bounded, shared_, governance_ ? &*governance_ : nullptr, moment()));
  std::shared_ptr<ServedModel> old;
  {
    const std::lock_guard lock(mutex_);
    std::shared_ptr<ServedModel>& place = models_[options.name];
    old = std::move(place);
    place = std::move(loaded);
    if (default_name_.empty()) default_name_ = options.name;
  }
  retire(std::move(old));
  return ok_status();
}

Status ModelRegistry::unload(const std::string& name) {
  const std::lock_guard one_change(changes_);
  std::shared_ptr<ServedModel> old;
  {
    const std::lock_guard lock(mutex_);
    const auto it = models_.find(name);
    if (it == models_.end()) return not_found("no model named \"" + name + "\" is served");
    old = std::move(it->second);
    models_.erase(it);
    if (default_name_ == name) {
      default_name_ = models_.empty() ? "" : models_.begin()->first;
    }
  }
  retire(std::move(old));
  return ok_status();
}

void ModelRegistry::retire(std::shared_ptr<ServedModel> old) {
  if (old == nullptr) return;
  old->batcher().drain(shared_.clock->seconds() + options_.drain_seconds);
}

Result<std::shared_ptr<ServedModel>> ModelRegistry::find(const std::string& name) const {
  std::shared_ptr<ServedModel> found;
  {
    const std::lock_guard lock(mutex_);
    const auto it = models_.find(name.empty() ? default_name_ : name);
    if (it == models_.end()) {
      std::string names;
      for (const auto& [other, model] : models_) names += (names.empty() ? "" : ", ") + other;
      return not_found(names.empty()
                           ? "no model is served"
                           : "no model named \"" + name + "\" is served; there are: " + names);
    }
    found = it->second;
  }
  if (governance_) {
    ASSAY_RETURN_IF_ERROR(
        governance_->check(found->info().artifact, found->info().canonical, moment()));
  }
  return found;
}

std::vector<std::shared_ptr<ServedModel>> ModelRegistry::list() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<ServedModel>> models;
  for (const auto& [name, model] : models_) models.push_back(model);
  return models;
}

std::string ModelRegistry::default_name() const {
  const std::lock_guard lock(mutex_);
  return default_name_;
}

void ModelRegistry::set_height(uint64_t height) {
  const std::lock_guard lock(mutex_);
  height_ = std::max(height_.value_or(0), height);
}

void ModelRegistry::drain(double until_seconds) {
  for (const auto& served : list()) served->batcher().drain(until_seconds);
}

}  // namespace assay
