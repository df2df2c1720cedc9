#include "inference/served_model.h"

#include <algorithm>

#include "base/memory.h"
#include "inference/governance.h"
#include "tensor/kernels.h"

namespace assay {
namespace {

constexpr size_t kHashBufferBytes = size_t{4} << 20;
// Of what the machine leaves to this process, in percent: the rest is for requests and answers.
constexpr uint64_t kMemoryShare = 80;
// Sequences that an offloaded model computes together at least: it reads all its weights for them.
constexpr size_t kOffloadedSequences = 4;
// Sequences beside a golden when it is tested among others.
constexpr size_t kGoldenCompany = 2;
// Goldens that are pinned are the same for everybody who has the model.
constexpr uint64_t kPinnedGoldensSeed = 1;

bool is_name(std::string_view name) {
  if (name.empty() || name.size() > kModelNameBytesMax) return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("._:/-").find(c) != std::string_view::npos;
  });
}

Status check_digest(const ServedModelOptions& options, const ArtifactDigests& digests) {
  if (!options.expected_digest || *options.expected_digest == digests.digest ||
      *options.expected_digest == digests.canonical_digest) {
    return ok_status();
  }
  return failed_precondition(options.path + ": the digest is not the expected one\n  expected  " +
                             to_hex(*options.expected_digest) + "\n  artifact  " +
                             to_hex(digests.digest) + "\n  canonical " +
                             to_hex(digests.canonical_digest));
}

Result<size_t> context_of(const ServedModelOptions& options, const Architecture& arch) {
  const size_t own = arch.context_max != 0 ? arch.context_max : arch.context;
  size_t context = options.context_tokens;
  if (context == 0) {
    context = own == 0 ? kContextTokensDefault : std::min<size_t>(own, kContextTokensDefault);
  }
  if (context < 2) {
    return invalid_argument("a context of " + std::to_string(context) +
                            " tokens has no room for an answer; expected 2 or more");
  }
  if (arch.context_max != 0 && context > arch.context_max) {
    return invalid_argument(options.path + " has " + std::to_string(arch.context_max) +
                            " positions; a context of " + std::to_string(context) +
                            " tokens was asked for");
  }
  return context;
}

// As many pages as the memory holds, at most those that all sequences fill; weights on disk when
// they do not fit with one sequence.
Result<Engine::Options> plan_engine(const ServedModelOptions& options, const Model& model,
                                    size_t threads, size_t context) {
  const uint64_t bound =
      options.memory_bytes != 0 ? options.memory_bytes : memory_for_models_bytes();
  const size_t sequence_pages = KvPool::pages_for(context);
  Engine::Options engine = {.positions_max = context,
                            .pages = sequence_pages,
                            .batch_tokens = options.batching.batch_tokens,
                            .memory_bytes = bound};
  const uint64_t least = Engine::memory_bytes(model, threads, engine);
  size_t sequences = options.batching.running_max;
  if (least > bound) {
    if (!options.may_offload) {
      return resource_exhausted(options.path + " with one sequence of " + std::to_string(context) +
                                " tokens takes " + std::to_string(least) +
                                " bytes, above the bound of " + std::to_string(bound) +
                                "; give it more memory, a smaller context, or let it offload");
    }
    engine.streams = true;
    sequences = std::min(sequences, kOffloadedSequences);
  }
  // Halved until it fits: what is left of the bound goes to the buffers of an offloaded model.
  for (; sequences > 1; sequences = sequences / 2) {
    engine.pages = sequences * sequence_pages;
    if (Engine::memory_bytes(model, threads, engine) <= bound / 100 * 90) return engine;
  }
  engine.pages = sequence_pages;
  return engine;
}

// A tensor that is in memory against what was hashed.
Status compare_weight(const std::string& path, const Engine::WeightDigest& weight,
                      const std::vector<TensorDigests>& tensors) {
  const auto of_file =
      std::find_if(tensors.begin(), tensors.end(),
                   [&](const TensorDigests& tensor) { return tensor.name == weight.name; });
  if (of_file != tensors.end() &&
      weight.digest == (weight.decoded ? of_file->values : of_file->raw)) {
    return ok_status();
  }
  return data_loss(path + ": tensor " + weight.name +
                   " in memory is not the one that was hashed: the file changed in between, or "
                   "the memory is damaged; load the model again");
}

