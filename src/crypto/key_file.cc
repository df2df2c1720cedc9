// Every buffer that held a seed or its digits is wiped before it is released.
#include "crypto/key_file.h"

#include <sodium.h>

#include <algorithm>

#include "base/bytes.h"
#include "base/check.h"
#include "base/file.h"
#include "crypto/sodium_start.h"

namespace assay {
namespace {

static_assert(crypto_sign_SEEDBYTES == 32 && crypto_sign_SECRETKEYBYTES == 64 &&
              crypto_sign_PUBLICKEYBYTES == 32);

constexpr size_t kHexDigits = 64;
constexpr std::string_view kSeedLine = "\nseed ";
constexpr uint64_t kFileBytesMax = 4096;  // enough to recognise a later version

using FileImage = SecretArray<256>;

// All that stands before the public key.
std::string head_of(const KeyFileKind& kind) {
  std::string head(kind.format);
  head += " 1\nalgorithm ";
  head += kind.algorithm;
  head += "\npublic ";
  return head;
}

size_t seed_at(const std::string& head) { return head.size() + kHexDigits + kSeedLine.size(); }
size_t file_bytes(const std::string& head) { return seed_at(head) + kHexDigits + 1; }

void put(FileImage& image, size_t at, std::string_view text) {
  std::copy(text.begin(), text.end(), image.bytes.begin() + static_cast<std::ptrdiff_t>(at));
}

void put_hex(FileImage& image, size_t at, std::span<const uint8_t, 32> value) {
  SecretArray<kHexDigits + 1> digits;  // sodium_bin2hex also writes a terminating zero
  auto* text = reinterpret_cast<char*>(digits.bytes.data());
  sodium_bin2hex(text, digits.bytes.size(), value.data(), value.size());
  put(image, at, {text, kHexDigits});
}

// The bytes of the file.
ByteSpan render(const std::string& head, const KeyPair& pair, FileImage& image) {
  ASSAY_CHECK(file_bytes(head) <= image.bytes.size());
  const std::span<const uint8_t, 64> both(pair.bytes);
  put(image, 0, head);
  put_hex(image, head.size(), both.last<32>());
  put(image, head.size() + kHexDigits, kSeedLine);
  put_hex(image, seed_at(head), both.first<32>());
  put(image, file_bytes(head) - 1, "\n");
  return ByteSpan(image.bytes).first(file_bytes(head));
}

Status not_a_key_file(const std::string& path, std::string_view reason) {
  return data_loss(path + " is not a usable key file: " + std::string(reason));
}

}  // namespace

KeyPair generate_key_pair() {
  sodium_start();
  SecretArray<32> seed;
  randombytes_buf(seed.bytes.data(), seed.bytes.size());
  return key_pair_from_seed(seed.bytes);
}

KeyPair key_pair_from_seed(std::span<const uint8_t, 32> seed) {
  sodium_start();
  KeyPair pair;
  std::array<uint8_t, 32> ignored;  // the public key, which libsodium also puts behind the seed
  ASSAY_CHECK(crypto_sign_seed_keypair(ignored.data(), pair.bytes.data(), seed.data()) == 0);
  return pair;
}

Result<KeyPair> load_key_file(const std::string& path, const KeyFileKind& kind) {
  sodium_start();
  ASSAY_ASSIGN_OR_RETURN(const auto file, ReadFile::open(path));
  if ((file->permissions() & 077) != 0) {
    return permission_denied(path + " can be read or written by others; run: chmod 600 " + path);
  }
  if (file->size() > kFileBytesMax) return not_a_key_file(path, "it is too long");

  SecretArray<kFileBytesMax> content;
  const std::span<uint8_t> read(content.bytes.data(), file->size());
  ASSAY_RETURN_IF_ERROR(file->read_at(0, read));
  const std::string_view text(reinterpret_cast<const char*>(read.data()), read.size());
  const std::string head = head_of(kind);
  if (!text.starts_with(std::string(kind.format) + ' ')) {
    return not_a_key_file(path,
                          "its first line names another format than " + std::string(kind.format));
  }
  if (!text.starts_with(head)) {
    return not_a_key_file(
        path, "only version 1 with algorithm " + std::string(kind.algorithm) + " is supported");
  }
  if (text.size() != file_bytes(head)) return not_a_key_file(path, "its length is wrong");

  SecretArray<32> seed;
  size_t decoded = 0;
  if (sodium_hex2bin(seed.bytes.data(), seed.bytes.size(), text.data() + seed_at(head), kHexDigits,
                     nullptr, &decoded, nullptr) != 0 ||
      decoded != seed.bytes.size()) {
    return not_a_key_file(path, "the seed is not 64 hexadecimal digits");
  }
  // A key has one spelling: what save_key_file() would write must be what is there. This also
  // checks that the public key belongs to the seed.
  KeyPair pair = key_pair_from_seed(seed.bytes);
  FileImage expected;
  const ByteSpan spelling = render(head, pair, expected);
  if (sodium_memcmp(spelling.data(), read.data(), spelling.size()) != 0) {
    return not_a_key_file(path, "the public key and the seed do not belong together");
  }
  return pair;
}

Status save_key_file(const std::string& path, const KeyFileKind& kind, const KeyPair& pair) {
  ASSAY_CHECK(sodium_is_zero(pair.bytes.data(), pair.bytes.size()) == 0);  // not moved from
  FileImage image;
  const ByteSpan content = render(head_of(kind), pair, image);
  return write_file_atomically(path, content, {.mode = 0600, .exclusive = true});
}

}  // namespace assay
