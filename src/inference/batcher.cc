#include "inference/batcher.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <deque>
#include <map>
#include <thread>
#include <vector>

#include "base/check.h"
#include "inference/batch_job.h"
#include "inference/fair_queue.h"
#include "inference/prefix_cache.h"
#include "tensor/fpenv.h"

namespace assay {
namespace {

using JobPointer = std::shared_ptr<BatchJob>;
using std::chrono::milliseconds;

constexpr uint32_t kRetrySecondsMax = 60;
// How much of the mean of times between answers the newest counts for.
constexpr double kPaceShare = 0.1;

Status cancelled_status() { return {Code::kCancelled, "the request was cancelled"}; }
// To be sent to another server, unlike what its client gave up.
Status withdrawn_status() { return unavailable("the model is being taken out of service"); }
Status late_status() {
  return {Code::kDeadlineExceeded, "the deadline of the request passed before its answer was done"};
}
Status status_of_end(const BatchJob& job, bool withdrawn) {
  if (withdrawn) return withdrawn_status();
  return job.cancelled ? cancelled_status() : late_status();
}

Status check_stop_texts(const InferenceRequest& request) {
  if (request.stop.size() > kStopTextsMax) {
    return invalid_argument("stop has " + std::to_string(request.stop.size()) + " texts; at most " +
                            std::to_string(kStopTextsMax) + " are taken");
  }
  for (const std::string& text : request.stop) {
    if (text.empty() || text.size() > kStopTextBytesMax) {
      return invalid_argument("a stop text has " + std::to_string(text.size()) +
                              " bytes; expected 1 to " + std::to_string(kStopTextBytesMax));
    }
  }
  return ok_status();
}

}  // namespace

struct Batcher::State {
  State(const Parts& parts_in, const BatcherOptions& options_in)
      : parts(parts_in),
        options(options_in),
        prefixes(parts_in.engine->pool()),
        scratch(parts_in.compute->scratch_threads()),
        queue(options_in.queued_max) {}

  // Immutable.
  const Parts parts;
  const BatcherOptions options;

  // Of the thread that computes.
  std::vector<JobPointer> running;  // in the order in which they were admitted
  PrefixCache prefixes;
  std::vector<BatchJob::Scratch> scratch;
  struct Planned {
    JobPointer job;
    size_t count = 0;
  };

  // Shared.
  mutable std::mutex mutex;
  std::condition_variable work_came;
  std::condition_variable job_ended;
  FairQueue<JobPointer> queue;
  std::map<Ticket, JobPointer> jobs;  // all that have not ended
  struct Exclusive {
    size_t pages = 0;
    const std::function<void(Engine&)>* task = nullptr;
    bool done = false;
    bool ran = false;
  };
  std::deque<Exclusive*> exclusive;  // of callers that wait
  Ticket next_ticket = 1;
  bool draining = false;
  bool out_of_time = false;  // the drain cancels what has not ended
  bool stopping = false;
  BatcherStats stats;
  double last_end = 0;
  double pace_seconds = 0;  // between two answers, as of late
  std::thread thread;

  double now() const { return parts.clock->seconds(); }
  Status check(const InferenceRequest& request) const;
  void run();
  bool wait_for_work();
  void end_waiting();
  void run_exclusive();
  void admit();
  size_t pages_promised() const;
  bool admit_one(std::unique_lock<std::mutex>& lock);
  void end_running();
  std::vector<Planned> plan();
  bool make_room(std::vector<Planned>& planned);
  void evict_last();
  void compute(const std::vector<Planned>& planned);
  void remember(BatchJob& job);
  void leave_running(const JobPointer& job);
  void finish(const JobPointer& job, Status status);
  void note_end(double at);
};

// ---- What callers do --------------------------------------------------------------------------

Batcher::Batcher(const Parts& parts, const BatcherOptions& options)
    : state_(std::make_unique<State>(parts, options)) {
  ASSAY_CHECK(parts.model->arch.encoder_layers == 0);
  state_->thread = std::thread([this] { state_->run(); });
}

Batcher::~Batcher() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopping = true;
  }
  state_->work_came.notify_all();
  state_->thread.join();
}

size_t Batcher::context_tokens() const { return state_->parts.engine->positions_max(); }

