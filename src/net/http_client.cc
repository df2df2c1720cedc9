#include "net/http_client.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>

#include "net/http_target.h"

namespace assay {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;
using Error = boost::system::error_code;

constexpr uint64_t kAnswerBytesMax = uint64_t{1} << 20;

// The steps of one exchange; each starts the next.
class Post {
 public:
  explicit Post(const HttpPost& post) : url_(post.url), resolver_(context_), stream_(context_) {
    request_.method(http::verb::post);
    request_.target(post.url.target);
    request_.version(11);
    for (const auto& [name, value] : post.headers) {
      if (is_header_name(name) && is_header_value(value)) request_.insert(name, value);
    }
    request_.set(http::field::host, post.url.host);
    request_.set(http::field::connection, "close");
    request_.body() = post.body;
    request_.prepare_payload();
    parser_.body_limit(kAnswerBytesMax);
  }

  Result<HttpResponse> run(std::chrono::milliseconds timeout) {
    resolver_.async_resolve(url_.host, url_.port, [this](const Error& error, const auto& found) {
      if (error) return fail("find", error);
      stream_.async_connect(found, [this](const Error& e, const auto&) { on_connected(e); });
    });
    context_.run_for(timeout);
    if (!is_done_) return Status(Code::kDeadlineExceeded, url_.host + " did not answer in time");
    if (!status_.ok()) return status_;
    HttpResponse response;
    auto message = parser_.release();
    response.status = static_cast<int>(message.result_int());
    for (const auto& field : message) {
      response.headers.add(std::string(field.name_string()), std::string(field.value()));
    }
    response.body = std::move(message.body());
    return response;
  }

 private:
  void on_connected(const Error& error) {
    if (error) return fail("connect to", error);
    http::async_write(stream_, request_, [this](const Error& e, size_t) {
      if (e) return fail("send to", e);
      http::async_read(stream_, buffer_, parser_, [this](const Error& read_error, size_t) {
        if (read_error) return fail("read from", read_error);
        is_done_ = true;
      });
    });
  }
  void fail(std::string_view verb, const Error& error) {
    is_done_ = true;
    status_ = unavailable("cannot " + std::string(verb) + " " + url_.host + ": " + error.message());
  }

  const HttpUrl url_;
  asio::io_context context_;
  tcp::resolver resolver_;
  beast::tcp_stream stream_;
  http::request<http::string_body> request_;
  beast::flat_buffer buffer_;
  http::response_parser<http::string_body> parser_;
  bool is_done_ = false;
  Status status_;
};

}  // namespace

Result<HttpUrl> parse_http_url(std::string_view url) {
  constexpr std::string_view kScheme = "http://";
  if (url.starts_with("https://")) {
    return unimplemented("https is not supported here; use a collector on this machine");
  }
  // Neither the URL nor a part of it: it may hold a password.
  const Status bad = invalid_argument("the URL is not of the form http://host:port/path");
  if (!url.starts_with(kScheme)) return bad;
  url.remove_prefix(kScheme.size());
  const size_t slash = std::min(url.find('/'), url.size());
  const std::string_view authority = url.substr(0, slash);
  const std::string_view target = url.substr(slash);
  if (!is_host(authority) || !is_header_value(target) || target.find(' ') != target.npos)
    return bad;
  const size_t colon = authority.rfind(':');
  const bool has_port = colon != authority.npos && !authority.ends_with(']');
  std::string_view host = authority.substr(0, has_port ? colon : authority.size());
  if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
  const std::string port(has_port ? authority.substr(colon + 1) : "80");
  if (port.empty()) return bad;
  return HttpUrl{std::string(host), port, target.empty() ? "/" : std::string(target)};
}

Result<HttpResponse> http_post(const HttpPost& post) { return Post(post).run(post.timeout); }

}  // namespace assay
