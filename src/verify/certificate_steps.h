// Pieces of check_certificate: comparisons that say what is wrong, and the steps about sites.
// Private to the certificate sources.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "verify/report.h"

namespace assay::certificate_steps {

// What a step found, in words; empty when it holds.
using Fault = std::string;

Fault not_equal(std::string_view name, std::string_view stated, std::string_view computed);
// By bits: the two must be the same number, not nearly.
Fault compare(std::string_view name, double stated, double computed);
Fault compare(std::string_view name, uint64_t stated, uint64_t computed);
Fault compare(std::string_view name, const Digest& stated, const Digest& computed);
// The first that is not empty.
Fault first_of(std::initializer_list<Fault> faults);

std::string count_of(size_t count, std::string_view what);  // "1 site", "2 sites"
std::string short_hex(const Digest& digest);

// Order, presence in each model, and that each row follows from its columns.
Fault check_sites(const VerifyReport& report);
std::string sites_detail(const VerifyReport& report);

// That the site named first is the first that the columns and distances show.
Fault check_first_divergence(const VerifyReport& report);
std::string divergence_detail(const VerifyReport& report);

}  // namespace assay::certificate_steps
