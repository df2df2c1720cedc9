#include "base/memory.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>

namespace assay {
namespace {

void take_smaller(uint64_t& limit, const std::string& path) {
  std::ifstream file(path);
  uint64_t value = 0;
  // "max" in cgroup v2 does not parse and stands for no limit.
  if (file >> value) limit = std::min(limit, value);
}

// A limit may stand at any ancestor of the group.
void take_group_limits(uint64_t& limit, const std::string& root, std::string group,
                       const char* file) {
  while (true) {
    take_smaller(limit, root + group + "/" + file);
    const size_t slash = group.find_last_of('/');
    if (slash == std::string::npos) return;
    group.resize(slash);
  }
}

// A field of the kernel's account of this process that is given in KiB, in bytes.
uint64_t status_bytes(std::string_view field) {
  std::ifstream status("/proc/self/status");
  std::string line;
  while (std::getline(status, line)) {
    if (line.starts_with(field)) {
      std::istringstream fields(line.substr(field.size()));
      uint64_t kib = 0;
      fields >> kib;
      return kib * 1024;
    }
  }
  return 0;
}

}  // namespace

uint64_t rss_bytes() { return status_bytes("VmRSS:"); }
uint64_t peak_rss_bytes() { return status_bytes("VmHWM:"); }

uint64_t memory_limit_bytes() {
  uint64_t limit = static_cast<uint64_t>(::sysconf(_SC_PHYS_PAGES)) *
                   static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  std::ifstream groups("/proc/self/cgroup");
  std::string line;
  while (std::getline(groups, line)) {
    const size_t first = line.find(':');
    const size_t second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string group = line.substr(second + 1);
    if (controllers.empty()) {
      take_group_limits(limit, "/sys/fs/cgroup", group, "memory.max");
    } else if (controllers == "memory") {
      take_group_limits(limit, "/sys/fs/cgroup/memory", group, "memory.limit_in_bytes");
    }
  }
  for (const auto resource : {RLIMIT_AS, RLIMIT_DATA}) {
    rlimit value{};
    if (::getrlimit(resource, &value) == 0 && value.rlim_cur != RLIM_INFINITY) {
      limit = std::min<uint64_t>(limit, value.rlim_cur);
    }
  }
  return limit;
}

}  // namespace assay
