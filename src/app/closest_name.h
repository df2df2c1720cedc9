// "Did you mean": the nearest of a list of names. Tested in closest_name_test.cc.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace assay {

// The name with the smallest edit distance to word, the first of equals; empty when more than a
// third of the word (and one letter) would have to change.
std::string closest_name(std::string_view word, const std::vector<std::string>& names);

}  // namespace assay
