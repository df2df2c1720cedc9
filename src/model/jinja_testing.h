// What the tests of the Jinja2 interpreter share: programs run with variables from JSON, and the
// fixtures of testdata/chat_templates (SOURCE.md), which jinja2 made. Test only; heavy.
#pragma once

#include <string>

#include "base/file.h"
#include "base/json.h"
#include "model/jinja_eval.h"
#include "model/jinja_globals.h"
#include "model/jinja_json.h"
#include "model/jinja_parser.h"

namespace assay::jinja {

inline constexpr Limits kTestLimits{.steps_max = 2'000'000,
                                    .memory_bytes_max = uint64_t{64} << 20,
                                    .output_bytes_max = uint64_t{1} << 20,
                                    .depth_max = 400};

inline Json fixture_json(const std::string& name) {
  const std::string path = ASSAY_TESTDATA "/chat_templates/" + name;
  return parse_json(read_text_file(path, 64 << 20).value(), name).value();
}

struct Outcome {
  Result<std::string> text;
  bool raised = false;  // by raise_exception
};

inline Outcome run_program(std::string_view source, const Json& variables = Json::object(),
                           const Limits& limits = kTestLimits) {
  Runtime runtime(limits);
  Outcome out{.text = internal_error("not run")};
  auto body = parse(source, "test");
  if (!body.ok()) {
    out.text = body.status();
    return out;
  }
  const Value given = from_json(runtime, variables.dump(), "variables").value();
  Variables all;
  for (const auto& [name, value] : as_dict(given)->entries) {
    all.emplace_back(*as_string(name), value);
  }
  all.emplace_back("raise_exception", raise_exception(runtime).value());
  all.emplace_back("strftime_now",
                   strftime_now(runtime, {.year = 2024, .month = 7, .day = 26}).value());
  out.text = run(runtime, *body, all, "test");
  out.raised = runtime.raised();
  return out;
}

// The text of a program that must not fail, "<error: …>" if it does.
inline std::string text_of(std::string_view source, const Json& variables = Json::object()) {
  const Outcome out = run_program(source, variables);
  return out.text.ok() ? *out.text : "<error: " + out.text.status().message() + ">";
}

}  // namespace assay::jinja
