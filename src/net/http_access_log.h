// HttpAccessLog: one line for each request that is over, and for what was refused before there was
// one. The query is left out: clients put secrets there. Tested in http_access_log_test.cc.
#pragma once

#include <memory>

#include "net/http_server.h"
#include "net/log.h"

namespace assay {

class HttpAccessLog : public HttpObserver {
 public:
  explicit HttpAccessLog(std::shared_ptr<Logger> logger) : logger_(std::move(logger)) {}
  void request_finished(const HttpRequestRecord& record) override;
  void rejected(std::string_view reason) override;

 private:
  const std::shared_ptr<Logger> logger_;
};

}  // namespace assay
