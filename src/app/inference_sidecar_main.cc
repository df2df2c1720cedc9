// inference-sidecar: deterministic inference for programs that have to agree on its bits.
#include "app/inference_sidecar.h"

int main(int argc, char** argv) {
  return assay::run_inference_sidecar(argc, argv, assay::detect_console());
}
