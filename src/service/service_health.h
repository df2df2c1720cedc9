// ServiceHealth: how a server stands, from the objects that serve. Entering a worse state is
// immediate; what a failed self-test found stays until a person restarts the server or replaces the
// model. Tested in service_health_test.cc.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "base/clock.h"

namespace assay {

enum class ServiceState : uint8_t { kStarting, kServing, kDraining, kUnhealthy };
std::string_view service_state_name(ServiceState state);  // "starting", "serving", ...

// Threads: any.
class ServiceHealth {
 public:
  explicit ServiceHealth(const Clock& clock) : clock_(clock), begin_(clock.seconds()) {}

  ServiceState state() const;
  std::string reason() const;  // why it does not serve; empty when it does
  double uptime_seconds() const { return clock_.seconds() - begin_; }

  // Everything that was to be loaded is, and has passed its tests.
  void set_serving();
  void set_draining();
  // A part is broken, with the reason; or whole again: only what replaces it may say so.
  void set_broken(const std::string& part, const std::string& reason);
  void set_whole(const std::string& part);
  // Called after each change of state, in order; not under a lock that state() takes.
  void on_change(std::function<void(ServiceState)> callback);

 private:
  ServiceState state_locked() const;
  void notify();

  const Clock& clock_;
  const double begin_;
  mutable std::mutex mutex_;
  bool serving_ = false;
  bool draining_ = false;
  std::map<std::string, std::string> broken_;  // reason by part
  std::mutex notify_mutex_;
  std::vector<std::function<void(ServiceState)>> callbacks_;
};

}  // namespace assay
