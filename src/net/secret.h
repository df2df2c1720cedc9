// Secret: a text that is compared and handed on, and never shown. Wiped when it goes out of scope.
// Tested in log_test.cc.
#pragma once

#include <string>
#include <string_view>

namespace assay {

class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string text) : text_(std::move(text)) {}
  ~Secret();
  Secret(const Secret&) = default;
  Secret& operator=(const Secret& other);
  Secret(Secret&& other) noexcept;
  Secret& operator=(Secret&& other) noexcept;

  bool empty() const { return text_.empty(); }
  // In time that depends on the lengths alone.
  bool equals(std::string_view candidate) const;
  // For the one place that needs it: a header to send, a key to derive.
  const std::string& reveal() const { return text_; }

 private:
  std::string text_;
};

}  // namespace assay
