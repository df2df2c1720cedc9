#include "service/service_health.h"

namespace assay {

std::string_view service_state_name(ServiceState state) {
  switch (state) {
    case ServiceState::kStarting:
      return "starting";
    case ServiceState::kServing:
      return "serving";
    case ServiceState::kDraining:
      return "draining";
    case ServiceState::kUnhealthy:
      return "unhealthy";
  }
  return "";
}

ServiceState ServiceHealth::state_locked() const {
  if (draining_) return ServiceState::kDraining;
  if (!broken_.empty()) return ServiceState::kUnhealthy;
  return serving_ ? ServiceState::kServing : ServiceState::kStarting;
}

ServiceState ServiceHealth::state() const {
  const std::lock_guard lock(mutex_);
  return state_locked();
}

std::string ServiceHealth::reason() const {
  const std::lock_guard lock(mutex_);
  switch (state_locked()) {
    case ServiceState::kStarting:
      return "models are being loaded and tested";
    case ServiceState::kDraining:
      return "the server is shutting down";
    case ServiceState::kUnhealthy: {
      std::string reasons;
      for (const auto& [part, reason] : broken_) {
        reasons += (reasons.empty() ? "" : "; ") + part + ": " + reason;
      }
      return reasons;
    }
    case ServiceState::kServing:
      break;
  }
  return "";
}

void ServiceHealth::set_serving() {
  {
    const std::lock_guard lock(mutex_);
    serving_ = true;
  }
  notify();
}

void ServiceHealth::set_draining() {
  {
    const std::lock_guard lock(mutex_);
    draining_ = true;
  }
  notify();
}

void ServiceHealth::set_broken(const std::string& part, const std::string& reason) {
  {
    const std::lock_guard lock(mutex_);
    broken_[part] = reason;
  }
  notify();
}

void ServiceHealth::set_whole(const std::string& part) {
  {
    const std::lock_guard lock(mutex_);
    broken_.erase(part);
  }
  notify();
}

void ServiceHealth::on_change(std::function<void(ServiceState)> callback) {
  const std::lock_guard lock(notify_mutex_);
  callbacks_.push_back(std::move(callback));
}

void ServiceHealth::notify() {
  const std::lock_guard lock(notify_mutex_);
  const ServiceState now = state();
  for (const auto& callback : callbacks_) callback(now);
}

}  // namespace assay
