// TaskThreads: a few threads for what must not run where it was asked for: calls that take long, or
// that the batcher's thread hands over. Tested in task_threads_test.cc.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace assay {

// Threads: any; not destroyed by its own tasks.
class TaskThreads {
 public:
  TaskThreads(size_t threads, size_t waiting_max);
  // Runs what waits, then ends.
  ~TaskThreads();
  TaskThreads(const TaskThreads&) = delete;
  TaskThreads& operator=(const TaskThreads&) = delete;

  // False: waiting_max tasks wait, or it ends; the task will not run.
  bool post(std::function<void()> task);

 private:
  void run();

  const size_t waiting_max_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> tasks_;
  bool ends_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace assay
