// ResidualStore: the residual stream of all tokens of a wave, [tokens, width] f32, in memory or in
// a scratch file. Tested in executor_test.cc.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"

namespace assay {

class ResidualStore {
 public:
  // scratch_folder: where the scratch file is made (and unlinked at once) when spilled.
  // Errors: creating the file.
  static Result<std::unique_ptr<ResidualStore>> create(size_t tokens, size_t width, bool spilled,
                                                       const std::string& scratch_folder);
  ~ResidualStore();
  ResidualStore(const ResidualStore&) = delete;
  ResidualStore& operator=(const ResidualStore&) = delete;

  size_t tokens() const { return tokens_; }
  size_t width() const { return width_; }

  // Rows [first, first + count): in memory the rows themselves, else read into scratch. Changes to
  // the rows take effect with put(). Pre: the range is inside; scratch holds count * width floats
  // when spilled (CHECK).
  Result<float*> get(size_t first, size_t count, std::span<float> scratch);
  Status put(size_t first, size_t count, const float* rows);
  bool spilled() const { return fd_ >= 0; }

 private:
  ResidualStore(size_t tokens, size_t width) : tokens_(tokens), width_(width) {}
  size_t tokens_;
  size_t width_;
  std::vector<float> memory_;
  int fd_ = -1;
  std::string path_;
};

}  // namespace assay
