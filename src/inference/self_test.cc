#include "inference/self_test.h"

#include <algorithm>
#include <iomanip>
#include <sstream>

#include "base/check.h"
#include "base/prng.h"
#include "inference/batch_job.h"
#include "tensor/kernels.h"

namespace assay {
namespace {

// ---- One golden in one configuration ----------------------------------------------------------

struct Configuration {
  std::optional<Isa> isa;         // none: that of the context
  std::optional<size_t> threads;  // none: those of the context
  size_t batch = 1;
  size_t chunk = 1;
};

// Gives a context another instruction set and other threads, and back what it had when it goes.
// Threads: between steps of engines that compute with the context, as in an exclusive task.
class BorrowedCompute {
 public:
  BorrowedCompute(ComputeContext& compute, const Configuration& configuration)
      : compute_(compute), kernels_(compute.kernels) {
    if (configuration.isa && *configuration.isa != kernels_->isa) {
      compute_.kernels = &kernels_for(*configuration.isa);
    }
    if (configuration.threads && *configuration.threads != compute_.pool->threads()) {
      pool_ = std::exchange(compute_.pool, std::make_unique<ThreadPool>(*configuration.threads));
    }
  }
  ~BorrowedCompute() {
    compute_.kernels = kernels_;
    if (pool_ != nullptr) compute_.pool = std::move(pool_);
  }
  BorrowedCompute(const BorrowedCompute&) = delete;
  BorrowedCompute& operator=(const BorrowedCompute&) = delete;

 private:
  ComputeContext& compute_;
  const Kernels* kernels_;
  std::unique_ptr<ThreadPool> pool_;  // the context's own, while it has another
};

// The sequences beside a golden: tokens from a fixed seed, a few in each step.
class Company {
 public:
  struct Bounds {
    size_t sequences = 0;
    size_t positions = 0;  // of each, then it begins anew
  };
  // Of each: enough that a sequence goes on over the end of a page.
  static constexpr size_t kPagesMax = 2;

  Company(Engine& engine, size_t vocab, const Bounds& bounds)
      : engine_(engine), vocab_(vocab), bounds_(bounds), prng_(kSeed), others_(bounds.sequences) {
    for (Other& other : others_) other.sequence = engine.begin();
  }

  size_t sequences() const { return others_.size(); }

  // Work for all of them. Pre: room >= sequences().
  std::vector<Engine::Work> plan(size_t room) {
    constexpr size_t kTokensMax = 5;
    std::vector<Engine::Work> works;
    for (size_t i = 0; i < others_.size(); ++i) {
      Other& other = others_[i];
      const size_t most =
          std::min({room - (others_.size() - 1 - i), kTokensMax, bounds_.positions});
      const size_t count = 1 + prng_.below(most);
      room -= count;
      if (other.sequence.positions() + count > bounds_.positions) {
        other.sequence = engine_.begin();
      }
      other.tokens.resize(count);
      for (TokenId& token : other.tokens) token = static_cast<TokenId>(prng_.below(vocab_));
      works.push_back({.sequence = &other.sequence,
                       .tokens = other.tokens,
                       .logits_from = prng_.below(count + 1)});
    }
    return works;
  }

 private:
  static constexpr uint64_t kSeed = 0x636f6d70616e79;

  struct Other {
    Sequence sequence;
    std::vector<TokenId> tokens;
  };
  Engine& engine_;
  size_t vocab_;
  Bounds bounds_;
  Prng prng_;
  std::vector<Other> others_;
};

class TranscriptSink : public ResponseSink {
 public:
  bool on_step(const TokenStep&) override { return true; }
  void on_finish(const Completion& completion) override { transcript_ = completion.transcript; }
  const Digest& transcript() const { return transcript_; }

