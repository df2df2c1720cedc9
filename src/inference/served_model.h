// ServedModel: a model that answers requests: opened, hashed, approved, loaded, tested. Tested in
// served_model_test.cc.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "inference/batcher.h"
#include "inference/goldens.h"
#include "inference/self_test.h"
#include "model/artifact.h"
#include "model/chat_template.h"

namespace assay {

class Governance;
struct GovernanceMoment;

// What every model of a process shares. Has to outlive them.
struct SharedCompute {
  ComputeContext* context = nullptr;
  ComputeTurn* turn = nullptr;
  const Clock* clock = nullptr;
};

struct ServedModelOptions {
  std::string name;  // 1 to kModelNameBytesMax bytes of [A-Za-z0-9._:/-]
  std::string path;
  std::string version;
  std::optional<Digest> expected_digest;  // artifact or canonical
  // Positions of a sequence; 0: the model's own, at most kContextTokensDefault.
  size_t context_tokens = 0;
  uint64_t memory_bytes = 0;  // bound on what it takes; 0: what the machine leaves
  bool may_offload = true;    // weights stay on disk when they do not fit
  // Nothing is served without goldens that hold. Off: a model without goldens is served; goldens
  // that do not hold never are.
  bool requires_goldens = false;
  bool reads_goldens = true;  // off: for who is about to pin them anew
  BatcherOptions batching;
};
// What the machine leaves to the models of a process; the rest is for requests and answers.
uint64_t memory_for_models_bytes();
inline constexpr size_t kModelNameBytesMax = 256;
inline constexpr size_t kContextTokensDefault = 4096;

// Fixed once it is loaded.
struct ServedModelInfo {
  std::string name;
  std::string version;
  std::string path;
  Digest artifact{};
  Digest canonical{};
  uint64_t memory_bytes = 0;
  bool offloaded = false;
  size_t context_tokens = 0;
};

class ServedModel {
 public:
  // Opens, hashes the bytes, checks the digest and its approval, reads the weights and compares
  // what lies in memory with what was hashed, then runs the goldens on every instruction set.
  // Errors: those of open_model; FAILED_PRECONDITION (digest not expected: names both; not
  // approved; goldens missing or not met), RESOURCE_EXHAUSTED (memory), UNIMPLEMENTED (an
  // encoder), DATA_LOSS (the file changed in between).
  static Result<std::shared_ptr<ServedModel>> load(const ServedModelOptions& options,
                                                   const SharedCompute& shared,
                                                   const Governance* governance,
                                                   const GovernanceMoment& moment);
  ~ServedModel();

  const ServedModelInfo& info() const { return info_; }
  const Model& model() const { return *model_; }
  Batcher& batcher() { return *batcher_; }
  const ModelIdentity& identity() const { return identity_; }
  // Null: none; chat_status() says why.
  const ChatTemplate* chat_template() const { return chat_template_.get(); }
  const Status& chat_status() const { return chat_status_; }
  const Goldens* goldens() const { return goldens_ ? &*goldens_ : nullptr; }
  SelfTestSubject self_test_subject();
  // Tokens that a step takes, at most.
  size_t batch_tokens() const { return engine_->batch_tokens(); }

  // Computes the goldens again as they are computed for requests. Errors: FAILED_PRECONDITION
  // (names the golden that is not met), UNAVAILABLE (the model goes). Pre: there are some (CHECK).
  Status check_goldens();
  // Draws goldens for the model and writes them, with what it answers now, to where they are read
  // from when it is loaded again. Errors: INVALID_ARGUMENT (count), those of fill_goldens and
  // write_goldens.
  Status pin_goldens(size_t count);
  // Hashes the weights again: those in memory, and of an offloaded model those on disk. Errors:
  // DATA_LOSS (names the tensor that has changed), those of reading, UNAVAILABLE (the model goes).
  // Requests are computed between two tensors.
  Status check_weights();
  // Engine and weights, for tests that damage them. Threads: through batcher().exclusive() only.
  Engine& engine_for_test() { return *engine_; }

 private:
  ServedModel() = default;
  Status identify(const ServedModelOptions& options, const Governance* governance,
                  const GovernanceMoment& moment);
  Status start(const ServedModelOptions& options);
  Status read_companions(const ServedModelOptions& options);
  Status test_itself();
  // Threads of its own, as many as requests are computed with: what reads a whole file would keep
  // the other models waiting for its turn.
  Result<ComputeContext> make_loading_compute() const;
  Result<ArtifactDigests> hash_model();
  Status check_memory();
  Status meet_goldens(const SelfTestMatrix& matrix);

  ServedModelInfo info_;
  SharedCompute shared_;
  std::unique_ptr<Model> model_;
  std::unique_ptr<ChatTemplate> chat_template_;
  Status chat_status_;
  std::optional<Goldens> goldens_;
  ModelIdentity identity_;
  std::vector<TensorDigests> tensors_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<Batcher> batcher_;  // last: stops before what it computes with goes
};

}  // namespace assay
