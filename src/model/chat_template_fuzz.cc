// A template, a zero byte, and the content of a message: whatever they are, parsing and rendering
// end, within the limits, in a text or an error that names the template. A parsed template gives
// the same text twice. Seeds: testdata/fuzz/chat_template_fuzz.
#include "base/check.h"
#include "model/chat_template.h"

namespace assay {
namespace {

constexpr ChatLimits kLimits{.steps_max = 200'000,
                             .memory_bytes_max = uint64_t{32} << 20,
                             .output_bytes_max = uint64_t{1} << 20,
                             .depth_max = 400};

bool is_known(Code code) {
  return code == Code::kInvalidArgument || code == Code::kUnimplemented ||
         code == Code::kResourceExhausted;
}

void render(const ChatTemplate& chat, std::string_view content) {
  const ChatMessage messages[] = {{.role = "system", .content = "Be brief."},
                                  {.role = "user", .content = std::string(content)},
                                  {.role = "assistant",
                                   .content = "<think>\n</think> yes",
                                   .extra_json = R"({"a": [1, 2.5, null, {"b": true}]})"},
                                  {.role = "user", .content = ""}};
  const ChatOptions options{.limits = kLimits};
  const auto text = chat.render(messages, options);
  if (!text.ok()) {
    ASSAY_CHECK(is_known(text.status().code()));
    return;
  }
  ASSAY_CHECK(text->size() <= kLimits.output_bytes_max);
  const auto again = chat.render(messages, options);
  ASSAY_CHECK(again.ok() && *again == *text);
}

}  // namespace
}  // namespace assay

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t end = std::min(input.find('\0'), input.size());
  const auto chat = assay::ChatTemplate::parse(input.substr(0, end), "fuzz", "<s>", "</s>");
  if (!chat.ok()) {
    ASSAY_CHECK(chat.status().message().starts_with("fuzz"));
    return 0;
  }
  assay::render(**chat, input.substr(std::min(end + 1, size)));
  return 0;
}