 private:
  Digest transcript_{};
};

// Steps of the engine until the golden is answered. Its place in them moves from the first to the
// last and back to the first.
Result<Digest> answer_golden(const SelfTestSubject& subject, Engine& engine, const Golden& golden,
                             size_t chunk, Company& company) {
  const size_t vocab = subject.model->arch.vocab;
  const auto sink = std::make_shared<TranscriptSink>();
  BatchJob job(0, *subject.model, subject.identity, golden.request(), sink, 0);
  job.admit(engine.begin(), 0);
  BatchJob::Scratch scratch;
  std::vector<RowAnswer> answers;
  bool ended = false;
  for (size_t step = 0; !ended; ++step) {
    const size_t count =
        std::min({job.pending().size(), chunk, engine.batch_tokens() - company.sequences()});
    std::vector<Engine::Work> works = company.plan(engine.batch_tokens() - count);
    const size_t place = step % (works.size() + 1);
    works.insert(works.begin() + static_cast<std::ptrdiff_t>(place),
                 {.sequence = &*job.sequence(),
                  .tokens = job.pending().first(count),
                  .logits_from = job.logits_from(count)});
    const size_t first_row = job.sequence()->positions();
    answers.clear();
    ASSAY_RETURN_IF_ERROR(engine.step(works, [&](const Engine::LogitsTile& tile) {
      for (size_t i = 0; i < tile.rows.size(); ++i) {
        if (tile.rows[i].work != place) continue;
        const std::span<const float> logits(tile.logits + i * vocab, vocab);
        answers.push_back(
            job.answer(*subject.compute->kernels, first_row + tile.rows[i].token, logits, scratch));
      }
    }));
    for (const RowAnswer& answer : answers) {
      ASSAY_CHECK(!ended);
      ended = job.take(answer, engine.positions_max(), 0);
    }
  }
  job.finish(ok_status(), 0);
  return sink->transcript();
}

size_t golden_pages(const SelfTestSubject& subject, const Golden& golden) {
  return KvPool::pages_for(
      std::min(subject.batcher->context_tokens(), golden.prompt.size() + golden.max_tokens));
}

// The task that has the engine to itself.
Result<SelfTestResult> run_one(const SelfTestSubject& subject, Engine& engine, const Golden& golden,
                               const Configuration& configuration) {
  const size_t others = configuration.batch - 1;
  if (others >= engine.batch_tokens()) {
    return invalid_argument("batch = " + std::to_string(configuration.batch) +
                            " sequences; a step of this engine has room for " +
                            std::to_string(engine.batch_tokens()) + " tokens");
  }
  const size_t pages = engine.pool().pages_free() - golden_pages(subject, golden);
  if (pages < others) {
    return resource_exhausted("batch = " + std::to_string(configuration.batch) +
                              ": the golden leaves " + std::to_string(pages) +
                              " pages of keys and values, the others take one each at least");
  }
  Company::Bounds bounds = {.sequences = others};
  if (others > 0) {
    bounds.positions =
        std::min(engine.positions_max(),
                 std::min(pages / others, Company::kPagesMax) * KvPool::kPagePositions);
  }
  const BorrowedCompute borrowed(*subject.compute, configuration);
  Company company(engine, subject.model->arch.vocab, bounds);
  SelfTestResult result = {.golden = golden.id,
                           .isa = subject.compute->kernels->isa,
                           .threads = subject.compute->pool->threads(),
                           .batch = configuration.batch,
                           .chunk = configuration.chunk,
                           .expected = golden.transcript};
  ASSAY_ASSIGN_OR_RETURN(result.actual,
                         answer_golden(subject, engine, golden, configuration.chunk, company));
  return result;
}

Result<SelfTestResult> run_exclusively(const SelfTestSubject& subject, const Golden& golden,
                                       const Configuration& configuration) {
  ASSAY_RETURN_IF_ERROR(
      subject.batcher->check(golden.request()).with_context("golden " + golden.id));
  const size_t pages = golden_pages(subject, golden);
  const size_t company = (configuration.batch - 1) * Company::kPagesMax;
  Result<SelfTestResult> result = unavailable("the self-test did not run");
  const auto task = [&](Engine& engine) {
    result = run_one(subject, engine, golden, configuration);
  };
  // With fewer pages than it would like, the company begins anew more often.
  Status status = subject.batcher->exclusive(pages + company, task);
  if (status.code() == Code::kResourceExhausted && company > 0) {
    status = subject.batcher->exclusive(pages + configuration.batch - 1, task);
  }
  ASSAY_RETURN_IF_ERROR(status.with_context("golden " + golden.id));
  if (!result.ok()) return result.status().with_context("golden " + golden.id);
  return result;
}

// ---- All of them ------------------------------------------------------------------------------

Status check_counts(const char* name, const std::vector<size_t>& counts, size_t most) {
  for (const size_t count : counts) {
    if (count >= 1 && count <= most) continue;
    return invalid_argument(std::string(name) + " = " + std::to_string(count) + "; expected 1 to " +
                            std::to_string(most));
  }
  return ok_status();
}

Status check_matrix(const SelfTestSubject& subject, const SelfTestMatrix& matrix) {
  for (const Isa isa : matrix.isas) {
    const std::vector<Isa>& present = isas_present();
    if (std::find(present.begin(), present.end(), isa) == present.end()) {
      return invalid_argument("instruction set " + std::string(isa_name(isa)) +
                              " is not present on this processor");
    }
  }
  const size_t threads_max = std::min(kSelfTestThreadsMax, subject.compute->scratch_threads());
  ASSAY_RETURN_IF_ERROR(check_counts("threads", matrix.threads, threads_max));
  ASSAY_RETURN_IF_ERROR(check_counts("batch", matrix.batches, kSelfTestBatchesMax));
  ASSAY_RETURN_IF_ERROR(check_counts("chunk", matrix.chunks, SIZE_MAX));
  if (matrix.batches.empty()) return invalid_argument("no batch is given");
  if (matrix.chunks.empty()) return invalid_argument("no chunk is given");
  return ok_status();
}

// In the order in which they run. Errors: INVALID_ARGUMENT when there are too many.
Result<std::vector<Configuration>> configurations(const SelfTestMatrix& matrix, size_t goldens) {
  constexpr size_t kMost = kSelfTestRunsMax;
  size_t runs = goldens;
  for (const size_t count :
       {matrix.isas.size(), matrix.threads.size(), matrix.batches.size(), matrix.chunks.size()}) {
    runs = std::min(kMost + 1, runs) * std::min(kMost + 1, std::max<size_t>(count, 1));
    if (runs > kMost) {
      return invalid_argument("these goldens and configurations make more than " +
                              std::to_string(kMost) + " runs, the most that one test does");
    }
  }
  std::vector<std::optional<Isa>> isas(matrix.isas.begin(), matrix.isas.end());
  if (isas.empty()) isas.emplace_back();
  std::vector<std::optional<size_t>> threads(matrix.threads.begin(), matrix.threads.end());
  if (threads.empty()) threads.emplace_back();
  std::vector<Configuration> out;
  for (const auto isa : isas) {
    for (const auto count : threads) {
      for (const size_t batch : matrix.batches) {
        for (const size_t chunk : matrix.chunks) out.push_back({isa, count, batch, chunk});
      }
    }
  }
  return out;
}

}  // namespace

Result<std::vector<SelfTestResult>> run_self_test(const SelfTestSubject& subject,
                                                  const Goldens& goldens,
                                                  const SelfTestMatrix& matrix,
                                                  const std::function<bool()>& stop) {
  if (goldens.vectors.empty()) return failed_precondition("there is no golden to test");
  if (goldens.artifact != subject.identity.artifact) {
    return failed_precondition("the goldens were made with another model\n  theirs " +
                               to_hex(goldens.artifact) + "\n  this   " +
                               to_hex(subject.identity.artifact));
  }
  ASSAY_RETURN_IF_ERROR(check_matrix(subject, matrix));
  ASSAY_ASSIGN_OR_RETURN(const std::vector<Configuration> all,
                         configurations(matrix, goldens.vectors.size()));
  std::vector<SelfTestResult> results;
  for (const Golden& golden : goldens.vectors) {
    for (const Configuration& configuration : all) {
      if (stop && stop()) return Status(Code::kCancelled, "the self-test was stopped");
      ASSAY_ASSIGN_OR_RETURN(SelfTestResult result,
                             run_exclusively(subject, golden, configuration));
      results.push_back(std::move(result));
    }
  }
  return results;
}

Status fill_goldens(const SelfTestSubject& subject, Goldens& goldens) {
  for (Golden& golden : goldens.vectors) {
    ASSAY_ASSIGN_OR_RETURN(
        const SelfTestResult result,
        run_exclusively(subject, golden, {.batch = 1, .chunk = golden.prompt.size()}));
    golden.transcript = result.actual;
  }
  goldens.artifact = subject.identity.artifact;
  return ok_status();
}

std::vector<Golden> draw_goldens(const Model& model, const GoldenDraw& draw) {
  // Prompts of the first four goldens, and so on: a few tokens, a page, several, many.
  constexpr std::array<size_t, 4> kPromptTokensMax = {12, 48, 160, 384};
  constexpr size_t kGeneratedMax = 24;
  ASSAY_CHECK(draw.context_tokens >= 2 && draw.count <= kGoldensMax);
  const size_t prompt_max = std::max<size_t>(draw.context_tokens / 2, 2);
  const TokenId bos = model.tokenizer == nullptr ? -1 : model.tokenizer->bos();
  Prng prng(draw.seed);
  std::vector<Golden> goldens(draw.count);
  for (size_t i = 0; i < draw.count; ++i) {
    Golden& golden = goldens[i];
    std::ostringstream id;
    id << "drawn-" << std::setw(3) << std::setfill('0') << i;
    golden.id = id.str();
    const size_t most = std::min(kPromptTokensMax[i % kPromptTokensMax.size()], prompt_max);
    const size_t length = 2 + prng.below(most - 1);
    if (bos >= 0) golden.prompt.push_back(bos);
    while (golden.prompt.size() < length) {
      golden.prompt.push_back(static_cast<TokenId>(prng.below(model.arch.vocab)));
    }
    // Every fifth is scored alone.
    const size_t room = draw.context_tokens - length;
    if (i % 5 != 4 && room > 0) {
      golden.max_tokens = 1 + prng.below(std::min(room, kGeneratedMax));
    }
  }
  return goldens;
}

}  // namespace assay
