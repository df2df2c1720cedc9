// Option values of the programs: each reader checks one and puts it into its place. Include from
// .cc files that parse arguments only (CLI11 is heavy). Tested in cli_test.cc and
// probft_plan_test.cc.
#pragma once

#include <CLI/App.hpp>
#include <charconv>
#include <functional>
#include <limits>
#include <string>
#include <type_traits>
#include <utility>

#include "app/text.h"

namespace assay {

// Reads the text of an option's value into its place; the answer is what is wrong with it, or
// empty.
using Reader = std::function<std::string(const std::string& text)>;

// An option with a value that is shown as value_name.
CLI::Option* add_read(CLI::App& app, const std::string& name, const std::string& value_name,
                      const std::string& description, const Reader& read);

template <typename T>
Reader read_number(T& value, T min, T max) {
  return [&value, min, max](const std::string& text) -> std::string {
    T number{};
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, number);
    std::string bounds;
    if constexpr (std::is_integral_v<T>) {
      bounds = max == std::numeric_limits<T>::max()
                   ? "a whole number from " + std::to_string(min)
                   : "a whole number from " + std::to_string(min) + " to " + std::to_string(max);
    } else {
      bounds = "a number from " + format_real(min) + " to " + format_real(max);
    }
    if (error != std::errc() || stop != end || !(number >= min && number <= max)) {
      return "'" + text + "' is not " + bounds;
    }
    value = number;
    return "";
  };
}

// Above 0 and below the bound, or at most.
Reader read_fraction(double& value, double below, bool bound_allowed);

template <typename T, typename Parse>
Reader read_parsed(T& value, Parse parse) {
  return [&value, parse](const std::string& text) -> std::string {
    auto parsed = parse(text);
    if (!parsed.ok()) return parsed.status().message();
    value = std::move(parsed).value();
    return "";
  };
}

}  // namespace assay
