// Filters and methods beyond programs.json (jinja_eval_test.cc): what is refused, and sorting.
#include "model/jinja_filters.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/prng.h"
#include "model/jinja_testing.h"

namespace assay::jinja {
namespace {

std::string failure(std::string_view source) {
  const Outcome out = run_program(source);
  EXPECT_FALSE(out.text.ok()) << source;
  return std::string(code_name(out.text.status().code())) + " " + out.text.status().message();
}

TEST(JinjaFilters, SortIsThatOfTheStandardLibrary) {
  Prng prng(5);
  for (int round = 0; round < 200; ++round) {
    std::vector<std::pair<int64_t, int64_t>> pairs;
    for (uint64_t n = prng.below(40); n > 0; --n) {
      pairs.emplace_back(static_cast<int64_t>(prng.below(6)), static_cast<int64_t>(pairs.size()));
    }
    Json list = Json::array();
    for (const auto& [key, place] : pairs) list.push_back({{"k", key}, {"p", place}});
    for (const bool reverse : {false, true}) {
      // Of equals the one that stood first comes first, in either direction.
      std::sort(pairs.begin(), pairs.end(), [&](const auto& a, const auto& b) {
        if (a.first != b.first) return (a.first < b.first) != reverse;
        return a.second < b.second;
      });
      std::string expected;
      for (const auto& [key, place] : pairs) expected += std::to_string(place) + " ";
      EXPECT_EQ(text_of("{% for x in l|sort(attribute='k', reverse=r) %}{{ x.p }} {% endfor %}",
                        {{"l", list}, {"r", reverse}}),
                expected);
    }
  }
}

TEST(JinjaFilters, ArgumentsAreChecked) {
  EXPECT_EQ(failure("{{ 'a' | trim('a', 'b') }}"),
            "INVALID_ARGUMENT test, line 1: trim() takes at most 1 arguments");
  EXPECT_EQ(failure("{{ 'a' | replace('a') }}"),
            "INVALID_ARGUMENT test, line 1: replace() wants the argument 'new'");
  EXPECT_EQ(failure("{{ 'a' | trim(of='a') }}"),
            "INVALID_ARGUMENT test, line 1: trim() has no argument 'of'");
  EXPECT_EQ(failure("{{ 'a' | trim('a', chars='a') }}"),
            "INVALID_ARGUMENT test, line 1: trim() is given 'chars' twice");
}

TEST(JinjaFilters, WhatIsNotSupportedIsNamed) {
  EXPECT_EQ(failure("{{ 'a'.format(1) }}"),
            "UNIMPLEMENTED test, line 1: the method 'format' of strings is not supported");
  EXPECT_EQ(failure("{{ '7f' | int(0, 16) }}"),
            "UNIMPLEMENTED test, line 1: the filter int is supported for base 10 only");
  EXPECT_EQ(failure("{{ strftime_now('%U') }}"),
            "UNIMPLEMENTED test, line 1: strftime_now does not support this format");
}

TEST(JinjaFilters, JsonComesBackAsItWent) {
  const Json value = {{"a", {1, 2.5, nullptr, true, "é\n\"\\"}}, {"b", {{"c", Json::array()}}}};
  EXPECT_EQ(parse_json(text_of("{{ v | tojson }}", {{"v", value}}), "out").value(), value);
  EXPECT_EQ(parse_json(text_of("{{ v | tojson(indent=3) }}", {{"v", value}}), "out").value(),
            value);
}

}  // namespace
}  // namespace assay::jinja
