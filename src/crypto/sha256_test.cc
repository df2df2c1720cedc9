#include "crypto/sha256.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace assay {
namespace {

Bytes repeated(uint8_t value, size_t count) { return Bytes(count, value); }

TEST(Sha256, MatchesTheNistExamples) {
  // FIPS 180-2 appendix B and the "long message" of the NIST example values.
  EXPECT_EQ(to_hex(sha256("")), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(to_hex(sha256("abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(to_hex(sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(to_hex(sha256("abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmn"
                          "hijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu")),
            "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1");
  EXPECT_EQ(to_hex(sha256(std::string(1000000, 'a'))),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, HowTheInputIsCutDoesNotMatter) {
  // Every length around the block and padding borders, every cut into two.
  std::string text;
  for (size_t n = 0; n <= 130; ++n) {
    const Digest whole = sha256(text);
    for (size_t cut = 0; cut <= n; ++cut) {
      Sha256 hasher;
      hasher.update(std::string_view(text).substr(0, cut));
      hasher.update(std::string_view(text).substr(cut));
      ASSERT_EQ(hasher.finish(), whole) << n << " bytes cut at " << cut;
    }
    text.push_back(static_cast<char>('0' + n % 75));
  }
}

TEST(Sha256, IsAsNewAfterFinish) {
  Sha256 hasher;
  hasher.update("something").finish();
  EXPECT_EQ(hasher.finish(), sha256(""));
  EXPECT_EQ(hasher.update("abc").finish(), sha256("abc"));
}

TEST(Sha256, MovedObjectContinuesItsMessage) {
  Sha256 first;
  first.update("ab");
  Sha256 second = std::move(first);
  EXPECT_EQ(second.update("c").finish(), sha256("abc"));
  first = Sha256();
  EXPECT_EQ(first.update("abc").finish(), sha256("abc"));
}

TEST(Sha256, ThreadsDoNotDisturbEachOther) {
  const Digest expected = sha256("abc");
  std::vector<int> wrong(4, 0);
  std::vector<std::thread> threads;
  for (size_t i = 0; i < wrong.size(); ++i) {
    threads.emplace_back([&wrong, &expected, i] {
      for (int k = 0; k < 1000; ++k) wrong[i] += sha256("abc") == expected ? 0 : 1;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, std::vector<int>(4, 0));
}

TEST(HmacSha256, MatchesRfc4231) {
  struct Case {
    Bytes key;
    Bytes message;
    std::string mac;  // test case 5 publishes the first 128 bits only
  };
  const auto text = [](std::string_view s) { return Bytes(s.begin(), s.end()); };
  Bytes counting;
  for (uint8_t i = 1; i <= 25; ++i) counting.push_back(i);
  const std::vector<Case> cases = {
      {repeated(0x0b, 20), text("Hi There"),
       "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
      {text("Jefe"), text("what do ya want for nothing?"),
       "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
      {repeated(0xaa, 20), repeated(0xdd, 50),
       "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
      {counting, repeated(0xcd, 50),
       "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"},
      {repeated(0x0c, 20), text("Test With Truncation"), "a3b6167473100ee06e0c796c2955552b"},
      {repeated(0xaa, 131), text("Test Using Larger Than Block-Size Key - Hash Key First"),
       "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
      {repeated(0xaa, 131),
       text("This is a test using a larger than block-size key and a larger than block-size data. "
            "The key needs to be hashed before being used by the HMAC algorithm."),
       "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"},
  };
  for (size_t i = 0; i < cases.size(); ++i) {
    const std::string mac = to_hex(hmac_sha256(cases[i].key, cases[i].message));
    EXPECT_EQ(mac.substr(0, cases[i].mac.size()), cases[i].mac) << "test case " << i + 1;
  }
}

TEST(HmacSha256, KeyOfOneBlockIsNotHashed) {
  // 64 bytes is the longest key that enters as it is; a zero byte more or less at the end of a
  // shorter key changes nothing (RFC 2104 pads with zeros), one byte beyond the block does.
  const Bytes block = repeated(0x61, 64);
  Bytes longer = block;
  longer.push_back(0);
  EXPECT_NE(hmac_sha256(block, as_bytes("m")), hmac_sha256(longer, as_bytes("m")));
  EXPECT_EQ(hmac_sha256(repeated(0x61, 3), as_bytes("m")),
            hmac_sha256(Bytes{0x61, 0x61, 0x61, 0}, as_bytes("m")));
}

}  // namespace
}  // namespace assay
