// A confidence interval for the mean of samples in [0, 1].
#pragma once

namespace assay {

struct Interval {
  double lower = 0;
  double upper = 1;
  double width() const { return upper - lower; }
};

}  // namespace assay
