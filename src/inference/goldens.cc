#include "inference/goldens.h"

#include <algorithm>
#include <set>

#include "base/file.h"
#include "base/json_fields.h"
#include "tensor/kernels.h"

namespace assay {
namespace {

constexpr std::string_view kSchema = "assay.goldens.v1";

bool is_id(std::string_view id) {
  if (id.empty() || id.size() > kGoldenIdBytesMax) return false;
  return std::all_of(id.begin(), id.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("._-").find(c) != std::string_view::npos;
  });
}

std::vector<TokenId> read_prompt(JsonFields& fields) {
  std::vector<TokenId> prompt;
  for (const Json& token : fields.array("prompt", kGoldenTokensMax)) {
    if (!token.is_number_unsigned() || token.get<uint64_t>() > INT32_MAX) {
      fields.fail("prompt[" + std::to_string(prompt.size()) + "]",
                  "expected an integer from 0 to " + std::to_string(INT32_MAX));
      return {};
    }
    prompt.push_back(static_cast<TokenId>(token.get<uint64_t>()));
  }
  return prompt;
}

Result<Golden> read_golden(const Json& json, const std::string& path) {
  JsonFields fields(json, path);
  Golden golden;
  golden.id = fields.text("id", kGoldenIdBytesMax);
  if (fields.ok() && !is_id(golden.id)) {
    fields.refuse("id", golden.id,
                  "1 to " + std::to_string(kGoldenIdBytesMax) + " of A-Z a-z 0-9 . _ -");
  }
  golden.prompt = read_prompt(fields);
  golden.max_tokens = fields.number("max_tokens", kGoldenTokensMax);
  const size_t least = golden.max_tokens == 0 ? 2 : 1;
  if (fields.ok() && golden.prompt.size() < least) {
    fields.fail("prompt", std::to_string(golden.prompt.size()) + " tokens, expected at least " +
                              std::to_string(least));
  }
  golden.transcript = fields.digest("transcript");
  ASSAY_RETURN_IF_ERROR(fields.finish());
  return golden;
}

}  // namespace

InferenceRequest Golden::request() const {
  InferenceRequest request;
  request.prompt = prompt;
  request.max_tokens = max_tokens;
  request.sampling = {.temperature = 0, .top_k = 0, .top_p = 1, .seed = 0};
  request.ignore_end_token = true;
  request.score_prompt = true;
  return request;
}

Result<Goldens> read_goldens(const std::string& path) {
  ASSAY_ASSIGN_OR_RETURN(const std::string text, read_text_file(path, kGoldensBytesMax));
  return parse_goldens(text, path);
}

Result<Goldens> parse_goldens(std::string_view text, std::string_view source) {
  ASSAY_ASSIGN_OR_RETURN(
      const Json json,
      parse_json(text, source, {.depth_max = 4, .members_max = 16, .bytes_max = kGoldensBytesMax}));
  const std::string path = std::string(source) + ": goldens";
  JsonFields fields(json, path);
  Goldens goldens;
  fields.constant("schema", kSchema);
  fields.constant("profile", kProfileId);
  goldens.artifact = fields.digest("artifact");
  std::set<std::string> ids;
  for (const Json& vector : fields.array("vectors", kGoldensMax)) {
    const std::string place = path + ".vectors[" + std::to_string(goldens.vectors.size()) + "]";
    ASSAY_ASSIGN_OR_RETURN(Golden golden, read_golden(vector, place));
    if (!ids.insert(golden.id).second) {
      return data_loss(place + ".id: \"" + golden.id + "\" is the id of another golden");
    }
    goldens.vectors.push_back(std::move(golden));
  }
  if (goldens.vectors.empty()) fields.fail("vectors", "expected at least one golden");
  ASSAY_RETURN_IF_ERROR(fields.finish());
  return goldens;
}

// A line for each golden, so that a change to one is a change to one line.
std::string format_goldens(const Goldens& goldens) {
  std::string out = "{\n  \"schema\": \"" + std::string(kSchema) + "\",\n  \"profile\": \"" +
                    std::string(kProfileId) + "\",\n  \"artifact\": \"" + to_hex(goldens.artifact) +
                    "\",\n  \"vectors\": [\n";
  for (const Golden& golden : goldens.vectors) {
    const Json vector = {{"id", golden.id},
                         {"prompt", golden.prompt},
                         {"max_tokens", golden.max_tokens},
                         {"transcript", to_hex(golden.transcript)}};
    out += "    " + vector.dump() + (&golden == &goldens.vectors.back() ? "\n" : ",\n");
  }
  return out + "  ]\n}\n";
}

Status write_goldens(const std::string& path, const Goldens& goldens) {
  for (const Golden& golden : goldens.vectors) {
    if (!is_id(golden.id))
      return invalid_argument("\"" + to_utf8(golden.id) + "\" is no id of a golden");
  }
  const std::string text = format_goldens(goldens);
  const auto again = parse_goldens(text, path);
  if (!again.ok()) return invalid_argument(again.status().message());
  return write_file_atomically(path, as_bytes(text));
}

std::string goldens_path(const std::string& model_path) {
  if (!is_directory(model_path)) return model_path + ".goldens.json";
  return model_path + (model_path.ends_with('/') ? "" : "/") + "goldens.json";
}

}  // namespace assay
