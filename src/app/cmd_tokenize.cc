// assay tokenize: how a model's tokenizer cuts a text.
#include <algorithm>

#include "app/commands.h"
#include "base/json.h"
#include "model/model.h"

namespace assay {
namespace {

void print_json(const Tokenizer& tokenizer, const std::vector<TokenId>& ids) {
  Json json;
  json["schema"] = "assay.tokens.v1";
  json["tokenizer"] = tokenizer.kind();
  json["tokenizer_digest"] = to_hex(tokenizer.digest());
  json["ids"] = ids;
  json["pieces"] = Json::array();
  for (const TokenId id : ids) json["pieces"].push_back(tokenizer.piece_bytes(id));
  write_out(json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
}

void print_ids(const std::vector<TokenId>& ids) {
  std::string text;
  for (const TokenId id : ids) text += (text.empty() ? "" : ",") + std::to_string(id);
  write_out(text + "\n");
}

void print_table(const TextStyle& style, const Tokenizer& tokenizer,
                 const std::vector<TokenId>& ids) {
  for (const TokenId id : ids) {
    write_out(pad_left(std::to_string(id), 8) + "  '" +
              printable(style, tokenizer.piece_bytes(id)) + "'\n");
  }
  write_out(paint(style, Paint::kDim,
                  "  " + format_count(ids.size()) +
                      (ids.size() == 1 ? " token of " : " tokens of ") +
                      format_count(tokenizer.size()) + " (" + std::string(tokenizer.kind()) +
                      "), without the token that begins a text") +
            "\n");
}

Status tokenize(const TokenizeCommand& command, const Console& console) {
  ASSAY_ASSIGN_OR_RETURN(const Checkpoint checkpoint, open_checkpoint(command.model));
  ASSAY_ASSIGN_OR_RETURN(const auto tokenizer, open_tokenizer(checkpoint));
  ASSAY_ASSIGN_OR_RETURN(const std::vector<TokenId> ids, tokenizer->encode(command.text));
  if (command.json) {
    print_json(*tokenizer, ids);
  } else if (command.ids) {
    print_ids(ids);
  } else {
    print_table(console.out, *tokenizer, ids);
  }
  return flush_out();
}

}  // namespace

int run_tokenize(const TokenizeCommand& command, const Console& console) {
  const Status status = tokenize(command, console);
  if (!status.ok()) print_error(console, "tokenize", status.message());
  return file_exit_code(status, command.model);
}

}  // namespace assay
