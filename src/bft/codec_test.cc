#include "bft/codec.h"

#include <gtest/gtest.h>

#include "base/prng.h"
#include "bft/bft_testing.h"

namespace assay::bft {
namespace {

// Values with every field set to something random, by seed.
class Maker {
 public:
  explicit Maker(uint64_t seed) : prng_(seed) {}

  template <size_t N>
  std::array<uint8_t, N> array() {
    std::array<uint8_t, N> out;
    for (uint8_t& b : out) b = static_cast<uint8_t>(prng_.next());
    return out;
  }
  bool flag() { return prng_.below(2) == 1; }
  Bytes bytes(size_t max) {
    Bytes out(prng_.below(max + 1));
    for (uint8_t& b : out) b = static_cast<uint8_t>(prng_.next());
    return out;
  }
  Statement statement() {
    return {static_cast<Phase>(prng_.below(kPhaseMax + 1)), prng_.next(),
            static_cast<View>(prng_.next()), static_cast<View>(prng_.next()), array<32>()};
  }
  std::optional<VrfProof> draw() { return flag() ? std::optional(array<80>()) : std::nullopt; }
  Vote vote() {
    return {statement(), static_cast<ValidatorIndex>(prng_.next()), array<64>(), draw()};
  }
  Certificate certificate() {
    Certificate out;
    out.statement = statement();
    if (flag()) out.holder = static_cast<ValidatorIndex>(prng_.next());
    out.votes.resize(prng_.below(5));
    for (auto& v : out.votes) v = {static_cast<ValidatorIndex>(prng_.next()), array<64>(), draw()};
    return out;
  }
  Header header() {
    Header out;
    out.chain = array<32>();
    out.height = prng_.next();
    out.epoch = prng_.next();
    out.view = static_cast<View>(prng_.next());
    out.proposer = static_cast<ValidatorIndex>(prng_.next());
    out.parent = array<32>();
    out.payload = array<32>();
    out.validators = array<32>();
    out.next_validators = array<32>();
    out.seed = array<32>();
    out.vrf = draw();
    return out;
  }
  Transaction transaction() {
    return {static_cast<TransactionKind>(prng_.below(3)), array<32>(), bytes(100)};
  }
  Message message(size_t kind) {
    switch (kind) {
      case 0: {
        ProposalMessage m{header(), vote(), {}, {}};
        if (flag()) {
          m.justification = Justification{{vote(), vote()}, {}};
          if (flag()) m.justification->prepared = certificate();
        }
        if (flag()) m.parent = certificate();
        return m;
      }
      case 1: {
        VoteMessage m{vote(), {}};
        if (flag()) m.proposal = vote();
        return m;
      }
      case 2: {
        NewLeaderMessage m{vote(), {}, {}};
        if (flag()) m.prepared = certificate();
        if (flag()) m.header = header();
        return m;
      }
      case 3:
        return PayloadRequest{array<32>()};
      case 4:
        return PayloadMessage{bytes(1000)};
      case 5:
        return BlockRequest{prng_.next()};
      case 6:
        return BlocksMessage{{{{header(), bytes(50)}, certificate()}}};
      case 7:
        return EvidenceMessage{{prng_.next(), vote(), vote()}};
      case 8:
        return TransactionsMessage{{transaction(), transaction()}};
      default:
        return StatusMessage{prng_.next(), static_cast<View>(prng_.next())};
    }
  }

 private:
  Prng prng_;
};

TEST(Codec, EveryMessageComesBackFromItsOneEncoding) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    for (size_t kind = 0; kind < std::variant_size_v<Message>; ++kind) {
      const Message message = Maker(seed).message(kind);
      const Bytes bytes = encode_message(message);
      const auto back = decode_message(bytes);
      ASSERT_TRUE(back.ok()) << back.status().message();
      EXPECT_EQ(back->index(), kind);
      EXPECT_EQ(encode_message(*back), bytes);
    }
  }
}

TEST(Codec, NoPrefixAndNothingLongerIsAMessage) {
  for (size_t kind = 0; kind < std::variant_size_v<Message>; ++kind) {
    Bytes bytes = encode_message(Maker(7).message(kind));
    for (size_t size = 0; size < bytes.size(); ++size) {
      EXPECT_FALSE(decode_message(ByteSpan(bytes).first(size)).ok()) << kind << " " << size;
    }
    bytes.push_back(0);
    EXPECT_FALSE(decode_message(bytes).ok()) << kind;
  }
}

TEST(Codec, EveryBitMatters) {
  // What still decodes after a bit was turned encodes to the turned bytes: nothing is ignored.
  for (size_t kind = 0; kind < std::variant_size_v<Message>; ++kind) {
    const Bytes bytes = encode_message(Maker(11).message(kind));
    for (size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
      Bytes turned = bytes;
      turned[bit / 8] = static_cast<uint8_t>(turned[bit / 8] ^ (1U << (bit % 8)));
      const auto message = decode_message(turned);
      if (!message.ok()) continue;
      EXPECT_EQ(encode_message(*message), turned) << kind << " " << bit;
    }
  }
}

TEST(Codec, CountsThatTheRestCannotHoldAreRefusedBeforeAllocating) {
  Bytes bytes = {kCodecVersion, 8};  // transactions
  append_le(bytes, uint32_t{0xffffffff});
  EXPECT_EQ(decode_message(bytes).status().code(), Code::kDataLoss);
  bytes = {kCodecVersion, 4};  // a payload
  append_le(bytes, uint32_t{kPayloadBytesMax + 1});
  bytes.resize(bytes.size() + kPayloadBytesMax + 1);
  EXPECT_NE(decode_message(bytes).status().message().find("too many"), std::string::npos);
  EXPECT_FALSE(decode_message(Bytes{kCodecVersion + 1, 9}).ok());
  EXPECT_FALSE(decode_message(Bytes{kCodecVersion, 10}).ok());
}

TEST(Codec, ASignatureCoversChainEpochAndEveryFieldOfTheStatement) {
  Maker maker(3);
  const Statement statement = maker.statement();
  const Digest chain = maker.array<32>();
  const Bytes bytes = signing_bytes(chain, 5, statement);
  EXPECT_NE(signing_bytes(maker.array<32>(), 5, statement), bytes);
  EXPECT_NE(signing_bytes(chain, 6, statement), bytes);
  for (int field = 0; field < 5; ++field) {
    Statement changed = statement;
    if (field == 0) changed.phase = static_cast<Phase>((static_cast<int>(changed.phase) + 1) % 5);
    if (field == 1) ++changed.height;
    if (field == 2) ++changed.view;
    if (field == 3) ++changed.prepared;
    if (field == 4) changed.digest[0] ^= 1;
    EXPECT_NE(signing_bytes(chain, 5, changed), bytes) << field;
  }
}

}  // namespace
}  // namespace assay::bft
