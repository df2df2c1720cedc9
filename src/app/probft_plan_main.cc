// probft-plan: plans quorums before validators are set up.
#include "app/probft_plan.h"

int main(int argc, char** argv) {
  return assay::run_probft_plan(argc, argv, assay::detect_console());
}
