#include "inference/model_registry.h"

#include <algorithm>
#include <chrono>
#include <future>

#include "base/check.h"

namespace assay {

// A model and what find() gives of it, which tells when the last who held it has let go.
struct ModelRegistry::Place {
  explicit Place(std::shared_ptr<ServedModel> loaded) : model(std::move(loaded)) {
    const auto promise = std::make_shared<std::promise<void>>();
    released = promise->get_future();
    handle =
        std::shared_ptr<ServedModel>(model.get(), [owner = model, promise](ServedModel*) mutable {
          owner.reset();
          promise->set_value();
        });
  }

  std::shared_ptr<ServedModel> model;
  std::shared_ptr<ServedModel> handle;
  std::future<void> released;
};

ModelRegistry::~ModelRegistry() = default;

Result<std::unique_ptr<ModelRegistry>> ModelRegistry::create(const ModelRegistryOptions& options,
                                                             const SharedCompute& shared) {
  std::unique_ptr<ModelRegistry> registry(new ModelRegistry());
  ASSAY_CHECK(options.governance_path.empty() || options.unix_seconds != nullptr);
  registry->options_ = options;
  if (options.memory_bytes == 0) registry->options_.memory_bytes = memory_for_models_bytes();
  registry->shared_ = shared;
  if (!options.governance_path.empty()) {
    ASSAY_ASSIGN_OR_RETURN(registry->governance_, Governance::read(options.governance_path));
  }
  return registry;
}

GovernanceMoment ModelRegistry::moment() const {
  const std::lock_guard lock(mutex_);
  return {.unix_seconds = options_.unix_seconds ? options_.unix_seconds() : 0, .height = height_};
}

// What models may still take: those that go count until they have gone.
Result<uint64_t> ModelRegistry::memory_left() const {
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
  bounded.memory_bytes = bounded.memory_bytes == 0 ? left : std::min(bounded.memory_bytes, left);
  ASSAY_ASSIGN_OR_RETURN(
      std::shared_ptr<ServedModel> loaded,
      ServedModel::load(bounded, shared_, governance_ ? &*governance_ : nullptr, moment()));
  auto place = std::make_unique<Place>(std::move(loaded));
  {
    const std::lock_guard lock(mutex_);
    std::swap(models_[options.name], place);
    if (default_name_.empty()) default_name_ = options.name;
  }
  retire(std::move(place));
  return ok_status();
}

Status ModelRegistry::unload(const std::string& name) {
  const std::lock_guard one_change(changes_);
  std::unique_ptr<Place> old;
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

// Nobody finds it any more. Who has found it may be about to send it a request: it takes them as
// long as somebody holds it.
void ModelRegistry::retire(std::unique_ptr<Place> old) {
  if (old == nullptr) return;
  const double until = shared_.clock->seconds() + options_.drain_seconds;
  old->handle.reset();
  old->released.wait_for(std::chrono::duration<double>(options_.drain_seconds));
  old->model->batcher().drain(until);
}

Result<std::shared_ptr<ServedModel>> ModelRegistry::find(const std::string& name) const {
  std::shared_ptr<ServedModel> found;
  {
    const std::lock_guard lock(mutex_);
    const auto it = models_.find(name.empty() ? default_name_ : name);
    if (it == models_.end()) {
      std::string names;
      for (const auto& [other, place] : models_) names += (names.empty() ? "" : ", ") + other;
      return not_found(names.empty()
                           ? "no model is served"
                           : "no model named \"" + name + "\" is served; there are: " + names);
    }
    found = it->second->handle;
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
  for (const auto& [name, place] : models_) models.push_back(place->handle);
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
