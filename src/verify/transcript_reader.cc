// The reader of transcript files: one pass, in order, nothing believed before it is checked.
#include <algorithm>

#include "base/file.h"
#include "base/json_fields.h"
#include "verify/session.h"
#include "verify/transcript_file.h"
#include "verify/transcript_format.h"

namespace assay {
namespace {

using namespace transcript_format;

std::string_view kind_name(RecordKind kind) {
  switch (kind) {
    case RecordKind::kHeader:
      return "header";
    case RecordKind::kChallenge:
      return "challenge";
    case RecordKind::kObservation:
      return "observation";
    case RecordKind::kUnused:
      return "unused commitments";
    case RecordKind::kFooter:
      return "footer";
  }
  return "unknown";
}

// Walks the payload of one record. Reads past the end give zeros and clear ok().
class PayloadReader {
 public:
  explicit PayloadReader(ByteSpan bytes) : bytes_(bytes) {}
  template <typename T>
  T take() {
    if (bytes_.size() < sizeof(T)) {
      ok_ = false;
      return T{};
    }
    const T value = load_le<T>(bytes_.data());
    bytes_ = bytes_.subspan(sizeof(T));
    return value;
  }
  size_t left() const { return bytes_.size(); }
  bool complete() const { return ok_ && bytes_.empty(); }

 private:
  ByteSpan bytes_;
  bool ok_ = true;
};

class Parser {
 public:
  Parser(ByteSpan bytes, std::string_view source) : bytes_(bytes), source_(source) {}

  Result<Transcript> parse() {
    if (bytes_.size() < kMagic.size() ||
        !std::equal(kMagic.begin(), kMagic.end(), bytes_.begin())) {
      return data_loss(source_ + ": not a transcript: it does not start with \"" +
                       std::string(kSchema) + "\"");
    }
    at_ = kMagic.size();
    link_ = sha256(kMagic);
    ASSAY_RETURN_IF_ERROR(next());
    if (kind_ != RecordKind::kHeader) return unexpected("the header");
    ASSAY_RETURN_IF_ERROR(header());
    ASSAY_RETURN_IF_ERROR(next());
    while (kind_ == RecordKind::kChallenge) ASSAY_RETURN_IF_ERROR(challenge());
    while (kind_ == RecordKind::kUnused) ASSAY_RETURN_IF_ERROR(unused());
    if (kind_ != RecordKind::kFooter) return unexpected("a challenge or the footer");
    ASSAY_RETURN_IF_ERROR(footer());
    if (at_ != bytes_.size()) return bad("bytes after the footer");
    return std::move(out_);
  }

 private:
  Status bad(const std::string& why) const {
    return data_loss(source_ + ": record " + std::to_string(index_) + " (" +
                     std::string(kind_name(kind_)) + ") at byte " + std::to_string(start_) + ": " +
                     why);
  }
  Status unexpected(const std::string& expected) const {
    return bad("expected " + expected + " here");
  }

  // Moves to the next record and checks its link.
  Status next() {
    start_ = at_;
    index_ = records_++;
    kind_ = RecordKind{0};
    if (at_ == bytes_.size()) return bad("the file ends without a footer: the run was cut off");
    if (bytes_.size() - at_ < kRecordHeadBytes) return bad("the file ends inside a record");
    const size_t length = load_le<uint32_t>(bytes_.data() + at_);
    const uint8_t kind = bytes_[at_ + 4];
    if (kind < static_cast<uint8_t>(RecordKind::kHeader) ||
        kind > static_cast<uint8_t>(RecordKind::kFooter)) {
      return bad("unknown kind " + std::to_string(kind));
    }
    kind_ = RecordKind{kind};
    if (length > kPayloadMax) {
      return bad("a length of " + std::to_string(length) + " bytes; at most " +
                 std::to_string(kPayloadMax));
    }
    if (bytes_.size() - at_ - kRecordHeadBytes < length + kLinkBytes) {
      return bad("the file ends inside a record");
    }
    payload_ = bytes_.subspan(at_ + kRecordHeadBytes, length);
    const ByteSpan stored = bytes_.subspan(at_ + kRecordHeadBytes + length, kLinkBytes);
    link_ = next_link(link_, kind_, payload_);
    if (!std::equal(stored.begin(), stored.end(), link_.begin())) {
      return bad("the hash chain does not hold: this record or its place was changed");
    }
    at_ += kRecordHeadBytes + length + kLinkBytes;
    return ok_status();
  }

  Result<Json> json_payload() const {
    const std::string_view text(reinterpret_cast<const char*>(payload_.data()), payload_.size());
    ASSAY_ASSIGN_OR_RETURN(Json json,
                           parse_json(text, source_ + ": " + std::string(kind_name(kind_)),
                                      {.depth_max = 4, .bytes_max = kPayloadMax}));
    if (has_float(json)) return bad("a number that is not an integer");
    if (canonical_json(json) != text) return bad("not canonical JSON");
    return json;
  }
  static bool has_float(const Json& json) {
    if (json.is_number_float()) return true;
    if (!json.is_structured()) return false;
    return std::any_of(json.begin(), json.end(), [](const Json& v) { return has_float(v); });
  }

  Status identity(const Json& json, std::string path, RunIdentity& run) const {
    JsonFields fields(json, std::move(path));
    run.model = fields.digest("canonical_digest");
    run.tokenizer = fields.digest("tokenizer_digest");
    return fields.finish();
  }

