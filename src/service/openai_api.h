// The OpenAI-compatible face of the inference sidecar: models, completions, chat completions,
// tokenize, detokenize, as routes of an HttpServer. Existing clients work unchanged; what they have
// no field for (digests, transcripts) is in headers x-assay-* and in members "assay". Tested in
// openai_api_test.cc with raw requests and with the official client.
#pragma once

#include "net/http_server.h"
#include "service/inference_context.h"

namespace assay {

// Pre: the server has not started. context has to outlive it.
void add_openai_routes(HttpServer& server, const InferenceContext& context);

// The server's own errors in OpenAI's shape (HttpServerOptions::shape_error).
HttpResponse openai_shape_error(const HttpRequest& request, const HttpError& error);

}  // namespace assay