Status Batcher::State::check(const InferenceRequest& request) const {
  const size_t context = parts.engine->positions_max();
  const size_t least = request.max_tokens == 0 ? 2 : 1;
  if (request.prompt.size() < least) {
    return invalid_argument("prompt has " + std::to_string(request.prompt.size()) +
                            " tokens; expected at least " + std::to_string(least));
  }
  const size_t room = request.max_tokens == 0 ? context : context - 1;
  if (request.prompt.size() > room) {
    return invalid_argument("prompt has " + std::to_string(request.prompt.size()) +
                            " tokens; the context of " + std::to_string(context) +
                            " tokens leaves room for " + std::to_string(room));
  }
  for (const TokenId token : request.prompt) {
    if (token < 0 || static_cast<uint32_t>(token) >= parts.model->arch.vocab) {
      return invalid_argument("prompt has token " + std::to_string(token) +
                              ", outside the vocabulary [0, " +
                              std::to_string(parts.model->arch.vocab) + ")");
    }
  }
  if (request.max_tokens == 0 && !request.score_prompt) {
    return invalid_argument("max_tokens is 0 and nothing is to be scored: there is nothing to do");
  }
  if (request.alternatives > kAlternativesMax) {
    return invalid_argument("top log-probabilities: " + std::to_string(request.alternatives) +
                            " were asked for; at most " + std::to_string(kAlternativesMax));
  }
  if (request.sampling.temperature > kTemperatureMax) {
    return invalid_argument("temperature is " + std::to_string(request.sampling.temperature) +
                            "; expected at most " + std::to_string(kTemperatureMax));
  }
  if (request.client.size() > kClientBytesMax) {
    return invalid_argument("the client's name has " + std::to_string(request.client.size()) +
                            " bytes; at most " + std::to_string(kClientBytesMax));
  }
  ASSAY_RETURN_IF_ERROR(check_sampling(request.sampling));
  return check_stop_texts(request);
}

Status Batcher::check(const InferenceRequest& request) const { return state_->check(request); }

Result<Batcher::Ticket> Batcher::submit(InferenceRequest request,
                                        std::shared_ptr<ResponseSink> sink) {
  State& s = *state_;
  ASSAY_RETURN_IF_ERROR(s.check(request));
  const double now = s.now();
  JobPointer removed;
  Ticket ticket = 0;
  {
    const std::lock_guard lock(s.mutex);
    if (s.draining || s.stopping) {
      return unavailable("the server is shutting down; send the request to another");
    }
    ticket = s.next_ticket++;
    const std::string client = request.client;
    auto job = std::make_shared<BatchJob>(ticket, *s.parts.model, s.parts.identity,
                                          std::move(request), std::move(sink), now);
    if (auto refused = s.queue.push(client, job)) {
      ++s.stats.requests_refused;
      removed = *std::move(refused);
    }
    if (removed == job) {
      return resource_exhausted("the queue is full (" + std::to_string(s.options.queued_max) +
                                " requests wait); come again later");
    }
    s.jobs[ticket] = std::move(job);
    if (removed != nullptr) s.jobs.erase(removed->ticket());
  }
  s.work_came.notify_one();
  if (removed != nullptr) {
    removed->finish(resource_exhausted("the queue is full and this client has most requests in "
                                       "it; come again later"),
                    now);
  }
  return ticket;
}

void Batcher::cancel(Ticket ticket) {
  {
    const std::lock_guard lock(state_->mutex);
    const auto it = state_->jobs.find(ticket);
    if (it == state_->jobs.end()) return;
    it->second->cancelled = true;
  }
  state_->work_came.notify_one();
}

uint32_t Batcher::retry_after_seconds() const {
  const std::lock_guard lock(state_->mutex);
  const double half = state_->pace_seconds * static_cast<double>(state_->queue.size()) / 2;
  return static_cast<uint32_t>(std::clamp(std::ceil(half), 1.0, double{kRetrySecondsMax}));
}

Status Batcher::exclusive(size_t pages, const std::function<void(Engine&)>& task) {
  State& s = *state_;
  if (pages > s.parts.engine->pool().pages()) {
    return resource_exhausted("this takes " + std::to_string(pages) + " pages of the " +
                              std::to_string(s.parts.engine->pool().pages()) + " that there are");
  }
  State::Exclusive own = {.pages = pages, .task = &task};
  std::unique_lock lock(s.mutex);
  if (s.stopping) return withdrawn_status();
  s.exclusive.push_back(&own);
  s.work_came.notify_one();
  s.job_ended.wait(lock, [&own] { return own.done; });
  if (!own.ran) return withdrawn_status();
  return ok_status();
}

void Batcher::drain(double until_seconds) {
  State& s = *state_;
  std::unique_lock lock(s.mutex);
  s.draining = true;
  while (!s.jobs.empty()) {
    if (s.now() >= until_seconds) {
      s.out_of_time = true;
      for (const auto& [ticket, job] : s.jobs) job->cancelled = true;
      s.work_came.notify_one();
    }
    s.job_ended.wait_for(lock, milliseconds(20));
  }
}

BatcherStats Batcher::stats() const {
  const std::lock_guard lock(state_->mutex);
  BatcherStats stats = state_->stats;
  stats.queued = state_->queue.size();
  stats.queued_max = state_->options.queued_max;
  return stats;
}

