// A large block of memory for bytes that are read over and over, or straight from a disk: on page
// borders, in huge pages where the system gives them, and not filled. Tested in
// page_memory_test.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>

namespace assay {

class PageMemory {
 public:
  static constexpr size_t kPage = 4096;
  static constexpr size_t kHugePage = size_t{2} << 20;

  PageMemory() = default;
  // Begins at a multiple of kPage. Asks for huge pages for the whole ones it has, so that it never
  // takes more than its size, rounded up to kPage: a walk through rows of weights would otherwise
  // spend a tenth of its time on addresses.
  explicit PageMemory(size_t bytes);

  uint8_t* data() const { return memory_.get(); }
  size_t size() const { return size_; }
  std::span<uint8_t> bytes() const { return {data(), size_}; }

 private:
  struct Free {
    void operator()(uint8_t* memory) const {
      std::free(memory);  // NOLINT(cppcoreguidelines-no-malloc): what posix_memalign gives
    }
  };
  std::unique_ptr<uint8_t[], Free> memory_;
  size_t size_ = 0;
};

}  // namespace assay
