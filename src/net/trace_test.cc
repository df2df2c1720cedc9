#include "net/trace.h"

#include <gtest/gtest.h>

#include <mutex>

namespace assay {
namespace {

struct KeepingSink : SpanSink {
  void accept(FinishedSpan span) override { spans.push_back(std::move(span)); }
  std::vector<FinishedSpan> spans;
};

TEST(TraceTest, RecordsATreeOfSpans) {
  const auto sink = std::make_shared<KeepingSink>();
  const Tracer tracer({.sink = sink});
  const TraceContext remote =
      *parse_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
  {
    Span request = tracer.start("POST /score", remote, SpanKind::kServer);
    request.set("tokens", int64_t{5});
    Span compute = tracer.start("compute", request.context());
    compute.set_error("out of memory");
    compute.end();
    compute.end();
    compute.set("late", true);
  }
  ASSERT_EQ(sink->spans.size(), 2u);
  const FinishedSpan& compute = sink->spans[0];
  const FinishedSpan& request = sink->spans[1];
  EXPECT_EQ(request.name, "POST /score");
  EXPECT_EQ(request.kind, SpanKind::kServer);
  EXPECT_EQ(request.parent_span_id, remote.span_id);
  EXPECT_EQ(request.context.trace_id, remote.trace_id);
  EXPECT_EQ(request.attributes.size(), 1u);
  EXPECT_EQ(compute.parent_span_id, request.context.span_id);
  EXPECT_EQ(compute.status, SpanStatus::kError);
  EXPECT_TRUE(compute.attributes.empty());
  EXPECT_LE(request.start_unix_ns, compute.start_unix_ns);
  EXPECT_LE(compute.end_unix_ns - compute.start_unix_ns,
            request.end_unix_ns - request.start_unix_ns);
}

TEST(TraceTest, RecordsNothingWithoutASinkOrASample) {
  const TraceContext unsampled =
      *parse_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00");
  const Span off = Tracer().start("a", {});
  EXPECT_FALSE(off.recording());
  EXPECT_TRUE(off.context().valid()) << "still there to be handed on";
  EXPECT_FALSE(off.context().sampled);
  const auto sink = std::make_shared<KeepingSink>();
  EXPECT_FALSE(Tracer({.sink = sink}).start("a", unsampled).recording());
  EXPECT_FALSE(Tracer({.sink = sink, .sample_ratio = 0}).start("a", {}).recording());
  EXPECT_TRUE(sink->spans.empty());
}

TEST(TraceTest, SamplesTheRatioAskedFor) {
  const auto sink = std::make_shared<KeepingSink>();
  const Tracer tracer({.sink = sink, .sample_ratio = 0.25});
  for (int i = 0; i < 4000; ++i) tracer.start("a", {});
  // Binomial(4000, 1/4): six standard deviations are 164.
  EXPECT_GT(sink->spans.size(), 836u);
  EXPECT_LT(sink->spans.size(), 1164u);
}

TEST(TraceTest, KeepsSecretsAndFloodsOut) {
  const auto sink = std::make_shared<KeepingSink>();
  {
    Span span = Tracer({.sink = sink}).start("a", {});
    span.set("authorization", std::string("S3CRET"));
    span.set("header", std::string("Bearer S3CRET"));
    span.set_error("password=S3CRET");
    span.set("long", std::string(100'000, 'x'));
    for (int i = 0; i < 1000; ++i) span.set("n", int64_t{i});
  }
  const FinishedSpan& span = sink->spans.at(0);
  EXPECT_EQ(span.attributes.size(), Span::kAttributesMax);
  EXPECT_EQ(span.message, "password=[redacted]");
  for (const auto& [key, value] : span.attributes) {
    if (const auto* text = std::get_if<std::string>(&value)) {
      EXPECT_EQ(text->find("S3CRET"), std::string::npos);
      EXPECT_LE(text->size(), Span::kTextBytesMax);
    }
  }
}

}  // namespace
}  // namespace assay
