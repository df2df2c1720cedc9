// Memory of this process and of what it runs in. Tested in memory_test.cc.
#pragma once

#include <cstdint>

namespace assay {

// Resident set of this process now, in bytes; 0 when the kernel does not tell.
uint64_t rss_bytes();
// Highest resident set of this process since it started (VmHWM), in bytes; 0 when the kernel does
// not tell.
uint64_t peak_rss_bytes();

// What this process may use at most: the smallest of physical memory, the limits of its cgroups (v1
// and v2) and RLIMIT_AS / RLIMIT_DATA.
uint64_t memory_limit_bytes();

}  // namespace assay
