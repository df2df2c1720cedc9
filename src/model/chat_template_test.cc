// What chat templates make of conversations.
#include "model/chat_template.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "model/jinja_testing.h"

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

std::vector<ChatMessage> messages_of(const Json& conversation) {
  std::vector<ChatMessage> out;
  for (const Json& message : conversation) {
    out.push_back({.role = message["role"], .content = message["content"]});
  }
  return out;
}

std::vector<std::string> template_names() {
  std::vector<std::string> out;
  for (const auto& entry : std::filesystem::directory_iterator(ASSAY_TESTDATA "/chat_templates")) {
    if (entry.path().extension() == ".jinja") out.push_back(entry.path().stem().string());
  }
  std::sort(out.begin(), out.end());
  return out;
}

class PublishedTemplate : public testing::TestWithParam<std::string> {};

// The templates of the supported families, on every conversation.
TEST_P(PublishedTemplate, GivesWhatJinja2Gives) {
  const Json conversations = jinja::fixture_json("conversations.json");
  const Json fixture = jinja::fixture_json(GetParam() + ".json");
  const std::string path = ASSAY_TESTDATA "/chat_templates/" + GetParam() + ".jinja";
  const auto chat = ChatTemplate::parse(read_text_file(path, kChatTemplateBytesMax).value(),
                                        GetParam(), fixture["bos_token"], fixture["eos_token"]);
  ASSERT_TRUE(chat.ok()) << chat.status().message();
  ASSERT_EQ(fixture["cases"].size(), 2 * conversations.size());
  for (const Json& expected : fixture["cases"]) {
    SCOPED_TRACE(expected.dump());
    const auto messages = messages_of(conversations[expected["conversation"].get<std::string>()]);
    const auto text = (*chat)->render(
        messages, {.add_generation_prompt = expected["add_generation_prompt"].get<bool>()});
    if (expected.contains("text")) {
      ASSERT_TRUE(text.ok()) << text.status().message();
      EXPECT_EQ(*text, expected["text"]);
    } else {
      EXPECT_EQ(text.status().code(), Code::kInvalidArgument);
      if (expected.contains("raised")) {
        EXPECT_EQ(text.status().message(), expected["raised"]);
      } else {
        EXPECT_EQ(expected["fails"], "runtime");
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Families, PublishedTemplate, testing::ValuesIn(template_names()),
                         [](const auto& row) { return row.param; });

TEST(ChatTemplate, EmptyTokensAreUndefined) {
  const auto chat = ChatTemplate::parse("{{ bos_token is defined }} {{ eos_token }}", "t", "", "E");
  EXPECT_EQ((*chat)->render({}).value(), "False E");
}

TEST(ChatTemplate, ExtraMembersToolsAndDateAreSeen) {
  const auto chat = parsed(
      "{{ messages[0].tool_calls[0].function.name }} {{ messages[0].role }} {{ tools[0].name }} "
      "{{ strftime_now('%d %B %Y') }} {{ documents is none }}");
  const ChatMessage messages[] = {
      {.role = "assistant",
       .content = "",
       .extra_json = R"({"tool_calls": [{"function": {"name": "f"}}], "role": "other"})"}};
  EXPECT_EQ(chat->render(messages,
                         {.year = 2031, .month = 2, .day = 3, .tools_json = R"([{"name": "g"}])"})
                .value(),
            "f other g 03 February 2031 True");
}

TEST(ChatTemplate, BadInputOfTheCallerIsInvalid) {
  const auto chat = parsed("{{ messages | length }}");
  const auto code = [&](const ChatMessage& message, const ChatOptions& options = {}) {
    return chat->render(std::span(&message, 1), options).status().code();
  };
  EXPECT_EQ(code({.role = "user", .content = "\xFF"}), Code::kInvalidArgument);
  EXPECT_EQ(code({.role = "\xC0", .content = ""}), Code::kInvalidArgument);
  EXPECT_EQ(code({.role = "user", .content = "", .extra_json = "[]"}), Code::kInvalidArgument);
  EXPECT_EQ(code({.role = "user", .content = "", .extra_json = "{"}), Code::kInvalidArgument);
  EXPECT_EQ(code({.role = "user", .content = ""}, {.tools_json = "{}"}), Code::kInvalidArgument);
  EXPECT_EQ(code({.role = "user", .content = ""}, {.month = 13}), Code::kInvalidArgument);
  EXPECT_EQ(code({.role = "user", .content = ""}, {.limits = {.output_bytes_max = 0}}),
            Code::kResourceExhausted);
  EXPECT_EQ(ChatTemplate::parse("\xFF", "t", "", "").status().code(), Code::kDataLoss);
  EXPECT_EQ(
      ChatTemplate::parse(std::string(kChatTemplateBytesMax + 1, 'a'), "t", "", "").status().code(),
      Code::kDataLoss);
}

class OpenedTemplate : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::path(testing::TempDir()) /
              testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directory(folder_);
    lexi_ = open_checkpoint(ASSAY_TESTDATA "/models/lexi-nano/lexi-nano-hf").value();
    tokenizer_ = open_tokenizer(lexi_).value();
  }
  void write(const std::string& name, const std::string& text) {
    ASSERT_TRUE(write_file_atomically((folder_ / name).string(), as_bytes(text)).ok());
  }
  Result<std::unique_ptr<ChatTemplate>> open() {
    Checkpoint checkpoint;
    checkpoint.format = CheckpointFormat::kSafetensors;
    checkpoint.path = folder_.string();
    return ChatTemplate::open(checkpoint, *tokenizer_);
  }

  std::filesystem::path folder_;
  Checkpoint lexi_;
  std::unique_ptr<Tokenizer> tokenizer_;
};

TEST_F(OpenedTemplate, FolderWithoutOneHasNone) {
  EXPECT_EQ(open().status().code(), Code::kNotFound);
  write("tokenizer_config.json", R"({"bos_token": "<s>", "chat_template": null})");
  EXPECT_EQ(open().status().code(), Code::kNotFound);
  write("tokenizer_config.json", R"({"chat_template": [{"name": "rag", "template": "x"}]})");
  EXPECT_EQ(open().status().code(), Code::kNotFound);
}

TEST_F(OpenedTemplate, FolderGivesTheDefaultOne) {
  write("tokenizer_config.json", R"({"chat_template": "one {{ eos_token }}"})");
  EXPECT_EQ((*open())->render({}).value(), "one " + tokenizer_->piece_bytes(tokenizer_->eos()));
  write(
      "tokenizer_config.json",
      R"({"chat_template": [{"name": "a", "template":""}, {"name": "default", "template": "d"}]})");
  EXPECT_EQ((*open())->render({}).value(), "d");
  // The file of its own wins, as in transformers.
  write("chat_template.jinja", "{{ 1 + 1 }}");
  EXPECT_EQ((*open())->render({}).value(), "2");
  write("chat_template.jinja", "{{ 1 + }}");
  const auto broken = open();
  EXPECT_EQ(broken.status().code(), Code::kDataLoss);
  EXPECT_NE(broken.status().message().find("chat_template.jinja, line 1, column 8"),
            std::string::npos)
      << broken.status().message();
}

TEST_F(OpenedTemplate, DamagedConfigIsDataLoss) {
  for (const char* text : {"[]", R"({"chat_template": 1})", R"({"chat_template": ["x"]})",
                           R"({"chat_template": [{"name": "default"}]})", "{"}) {
    write("tokenizer_config.json", text);
    EXPECT_EQ(open().status().code(), Code::kDataLoss) << text;
  }
}

TEST_F(OpenedTemplate, GgufGivesItsMetadata) {
  Checkpoint checkpoint;
  checkpoint.format = CheckpointFormat::kGguf;
  checkpoint.path = "m.gguf";
  EXPECT_EQ(ChatTemplate::open(checkpoint, *tokenizer_).status().code(), Code::kNotFound);
  checkpoint.meta["tokenizer.chat_template"] = std::string("{{ bos_token }}!");
  EXPECT_EQ((*ChatTemplate::open(checkpoint, *tokenizer_))->render({}).value(),
            tokenizer_->piece_bytes(tokenizer_->bos()) + "!");
  checkpoint.meta["tokenizer.chat_template"] = int64_t{3};
  EXPECT_EQ(ChatTemplate::open(checkpoint, *tokenizer_).status().code(), Code::kDataLoss);
}

}  // namespace
}  // namespace assay
