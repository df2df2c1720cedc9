#include "net/http_access_log.h"

namespace assay {

void HttpAccessLog::request_finished(const HttpRequestRecord& record) {
  const HttpRequest& request = record.request;
  const bool is_fault = record.status >= 500;
  logger_->write(is_fault ? LogLevel::kWarn : LogLevel::kDebug, "request",
                 {{"method", request.method},
                  {"path", request.path},
                  {"status", record.status},
                  {"complete", record.complete},
                  {"seconds", record.seconds},
                  {"bytes_sent", record.bytes_sent},
                  {"bytes_received", record.bytes_received},
                  {"peer", request.peer}},
                 {.request_id = request.request_id, .trace = request.trace});
}

void HttpAccessLog::rejected(std::string_view reason) {
  logger_->debug("rejected", {{"reason", reason}});
}

}  // namespace assay