// ---- The thread that computes -----------------------------------------------------------------

void Batcher::State::run() {
  fpenv_set();
  while (wait_for_work()) {
    end_waiting();
    end_running();
    run_exclusive();
    admit();
    std::vector<Planned> planned = plan();
    if (!make_room(planned)) continue;
    if (!planned.empty()) compute(planned);
    const std::lock_guard lock(mutex);
    stats.running = running.size();
    stats.pages = parts.engine->pool().pages();
    stats.pages_free = parts.engine->pool().pages_free();
    stats.pages_cached = prefixes.pages();
  }
  while (!running.empty()) {
    const JobPointer job = running.back();
    leave_running(job);
    finish(job, withdrawn_status());
  }
  end_waiting();
  const std::lock_guard lock(mutex);
  for (Exclusive* waiting : exclusive) waiting->done = true;
  exclusive.clear();
  job_ended.notify_all();
}

// False: it is time to stop.
bool Batcher::State::wait_for_work() {
  std::unique_lock lock(mutex);
  if (running.empty()) {
    work_came.wait(lock, [&] { return stopping || !queue.empty() || !exclusive.empty(); });
  }
  return !stopping;
}

// Ends what nobody waits for any more, or all when it stops.
void Batcher::State::end_waiting() {
  std::vector<JobPointer> ended;
  const double at = now();
  bool ends_all = false;
  bool withdraws = false;
  {
    const std::lock_guard lock(mutex);
    ends_all = stopping;
    withdraws = stopping || out_of_time;
    queue.remove_if(
        [&](const JobPointer& job) { return ends_all || job->cancelled || job->is_late(at); },
        [&](JobPointer job) { ended.push_back(std::move(job)); });
  }
  for (const JobPointer& job : ended) {
    finish(job, status_of_end(*job, withdraws));
  }
}

void Batcher::State::end_running() {
  const double at = now();
  bool withdraws = false;
  {
    const std::lock_guard lock(mutex);
    withdraws = out_of_time;
  }
  const std::vector<JobPointer> all = running;
  for (const JobPointer& job : all) {
    if (!job->cancelled && !job->is_late(at)) continue;
    leave_running(job);
    finish(job, status_of_end(*job, withdraws));
  }
}

void Batcher::State::admit() {
  std::unique_lock lock(mutex);
  while (running.size() < options.running_max && !queue.empty() && admit_one(lock)) {
  }
}

// One at a time, so that steps of requests come between.
void Batcher::State::run_exclusive() {
  Exclusive* next = nullptr;
  {
    const std::lock_guard lock(mutex);
    if (exclusive.empty()) return;
    next = exclusive.front();
    exclusive.pop_front();
  }
  while (!prefixes.free_up(next->pages) && !running.empty()) evict_last();
  if (parts.engine->pool().pages_free() >= next->pages) {
    const std::lock_guard turn(*parts.turn);
    (*next->task)(*parts.engine);
    next->ran = true;
  }
  const std::lock_guard lock(mutex);
  next->done = true;
  job_ended.notify_all();
}

// Pages that those who run will still take for what they have so far.
size_t Batcher::State::pages_promised() const {
  size_t pages = 0;
  for (const JobPointer& job : running) {
    pages += parts.engine->pages_needed(*job->sequence(), job->pending().size() + 1);
  }
  return pages;
}

// Admits the next when all that it has so far fits into pages that nobody holds, or when it is
// alone. False: it has to wait.
bool Batcher::State::admit_one(std::unique_lock<std::mutex>& lock) {
  const JobPointer job = queue.peek();
  const size_t pages = KvPool::pages_for(job->tokens().size() + 1);
  const bool fits = prefixes.free_up(pages + pages_promised());
  if (!fits && !running.empty()) return false;
  queue.pop();
  lock.unlock();
  const bool shares = options.sharing != PrefixSharing::kOff;
  const std::string scope = options.sharing == PrefixSharing::kAll ? "" : job->client();
  // The row behind its last token is needed, so that token is computed again.
  const auto known = job->tokens().first(std::min(job->next_row(), job->tokens().size()));
  std::vector<uint32_t> shared;
  if (shares) shared = prefixes.find(scope, known);
  job->admit(parts.engine->begin(shared), now());
  running.push_back(job);
  lock.lock();
  stats.shared_tokens += job->sequence()->positions();
  return true;
}

// What the next step computes: the next token of all that generate, then prompts in the order of
// their admission, as many tokens as the step takes.
std::vector<Batcher::State::Planned> Batcher::State::plan() {
  std::vector<Planned> planned;
  size_t budget = options.batch_tokens;
  for (const bool generates : {true, false}) {
    for (const JobPointer& job : running) {
      const size_t pending = job->pending().size();
      if ((pending == 1) != generates || budget == 0) continue;
      const size_t count = std::min(pending, budget);
      planned.push_back({job, count});
      budget -= count;
    }
  }
  return planned;
}