  Status header() {
    ASSAY_ASSIGN_OR_RETURN(const Json json, json_payload());
    TranscriptRecords& records = out_.records;
    JsonFields fields(json, source_ + ": header");
    if (fields.text("schema", kTextMax) != kSchema) fields.fail("schema", "another schema");
    records.a.profile = records.b.profile = fields.text("profile", kTextMax);
    records.run_id = fields.text("run_id", kTextMax);
    stated_set_root_ = fields.digest("challenge_set_root");
    fields.adopt(identity(fields.object("model_a"), fields.path_of("model_a"), records.a));
    fields.adopt(identity(fields.object("model_b"), fields.path_of("model_b"), records.b));
    for (const Json& entry : fields.array("sites", kTranscriptSitesMax)) {
      JsonFields site(entry, fields.path_of("sites"));
      records.sites.push_back({.name = site.text("name", kTranscriptSiteNameMax),
                               .in_a = site.flag("in_a"),
                               .in_b = site.flag("in_b")});
      fields.adopt(site.finish());
    }
    ASSAY_RETURN_IF_ERROR(fields.finish());
    sites_a_ = sites_of(records, Side::kA);
    sites_b_ = sites_of(records, Side::kB);
    return as_data_loss(check_shape(records));
  }

  Status challenge() {
    PayloadReader reader(payload_);
    TranscriptChallenge challenge;
    challenge.seed = reader.take<Digest>();
    challenge.commitment = reader.take<Digest>();
    challenge.tv = reader.take<Fixed>();
    challenge.scored = reader.take<uint32_t>();
    const size_t tokens = reader.take<uint32_t>();
    if (tokens > kTranscriptTokensMax || reader.left() != tokens * sizeof(uint32_t)) {
      return bad("its length does not fit its number of tokens");
    }
    for (size_t i = 0; i < tokens; ++i) challenge.tokens.push_back(reader.take<uint32_t>());
    if (!reader.complete()) return bad("too short");
    const size_t index = out_.records.challenges.size();
    if (index >= kChallengesMax) return bad("too many challenges");
    ASSAY_RETURN_IF_ERROR(as_data_loss(check_challenge(challenge, index)));
    ASSAY_RETURN_IF_ERROR(observations(index, Side::kA, sites_a_, challenge.a));
    ASSAY_RETURN_IF_ERROR(observations(index, Side::kB, sites_b_, challenge.b));
    out_.records.challenges.push_back(std::move(challenge));
    return next();
  }

  // The records of one side of one challenge; leaves the parser at the last of them.
  Status observations(size_t challenge, Side side, size_t sites,
                      std::vector<TranscriptObservation>& out) {
    for (size_t site = 0; site < sites; ++site) {
      ASSAY_RETURN_IF_ERROR(next());
      if (kind_ != RecordKind::kObservation) {
        return unexpected("the observation of challenge " + std::to_string(challenge) + ", side " +
                          (side == Side::kA ? "a" : "b") + ", site " + std::to_string(site));
      }
      PayloadReader reader(payload_);
      const auto at_challenge = reader.take<uint32_t>();
      const auto at_side = reader.take<uint8_t>();
      const auto at_site = reader.take<uint32_t>();
      TranscriptObservation seen;
      seen.activation = reader.take<Digest>();
      seen.sketch = reader.take<Sketch>();
      if (!reader.complete()) return bad("its length is not that of an observation");
      if (at_challenge != challenge || at_side != static_cast<uint8_t>(side) || at_site != site) {
        return bad("out of order");
      }
      out.push_back(seen);
    }
    return ok_status();
  }

  Status unused() {
    if (payload_.empty() || payload_.size() % sizeof(Digest) != 0 ||
        payload_.size() / sizeof(Digest) > kUnusedPerRecord) {
      return bad("its length is not that of a list of commitments");
    }
    PayloadReader reader(payload_);
    while (reader.left() > 0) {
      out_.records.unused_commitments.push_back(reader.take<Digest>());
    }
    if (out_.records.challenges.size() + out_.records.unused_commitments.size() > kChallengesMax) {
      return bad("too many challenges");
    }
    return next();
  }

  Status footer() {
    ASSAY_ASSIGN_OR_RETURN(const Json json, json_payload());
    JsonFields fields(json, source_ + ": footer");
    const uint64_t challenges = fields.number("challenges", kChallengesMax);
    const Digest root_a = fields.digest("root_a");
    const Digest root_b = fields.digest("root_b");
    ASSAY_RETURN_IF_ERROR(fields.finish());
    if (challenges != out_.records.challenges.size()) {
      return bad("it states " + std::to_string(challenges) + " challenges; the file holds " +
                 std::to_string(out_.records.challenges.size()));
    }
    out_.roots = transcript_roots(out_.records);
    if (out_.roots.evidence.challenge_set_root != stated_set_root_) {
      return bad("the challenge set root of the header does not follow from the commitments");
    }
    if (out_.roots.root_a != root_a) return bad("root_a does not follow from the observations");
    if (out_.roots.root_b != root_b) return bad("root_b does not follow from the observations");
    return ok_status();
  }

  Status as_data_loss(const Status& status) const {
    return status.ok() ? status : bad(status.message());
  }

  ByteSpan bytes_;
  std::string source_;
  size_t at_ = 0;
  size_t start_ = 0;
  size_t index_ = 0;
  size_t records_ = 0;
  RecordKind kind_ = RecordKind::kHeader;
  ByteSpan payload_;
  Digest link_{};
  Digest stated_set_root_{};
  size_t sites_a_ = 0;
  size_t sites_b_ = 0;
  Transcript out_;
};

}  // namespace

Result<Transcript> parse_transcript(ByteSpan bytes, std::string_view source) {
  return Parser(bytes, source).parse();
}

Result<Transcript> read_transcript(const std::string& path) {
  ASSAY_ASSIGN_OR_RETURN(const Bytes bytes, read_whole_file(path, kTranscriptBytesMax));
  return parse_transcript(bytes, path);
}

}  // namespace assay
