// What chat templates make of conversations.
#include "model/chat_template.h"

#include <gtest/gtest.h>

namespace assay {
namespace {

constexpr std::string_view kChatMl =
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + "
    "'<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' "
    "}}{% endif %}";

std::unique_ptr<ChatTemplate> parsed(std::string_view source) {
  auto out = ChatTemplate::parse(source, "test", "<s>", "</s>");
  EXPECT_TRUE(out.ok()) << out.status().message();
  return out.ok() ? std::move(*out) : nullptr;
}

TEST(ChatTemplate, RendersChatMl) {
  const auto chat = parsed(kChatMl);
  const ChatMessage messages[] = {{.role = "system", .content = "Be brief."},
                                  {.role = "user", .content = "Hello"}};
  const auto text = chat->render(messages);
  ASSERT_TRUE(text.ok()) << text.status().message();
  EXPECT_EQ(*text,
            "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHello<|im_end|>\n"
            "<|im_start|>assistant\n");
  EXPECT_EQ(chat->render(messages, {.add_generation_prompt = false}).value(),
            "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHello<|im_end|>\n");
  EXPECT_EQ(chat->digest(), sha256(kChatMl));
}

TEST(ChatTemplate, RaisesInTheTemplatesOwnWords) {
  const auto chat = parsed(
      "{% for m in messages %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}"
      "{{ raise_exception('Conversation roles must alternate') }}{% endif %}{{ m.content }}"
      "{% endfor %}");
  const ChatMessage messages[] = {{.role = "assistant", .content = "Hello"}};
  const auto text = chat->render(messages);
  EXPECT_EQ(text.status().code(), Code::kInvalidArgument);
  EXPECT_EQ(text.status().message(), "Conversation roles must alternate");
}

TEST(ChatTemplate, FailuresNameTheLine) {
  const auto chat = parsed("{{ bos_token }}\n\n{{ missing + 'x' }}");
  const auto text = chat->render({});
  EXPECT_EQ(text.status().code(), Code::kInvalidArgument);
  EXPECT_EQ(text.status().message(), "test, line 3: 'missing' is undefined");
}

TEST(ChatTemplate, ErrorsOfTheSourceNameThePlace) {
  const auto broken = ChatTemplate::parse("a\n  {% if x %}", "file", "", "");
  EXPECT_EQ(broken.status().code(), Code::kDataLoss);
  EXPECT_TRUE(broken.status().message().starts_with("file, line 2, column "))
      << broken.status().message();
  const auto unsupported = ChatTemplate::parse("{% include 'x' %}", "file", "", "");
  EXPECT_EQ(unsupported.status().code(), Code::kUnimplemented);
  EXPECT_NE(unsupported.status().message().find("'include'"), std::string::npos);
}

TEST(ChatTemplate, EndlessWorkIsEnded) {
  const auto chat =
      parsed("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}");
  EXPECT_EQ(chat->render({}).status().code(), Code::kResourceExhausted);
  const auto recursive = parsed("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}");
  EXPECT_EQ(recursive->render({}).status().code(), Code::kResourceExhausted);
  const auto wide = parsed(
      "{% set ns = namespace(x='ab') %}{% for a in range(99) %}"
      "{% set ns.x = ns.x ~ ns.x %}{% endfor %}");
  EXPECT_EQ(wide->render({}).status().code(), Code::kResourceExhausted);
}

}  // namespace
}  // namespace assay