// Every tensor of the file as it is now against what was hashed.
Status compare_files(const std::string& path, const std::vector<TensorDigests>& then,
                     const ArtifactDigests& now) {
  for (size_t i = 0; i < then.size(); ++i) {
    if (then[i].raw == now.tensors[i].raw) continue;
    return data_loss(path + ": tensor " + then[i].name +
                     " is not the one that was hashed: the file changed while it was served; "
                     "load the model again");
  }
  return ok_status();
}

}  // namespace

uint64_t memory_for_models_bytes() { return memory_limit_bytes() / 100 * kMemoryShare; }

ServedModel::~ServedModel() = default;

Result<std::shared_ptr<ServedModel>> ServedModel::load(const ServedModelOptions& options,
                                                       const SharedCompute& shared,
                                                       const Governance* governance,
                                                       const GovernanceMoment& moment) {
  if (!is_name(options.name)) {
    return invalid_argument("\"" + options.name + "\" is no name of a model; expected 1 to " +
                            std::to_string(kModelNameBytesMax) + " of A-Z a-z 0-9 . _ : / -");
  }
  std::shared_ptr<ServedModel> served(new ServedModel());
  ServedModel& s = *served;
  s.shared_ = shared;
  ASSAY_ASSIGN_OR_RETURN(Model model, open_model(options.path));
  s.model_ = std::make_unique<Model>(std::move(model));
  if (s.model_->arch.encoder_layers > 0) {
    return unimplemented(options.path + " is an encoder: it does not generate text");
  }
  ASSAY_RETURN_IF_ERROR(s.identify(options, governance, moment));
  ASSAY_RETURN_IF_ERROR(s.start(options));
  ASSAY_RETURN_IF_ERROR(s.check_memory());
  ASSAY_RETURN_IF_ERROR(s.read_companions(options));
  ASSAY_RETURN_IF_ERROR(s.test_itself());
  return served;
}

Result<ComputeContext> ServedModel::make_loading_compute() const {
  return make_compute(shared_.context->threads);
}

Result<ArtifactDigests> ServedModel::hash_model() {
  ASSAY_ASSIGN_OR_RETURN(ComputeContext compute, make_loading_compute());
  return hash_artifact(*model_, compute, kHashBufferBytes);
}

Status ServedModel::identify(const ServedModelOptions& options, const Governance* governance,
                             const GovernanceMoment& moment) {
  ASSAY_ASSIGN_OR_RETURN(ArtifactDigests digests, hash_model());
  ASSAY_RETURN_IF_ERROR(check_digest(options, digests));
  if (governance != nullptr) {
    ASSAY_RETURN_IF_ERROR(governance->check(digests.digest, digests.canonical_digest, moment)
                              .with_context(options.path));
  }
  tensors_ = std::move(digests.tensors);
  info_ = {.name = options.name,
           .version = options.version,
           .path = options.path,
           .artifact = digests.digest,
           .canonical = digests.canonical_digest};
  identity_.artifact = digests.digest;
  if (model_->tokenizer != nullptr) identity_.tokenizer = model_->tokenizer->digest();
  return ok_status();
}

Status ServedModel::start(const ServedModelOptions& options) {
  ASSAY_ASSIGN_OR_RETURN(info_.context_tokens, context_of(options, model_->arch));
  const size_t threads = shared_.context->scratch_threads();
  ASSAY_ASSIGN_OR_RETURN(const Engine::Options plan,
                         plan_engine(options, *model_, threads, info_.context_tokens));
  info_.memory_bytes = Engine::memory_bytes(*model_, threads, plan);
  info_.offloaded = plan.streams;
  const auto& rope = model_->arch.rope;
  identity_.long_angles = !rope.long_divisors.empty() && info_.context_tokens > rope.long_from;
  ASSAY_ASSIGN_OR_RETURN(ComputeContext loading, make_loading_compute());
  ASSAY_ASSIGN_OR_RETURN(engine_, Engine::load(*model_, *shared_.context, plan, &loading));
  BatcherOptions batching = options.batching;
  batching.batch_tokens = std::min(batching.batch_tokens, engine_->batch_tokens());
  batcher_ = std::make_unique<Batcher>(Batcher::Parts{.model = model_.get(),
                                                      .engine = engine_.get(),
                                                      .compute = shared_.context,
                                                      .identity = identity_,
                                                      .clock = shared_.clock,
                                                      .turn = shared_.turn},
                                       batching);
  return ok_status();
}

