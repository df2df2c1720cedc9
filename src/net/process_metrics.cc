// What the kernel knows of this process, under the names that Prometheus' own clients use.
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <filesystem>
#include <fstream>

#include "net/metrics.h"

namespace assay {
namespace {

double number(std::string_view text) {
  uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return static_cast<double>(value);
}

// Fields of /proc/self/stat behind the name of the program, which may hold anything. Field 3 of
// proc(5) is the first.
std::vector<std::string> stat_fields() {
  std::ifstream file("/proc/self/stat");
  std::string text;
  std::getline(file, text);
  text.erase(0, std::min(text.rfind(") "), text.size() - std::min<size_t>(2, text.size())) + 2);
  std::vector<std::string> fields;
  while (!text.empty()) {
    const size_t end = std::min(text.find(' '), text.size());
    fields.push_back(text.substr(0, end));
    text.erase(0, end + 1);
  }
  return fields;
}

double boot_time_seconds() {
  std::ifstream file("/proc/stat");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("btime ")) return number(std::string_view(line).substr(6));
  }
  return 0;
}

double open_descriptors() {
  std::error_code error;
  double count = 0;
  for (std::filesystem::directory_iterator entry("/proc/self/fd", error), end;
       !error && entry != end; entry.increment(error)) {
    ++count;
  }
  return count == 0 ? 0 : count - 1;  // one is the folder itself
}

constexpr std::string_view compiler() {
#if defined(__clang__)
  return "clang " __clang_version__;
#else
  return "g++ " __VERSION__;
#endif
}

}  // namespace

void add_process_metrics(MetricsRegistry& registry) {
  const Gauge resident = registry.gauge("process_resident_memory_bytes", "Resident memory.");
  const Gauge reserved = registry.gauge("process_virtual_memory_bytes", "Virtual memory.");
  const Counter cpu =
      registry.counter("process_cpu_seconds_total", "User and system time of all threads.");
  const Gauge threads = registry.gauge("process_threads", "Threads of the process.");
  const Gauge descriptors = registry.gauge("process_open_fds", "Open file descriptors.");
  const Gauge descriptors_max = registry.gauge("process_max_fds", "Bound on file descriptors.");
  const Gauge started =
      registry.gauge("process_start_time_seconds", "Start of the process, in Unix time.");
  const double boot = boot_time_seconds();
  registry.on_collect([=] {
    constexpr size_t kUserTime = 14 - 3;
    constexpr size_t kSystemTime = 15 - 3;
    constexpr size_t kThreads = 20 - 3;
    constexpr size_t kStart = 22 - 3;
    constexpr size_t kVirtual = 23 - 3;
    constexpr size_t kResident = 24 - 3;
    const std::vector<std::string> fields = stat_fields();
    if (fields.size() <= kResident) return;
    const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
    cpu.raise_to((number(fields[kUserTime]) + number(fields[kSystemTime])) / ticks);
    threads.set(number(fields[kThreads]));
    started.set(boot + number(fields[kStart]) / ticks);
    reserved.set(number(fields[kVirtual]));
    resident.set(number(fields[kResident]) * static_cast<double>(::sysconf(_SC_PAGESIZE)));
    descriptors.set(open_descriptors());
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
      descriptors_max.set(static_cast<double>(limit.rlim_cur));
    }
  });
}

void add_build_info(MetricsRegistry& registry, const std::string& prefix,
                    std::string_view version) {
  registry
      .gauges({.name = prefix + "_build_info",
               .help = "What is running; always 1.",
               .labels = {"version", "compiler"}})
      .with({version, compiler()})
      .set(1);
}

}  // namespace assay
