// inference-sidecar: serves models deterministically over gRPC and OpenAI-compatible HTTP. Tested
// in openai_client_test.mjs and sidecar_program_test.mjs, which run the program itself.
#pragma once

#include "app/console.h"

namespace assay {

// Returns the exit code: kExitOk after SIGTERM or SIGINT, else why it could not serve.
int run_inference_sidecar(int argc, const char* const* argv, const Console& console);

}  // namespace assay