Status ServedModel::read_companions(const ServedModelOptions& options) {
  if (model_->tokenizer != nullptr) {
    auto chat = ChatTemplate::open(model_->checkpoint, *model_->tokenizer);
    if (chat.ok()) {
      chat_template_ = std::move(chat).value();
    } else {
      chat_status_ = chat.status();
    }
  } else {
    chat_status_ = not_found(options.path + " has no tokenizer");
  }
  if (!options.reads_goldens) return ok_status();
  const std::string path = goldens_path(options.path);
  auto goldens = read_goldens(path);
  if (goldens.ok()) {
    goldens_ = std::move(goldens).value();
  } else if (goldens.status().code() != Code::kNotFound) {
    return goldens.status();
  } else if (options.requires_goldens) {
    return failed_precondition(path +
                               ": there are no goldens; pin them with --pin-goldens, or "
                               "serve without --require-goldens");
  }
  return ok_status();
}

Status ServedModel::test_itself() {
  if (!goldens_) return ok_status();
  size_t pages = 0;
  for (const Golden& golden : goldens_->vectors) {
    const size_t positions = golden.prompt.size() + golden.max_tokens;
    pages = std::max(pages, KvPool::pages_for(std::min(positions, info_.context_tokens)));
  }
  // Among others too, unless the memory is just enough for one sequence.
  const bool has_room =
      engine_->pool().pages() >= pages + kGoldenCompany && engine_->batch_tokens() > kGoldenCompany;
  const std::vector<size_t> batches =
      has_room ? std::vector<size_t>{1, 1 + kGoldenCompany} : std::vector<size_t>{1};
  // One after the other: a test does not have more than kSelfTestRunsMax runs.
  for (const Isa isa : isas_present()) {
    ASSAY_RETURN_IF_ERROR(
        meet_goldens({.isas = {isa}, .batches = batches, .chunks = {engine_->batch_tokens()}}));
  }
  return ok_status();
}

Status ServedModel::check_goldens() {
  return meet_goldens({.batches = {1}, .chunks = {engine_->batch_tokens()}});
}

Status ServedModel::meet_goldens(const SelfTestMatrix& matrix) {
  ASSAY_CHECK(goldens_.has_value());
  const auto results = run_self_test(self_test_subject(), *goldens_, matrix);
  if (!results.ok()) return results.status().with_context(goldens_path(info_.path));
  for (const SelfTestResult& result : *results) {
    if (result.matches()) continue;
    return failed_precondition(info_.path + ": golden " + result.golden + " is not met with " +
                               std::string(isa_name(result.isa)) + "\n  expected " +
                               to_hex(result.expected) + "\n  actual   " + to_hex(result.actual));
  }
  return ok_status();
}

Status ServedModel::pin_goldens(size_t count) {
  if (count < 1 || count > kGoldensMax) {
    return invalid_argument(std::to_string(count) + " goldens; expected 1 to " +
                            std::to_string(kGoldensMax));
  }
  Goldens goldens;
  goldens.vectors = draw_goldens(
      *model_,
      {.context_tokens = info_.context_tokens, .count = count, .seed = kPinnedGoldensSeed});
  ASSAY_RETURN_IF_ERROR(fill_goldens(self_test_subject(), goldens));
  return write_goldens(goldens_path(info_.path), goldens);
}

SelfTestSubject ServedModel::self_test_subject() {
  return {.batcher = batcher_.get(),
          .model = model_.get(),
          .compute = shared_.context,
          .identity = identity_};
}

Status ServedModel::check_memory() {
  for (const BoundTensor& tensor : model_->tensors) {
    std::optional<Engine::WeightDigest> weight;
    ASSAY_RETURN_IF_ERROR(
        batcher_->exclusive(0, [&](Engine& engine) { weight = engine.weight_digest(tensor); }));
    if (weight) ASSAY_RETURN_IF_ERROR(compare_weight(info_.path, *weight, tensors_));
  }
  return ok_status();
}

Status ServedModel::check_weights() {
  ASSAY_RETURN_IF_ERROR(check_memory());
  if (!info_.offloaded) return ok_status();
  // Most of it is not in memory, but in the file.
  ASSAY_ASSIGN_OR_RETURN(const ArtifactDigests digests, hash_model());
  return compare_files(info_.path, tensors_, digests);
}

}  // namespace assay
