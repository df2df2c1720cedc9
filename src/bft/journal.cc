#include "bft/journal.h"

#include <algorithm>
#include <string_view>

#include "base/check.h"
#include "bft/byte_reader.h"

namespace assay::bft {
namespace {

constexpr std::string_view kLogMagic = "assay.bft.log.v1";
constexpr std::string_view kSignMagic = "assay.bft.sign-state.v1";
// Begins a record, so that whole ones can be told behind damage.
constexpr uint32_t kRecordMagic = 0xab0f7a5eU;

// A record: magic u32, length u32, kind u8, check of these (8 bytes); body; link (32 bytes).
constexpr size_t kCheckedBytes = 9;
constexpr size_t kCheckBytes = 8;
constexpr size_t kHeadBytes = kCheckedBytes + kCheckBytes;
constexpr size_t kLinkBytes = 32;
// The beginning of a log: magic, chain, dropped u64, link.
constexpr size_t kLogHeadBytes = kLogMagic.size() + 32 + 8 + kLinkBytes;

Digest first_link(ByteSpan head) {
  return Sha256().update("assay.bft.log-link.v1").update(head).finish();
}

Digest next_link(const Digest& link, uint8_t kind, ByteSpan body) {
  return Sha256()
      .update("assay.bft.log-link.v1")
      .update(ByteSpan(link))
      .update(ByteSpan(&kind, 1))
      .update(body)
      .finish();
}

Bytes make_head(size_t length, uint8_t kind) {
  Bytes head;
  append_le(head, kRecordMagic);
  append_le(head, static_cast<uint32_t>(length));
  head.push_back(kind);
  const Digest check = Sha256().update("assay.bft.log-head.v1").update(ByteSpan(head)).finish();
  head.insert(head.end(), check.begin(), check.begin() + kCheckBytes);
  return head;
}

struct Head {
  size_t length;
  uint8_t kind;
};
// Of the record that begins here, if one does.
std::optional<Head> take_head(ByteSpan rest) {
  if (rest.size() < kHeadBytes || load_le<uint32_t>(rest.data()) != kRecordMagic) {
    return std::nullopt;
  }
  const Head head = {load_le<uint32_t>(rest.data() + 4), rest[8]};
  const Bytes expected = make_head(head.length, head.kind);
  const bool is_sound = std::equal(expected.begin(), expected.end(), rest.begin());
  if (!is_sound || head.length > kMessageBytesMax) return std::nullopt;
  return head;
}

bool has_head_after(ByteSpan rest, size_t at) {
  for (; at + kHeadBytes <= rest.size(); ++at) {
    if (take_head(rest.subspan(at))) return true;
  }
  return false;
}

// Why the next record is not whole; empty when it is, and then it is appended to the contents.
std::string take_record(ByteSpan rest, LogContents& contents) {
  const auto head = take_head(rest);
  if (!head) {
    return rest.size() < kHeadBytes ? "it ends within its head" : "its head is damaged";
  }
  if (head->kind < static_cast<uint8_t>(LogKind::kProposal) ||
      head->kind > static_cast<uint8_t>(LogKind::kSigned)) {
    return "it is of an unknown kind, " + std::to_string(head->kind);
  }
  if (rest.size() < kHeadBytes + head->length + kLinkBytes) return "it ends before its length";
  const ByteSpan body = rest.subspan(kHeadBytes, head->length);
  const ByteSpan stored = rest.subspan(kHeadBytes + head->length, kLinkBytes);
  const Digest link = next_link(contents.end.link, head->kind, body);
  if (!std::equal(link.begin(), link.end(), stored.begin())) return "its bytes are damaged";
  contents.offsets.push_back(contents.bytes);
  contents.records.push_back({LogKind{head->kind}, Bytes(body.begin(), body.end())});
  contents.end = {link, contents.end.records + 1};
  contents.bytes += kHeadBytes + head->length + kLinkBytes;
  return {};
}

}  // namespace

LogRecord signed_mark(uint64_t generation) {
  LogRecord record = {LogKind::kSigned, {}};
  append_le(record.body, generation);
  return record;
}

Result<uint64_t> decode_signed_mark(const LogRecord& record) {
  ByteReader in(record.body);
  const auto generation = in.integer<uint64_t>();
  ASSAY_RETURN_IF_ERROR(in.finish());
  return generation;
}

Bytes begin_log(const Digest& chain, uint64_t dropped, LogEnd& end) {
  Bytes out;
  append_bytes(out, as_bytes(kLogMagic));
  append_bytes(out, chain);
  append_le(out, dropped);
  end = {first_link(out), dropped};
  append_bytes(out, end.link);
  return out;
}

void append_record(Bytes& log, const LogRecord& record, LogEnd& end) {
  ASSAY_CHECK(record.body.size() <= kMessageBytesMax);
  const auto kind = static_cast<uint8_t>(record.kind);
  end = {next_link(end.link, kind, record.body), end.records + 1};
  append_bytes(log, make_head(record.body.size(), kind));
  append_bytes(log, record.body);
  append_bytes(log, end.link);
}

Result<LogContents> read_log(ByteSpan log, const ReadLogOptions& options) {
  LogContents contents;
  const ByteSpan magic = as_bytes(kLogMagic);
  const bool begins = log.size() >= kLogHeadBytes &&
                      std::equal(magic.begin(), magic.end(), log.begin()) &&
                      std::ranges::equal(first_link(log.first(kLogHeadBytes - kLinkBytes)),
                                         log.subspan(kLogHeadBytes - kLinkBytes, kLinkBytes));
  if (!begins) {
    return data_loss(
        "the log does not begin as one: byte 0 to " + std::to_string(kLogHeadBytes) +
        " are missing or damaged. Put the file back, or move it away and start without it: blocks "
        "are fetched from the others, and the sign state keeps this validator from signing twice");
  }
  if (!std::ranges::equal(options.chain, log.subspan(magic.size(), 32))) {
    return failed_precondition("the log is of chain " + to_hex(log.subspan(magic.size(), 32)) +
                               ", not of " + to_hex(options.chain) +
                               ": this is another network's directory");
  }
  contents.dropped = load_le<uint64_t>(log.data() + magic.size() + 32);
  contents.end = {first_link(log.first(kLogHeadBytes - kLinkBytes)), contents.dropped};
  contents.bytes = kLogHeadBytes;
  while (contents.bytes < log.size()) {
    const size_t at = contents.bytes;
    const std::string why = take_record(log.subspan(at), contents);
    if (why.empty()) continue;
    const bool was_durable = contents.end.records < options.records_durable;
    const bool others_follow = has_head_after(log.subspan(at), 1);
    contents.cut = "record " + std::to_string(contents.end.records) + " of the log, at byte " +
                   std::to_string(at) + " of " + std::to_string(log.size()) + ", is not whole (" +
                   why + ")";
    if ((was_durable || others_follow) && !options.repairs) {
      return data_loss(
          contents.cut + (others_follow ? ", and others follow it" : ", but it was once") +
          ": a crash does not leave that. Nothing was changed. Put the file back, or start once "
          "with the log repaired: it is cut there, the blocks from there on are fetched from the "
          "others, and the sign state keeps this validator from signing twice");
    }
    break;
  }
  return contents;
}

Bytes encode_sign_file(const SignFile& file) {
  Bytes out;
  append_bytes(out, as_bytes(kSignMagic));
  append_bytes(out, file.chain);
  append_bytes(out, file.own);
  append_le(out, file.generation);
  append_le(out, file.log_records);
  append_le(out, file.observe_until);
  append_sized(out, file.state.encode());
  append_bytes(out, sha256(out));
  return out;
}

Result<SignFile> decode_sign_file(ByteSpan bytes) {
  constexpr size_t kSumBytes = 32;
  const ByteSpan magic = as_bytes(kSignMagic);
  if (bytes.size() < magic.size() + kSumBytes ||
      !std::equal(magic.begin(), magic.end(), bytes.begin())) {
    return data_loss("it does not begin as a sign state");
  }
  const ByteSpan content = bytes.first(bytes.size() - kSumBytes);
  if (!std::ranges::equal(sha256(content), bytes.last(kSumBytes))) {
    return data_loss("its bytes are damaged");
  }
  ByteReader in(content.subspan(magic.size()));
  SignFile file;
  file.chain = in.array<32>();
  file.own = in.array<32>();
  file.generation = in.integer<uint64_t>();
  file.log_records = in.integer<uint64_t>();
  file.observe_until = in.integer<Height>();
  const Bytes state = in.sized("bytes of a sign state", kMessageBytesMax);
  ASSAY_RETURN_IF_ERROR(in.finish());
  ASSAY_ASSIGN_OR_RETURN(file.state, SignState::decode(state));
  return file;
}

}  // namespace assay::bft
