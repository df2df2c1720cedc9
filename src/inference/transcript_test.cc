#include "inference/transcript.h"

#include <gtest/gtest.h>

#include <functional>
#include <set>

namespace assay {
namespace {

InferenceRequest make_request() {
  InferenceRequest request;
  request.prompt = {1, 7, 300};
  request.max_tokens = 2;
  request.sampling = {.temperature = 0.5, .top_k = 40, .top_p = 0.9, .seed = 42};
  request.stop = {"\n"};
  return request;
}

Digest digest_of(const ModelIdentity& model, const InferenceRequest& request) {
  Transcript transcript(model, request);
  transcript.add(3, 11, sha256("a"));
  transcript.add(4, 2, sha256("b"));
  return transcript.finish(FinishReason::kEndToken);
}

// docs/formats/inference-transcript.md, byte for byte.
TEST(Transcript, IsTheDigestOfTheBytesThatTheFormatPageLists) {
  Bytes out;
  append_sized(out, "assay.inference-transcript.v1");
  append_sized(out, "f32-fma16-v1");
  append_bytes(out, sha256("model"));
  append_bytes(out, sha256("tokenizer"));
  append_le(out, uint8_t{0});
  for (const uint32_t x : {3U, 1U, 7U, 300U}) append_le(out, x);
  append_le(out, uint8_t{0});
  append_le(out, uint32_t{2});
  append_le(out, 0.5);
  append_le(out, 0.9);
  append_le(out, uint64_t{40});
  append_le(out, uint64_t{42});
  append_le(out, uint8_t{0});
  append_le(out, uint32_t{1});
  append_sized(out, "\n");
  append_le(out, uint32_t{3});
  append_le(out, uint32_t{11});
  append_bytes(out, sha256("a"));
  append_le(out, uint32_t{4});
  append_le(out, uint32_t{2});
  append_bytes(out, sha256("b"));
  append_le(out, uint32_t{2});
  append_le(out, uint8_t{2});
  EXPECT_EQ(digest_of({sha256("model"), sha256("tokenizer")}, make_request()), sha256(out));
}

TEST(Transcript, EverythingThatCanChangeTheAnswerChangesIt) {
  std::set<Digest> digests;
  const ModelIdentity model = {sha256("model"), sha256("tokenizer")};
  digests.insert(digest_of(model, make_request()));
  const std::vector<std::function<void(InferenceRequest&)>> changes = {
      [](auto& r) { r.prompt.back() = 301; },
      [](auto& r) { r.prompt.push_back(1); },
      [](auto& r) { r.max_tokens = 3; },
      [](auto& r) { r.score_prompt = true; },
      [](auto& r) { r.sampling.temperature = 1; },
      [](auto& r) { r.sampling.top_k = 41; },
      [](auto& r) { r.sampling.top_p = 1; },
      [](auto& r) { r.sampling.seed = 43; },
      [](auto& r) { r.stop = {}; },
      [](auto& r) { r.stop = {"\n\n"}; },
      [](auto& r) { r.ignore_end_token = true; },
  };
  for (const auto& change : changes) {
    InferenceRequest request = make_request();
    change(request);
    digests.insert(digest_of(model, request));
  }
  digests.insert(digest_of({sha256("other"), model.tokenizer}, make_request()));
  digests.insert(digest_of({model.artifact, sha256("other")}, make_request()));
  digests.insert(digest_of({model.artifact, model.tokenizer, true}, make_request()));
  EXPECT_EQ(digests.size(), changes.size() + 4);

  InferenceRequest request = make_request();
  request.client = "somebody";
  request.deadline = 5;
  request.alternatives = 3;
  EXPECT_TRUE(digests.contains(digest_of(model, request)));  // these do not change the answer
}

}  // namespace
}  // namespace assay
