// assay inspect: what a model file is, without running it.
#include "app/commands.h"
#include "app/progress.h"
#include "base/json.h"
#include "model/artifact.h"
#include "model/model.h"

namespace assay {
namespace {

constexpr size_t kHashBufferBytes = size_t{8} << 20;

struct Inspected {
  Model model;
  std::optional<ArtifactDigests> digests;
  uint64_t bytes = 0;
};

Status inspect(const InspectCommand& command, const Console& console, Inspected& out) {
  ASSAY_ASSIGN_OR_RETURN(out.model, open_model(command.model));
  for (const auto& file : out.model.checkpoint.files) out.bytes += file->size();
  if (!command.digests) return ok_status();
  ASSAY_ASSIGN_OR_RETURN(ComputeContext compute, make_compute(command.threads));
  ProgressLine line(console);
  using Clock = std::chrono::steady_clock;
  const Clock::time_point start = Clock::now();
  ASSAY_ASSIGN_OR_RETURN(
      out.digests, hash_artifact(out.model, compute, kHashBufferBytes, [&](uint64_t done) {
        Progress progress;
        progress.stage = "reading " + command.model;
        progress.bytes_read = done;
        progress.fraction =
            out.bytes == 0 ? 0 : static_cast<double>(done) / static_cast<double>(out.bytes);
        progress.seconds = std::chrono::duration<double>(Clock::now() - start).count();
        line.update(progress);
      }));
  return ok_status();
}

std::string shape_text(const std::vector<uint64_t>& shape) {
  std::string text;
  for (const uint64_t extent : shape) text += (text.empty() ? "" : " x ") + std::to_string(extent);
  return text;
}

Json architecture_json(const Architecture& arch) {
  return {{"family", arch.family},
          {"layers", arch.layers},
          {"d_model", arch.d_model},
          {"heads", arch.heads},
          {"kv_heads", arch.kv_heads},
          {"head_dim", arch.head_dim},
          {"rotary_dims", arch.rotary_dims},
          {"d_ff", arch.d_ff},
          {"vocab", arch.vocab},
          {"context", arch.context},
          {"rope_base", arch.rope.base},
          {"norm_eps", static_cast<double>(arch.norm_eps)},
          {"tied_head", arch.tied_head}};
}

Json tokenizer_json(const Tokenizer* tokenizer) {
  if (tokenizer == nullptr) return nullptr;
  return {{"kind", tokenizer->kind()},       {"size", tokenizer->size()},
          {"bos", tokenizer->bos()},         {"eos", tokenizer->eos()},
          {"add_bos", tokenizer->add_bos()}, {"digest", to_hex(tokenizer->digest())}};
}

void print_json(const InspectCommand& command, const Inspected& inspected) {
  const Model& model = inspected.model;
  Json json;
  json["schema"] = "assay.inspect.v1";
  json["path"] = command.model;
  json["format"] = format_name(model.checkpoint);
  json["bytes"] = inspected.bytes;
  json["parameters"] = model.parameters;
  json["types"] = type_names(model);
  json["architecture"] = architecture_json(model.arch);
  json["tokenizer"] = tokenizer_json(model.tokenizer.get());
  if (inspected.digests) {
    json["digest"] = to_hex(inspected.digests->digest);
    json["weights_root"] = to_hex(inspected.digests->weights_root);
    json["canonical_digest"] = to_hex(inspected.digests->canonical_digest);
  }
  if (command.tensors) {
    json["tensors"] = Json::array();
    for (size_t i = 0; i < model.tensors.size(); ++i) {
      const BoundTensor& tensor = model.tensors[i];
      Json entry = {{"name", tensor.name},
                    {"name_in_file", tensor.info.name},
                    {"type", dtype_info(tensor.info.type).name},
                    {"shape", tensor.info.shape},
                    {"file", tensor.info.file},
                    {"offset", tensor.info.offset},
                    {"bytes", tensor.info.bytes}};
      if (inspected.digests && i < inspected.digests->tensors.size()) {
        entry["digest"] = to_hex(inspected.digests->tensors[i].raw);
        entry["values_digest"] = to_hex(inspected.digests->tensors[i].values);
      }
      json["tensors"].push_back(std::move(entry));
    }
  }
  write_out(json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
}

class InspectText {
 public:
  InspectText(const TextStyle& style, const Inspected& inspected)
      : style_(style), inspected_(inspected), model_(inspected.model) {}

  void print(const InspectCommand& command) {
    const Architecture& arch = model_.arch;
    write_out("\n  " + paint(style_, Paint::kBold, printable(style_, command.model)) + "\n\n");
    line("family", arch.family);
    line("parameters",
         format_count(model_.parameters) + " (" + format_parameters(model_.parameters) + ")");
    line("stored as", format_name(model_.checkpoint) + ", " + type_names(model_) + ", " +
                          format_size(inspected_.bytes) + " in " +
                          format_count(model_.checkpoint.files.size()) +
                          (model_.checkpoint.files.size() == 1 ? " file" : " files"));
    line("shape", format_count(arch.layers) + " layers, width " + format_count(arch.d_model) +
                      ", feed-forward " + format_count(arch.d_ff));
    line("attention", format_count(arch.heads) + " heads of " + format_count(arch.head_dim) + ", " +
                          format_count(arch.kv_heads) + " for keys and values");
    line("context", format_count(arch.context) + " tokens, rotary base " +
                        format_count(static_cast<uint64_t>(arch.rope.base)));
    line("vocabulary", format_count(arch.vocab) + (arch.tied_head ? ", the head is the embedding"
                                                                  : ", a head of its own"));
    print_tokenizer();
    print_digests();
    if (command.tensors) print_tensors();
    if (!command.digests) {
      write_out("\n  " +
                paint(style_, Paint::kDim, "--digests reads every byte and adds the digests") +
                "\n");
    }
    write_out("\n");
  }

 private:
  void line(const std::string& name, const std::string& value) {
    write_out("    " + paint(style_, Paint::kDim, pad_right(name, 16)) + printable(style_, value) +
              "\n");
  }

  void print_tokenizer() {
    const Tokenizer* tokenizer = model_.tokenizer.get();
    if (tokenizer == nullptr) {
      line("tokenizer", "none in this model");
      return;
    }
    line("tokenizer", std::string(tokenizer->kind()) + ", " + format_count(tokenizer->size()) +
                          " tokens, begin " + std::to_string(tokenizer->bos()) + ", end " +
                          std::to_string(tokenizer->eos()));
    line("", to_hex(tokenizer->digest()));
  }

  void print_digests() {
    if (!inspected_.digests) return;
    line("file SHA-256", to_hex(inspected_.digests->digest));
    line("weights root", to_hex(inspected_.digests->weights_root));
    line("weight values", to_hex(inspected_.digests->canonical_digest));
  }

  void print_tensors() {
    size_t name_width = 0;
    size_t type_width = 5;
    for (const BoundTensor& tensor : model_.tensors) {
      name_width = std::max(name_width, display_width(tensor.name));
      type_width = std::max(type_width, dtype_info(tensor.info.type).name.size());
    }
    write_out("\n");
    for (size_t i = 0; i < model_.tensors.size(); ++i) {
      const TensorInfo& info = model_.tensors[i].info;
      std::string text = "    " + pad_right(printable(style_, model_.tensors[i].name), name_width) +
                         "  " + pad_right(std::string(dtype_info(info.type).name), type_width) +
                         " " + pad_right(shape_text(info.shape), 15) + " " +
                         pad_left(format_size(info.bytes), 9);
      if (inspected_.digests && i < inspected_.digests->tensors.size()) {
        text += "  " + to_hex(inspected_.digests->tensors[i].values).substr(0, 16) +
                std::string(glyphs(style_).ellipsis);
      }
      write_out(text + "\n");
    }
  }

  const TextStyle& style_;
  const Inspected& inspected_;
  const Model& model_;
};

Status inspect_and_print(const InspectCommand& command, const Console& console) {
  Inspected inspected;
  ASSAY_RETURN_IF_ERROR(inspect(command, console, inspected));
  if (command.json) {
    print_json(command, inspected);
  } else {
    InspectText(console.out, inspected).print(command);
  }
  return flush_out();
}

}  // namespace

int run_inspect(const InspectCommand& command, const Console& console) {
  const Status status = inspect_and_print(command, console);
  if (!status.ok()) print_error(console, "inspect", status.message());
  return file_exit_code(status, command.model);
}

}  // namespace assay