// Until there are pages for the step: what is only cached goes, then whoever was admitted last. The
// pool holds one whole sequence, so the first always gets its pages. False: plan again.
bool Batcher::State::make_room(std::vector<Planned>& planned) {
  size_t pages = 0;
  for (const Planned& part : planned) {
    pages += parts.engine->pages_needed(*part.job->sequence(), part.count);
  }
  if (prefixes.free_up(pages)) return true;
  ASSAY_CHECK(running.size() > 1);
  evict_last();
  return false;
}

void Batcher::State::evict_last() {
  const JobPointer job = running.back();
  running.pop_back();
  remember(*job);
  job->evict();
  const std::lock_guard lock(mutex);
  queue.put_back(job->client(), job);
  queue.leave(job->client());
  ++stats.recomputations;
}

void Batcher::State::compute(const std::vector<Planned>& planned) {
  std::vector<Engine::Work> work;
  std::vector<size_t> first_row;
  size_t tokens = 0;
  for (const Planned& part : planned) {
    work.push_back({.sequence = &*part.job->sequence(),
                    .tokens = part.job->pending().first(part.count),
                    .logits_from = part.job->logits_from(part.count)});
    first_row.push_back(part.job->sequence()->positions());
    tokens += part.count;
  }
  std::vector<std::pair<size_t, RowAnswer>> answers;  // by part, ascending rows
  const auto sink = [&](const Engine::LogitsTile& tile) {
    const size_t vocab = parts.model->arch.vocab;
    const size_t begin = answers.size();
    answers.resize(begin + tile.rows.size());
    parts.compute->pool->parallel_for(
        tile.rows.size(), 1, [&](size_t first, size_t end, size_t worker) {
          for (size_t i = first; i < end; ++i) {
            const Engine::LogitsRow& row = tile.rows[i];
            const std::span<const float> logits(tile.logits + i * vocab, vocab);
            answers[begin + i] = {
                row.work, planned[row.work].job->answer(*parts.compute->kernels,
                                                        first_row[row.work] + row.token, logits,
                                                        scratch[worker])};
          }
        });
  };
  const auto nobody_waits = [&] {
    const double at = now();
    return std::all_of(planned.begin(), planned.end(), [at](const Planned& part) {
      return part.job->cancelled || part.job->is_late(at);
    });
  };
  const std::lock_guard turn(*parts.turn);
  const double begin = now();
  const Status status = parts.engine->step(work, sink, nobody_waits);
  const double end = now();
  {
    const std::lock_guard lock(mutex);
    stats.compute_seconds += end - begin;
    if (status.ok()) {
      ++stats.steps;
      stats.step_tokens += tokens;
      for (const Planned& part : planned) queue.charge(part.job->client(), part.count);
    }
  }
  if (status.code() == Code::kCancelled) return;  // end_running() sees to them
  std::vector<bool> ended(planned.size(), !status.ok());
  for (const auto& [part, answer] : answers) {
    if (ended[part] || !status.ok()) continue;
    ended[part] = planned[part].job->take(answer, parts.engine->positions_max(), end);
  }
  for (size_t part = 0; part < planned.size(); ++part) {
    const JobPointer& job = planned[part].job;
    const size_t whole_pages = job->sequence()->positions() / KvPool::kPagePositions;
    if (whole_pages > job->remembered_pages) remember(*job);
    if (!ended[part]) continue;
    leave_running(job);
    finish(job, status);
  }
}

// Its whole pages stay known to those that begin alike.
void Batcher::State::remember(BatchJob& job) {
  if (options.sharing == PrefixSharing::kOff || !job.sequence()) return;
  const std::string scope = options.sharing == PrefixSharing::kAll ? "" : job.client();
  const size_t positions = job.sequence()->positions();
  job.remembered_pages = positions / KvPool::kPagePositions;
  prefixes.insert(scope, job.tokens().first(std::min(positions, job.tokens().size())),
                  job.sequence()->pages());
}

void Batcher::State::leave_running(const JobPointer& job) {
  running.erase(std::find(running.begin(), running.end(), job));
  job->sequence().reset();
  const std::lock_guard lock(mutex);
  queue.leave(job->client());
}

void Batcher::State::finish(const JobPointer& job, Status status) {
  const double at = now();
  job->finish(std::move(status), at);
  {
    const std::lock_guard lock(mutex);
    jobs.erase(job->ticket());
    note_end(at);
  }
  job_ended.notify_all();
}

void Batcher::State::note_end(double at) {
  if (last_end > 0) {
    pace_seconds += kPaceShare * (std::min(at - last_end, double{kRetrySecondsMax}) - pace_seconds);
  }
  last_end = at;
}

}  // namespace assay
