// Ed25519 through libsodium, and the key file (docs/formats/key-file.md). Every buffer that held
// the seed or the expanded key is wiped before it is released.
#include "crypto/ed25519.h"

#include <sodium.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/check.h"
#include "base/file.h"

namespace assay {
namespace {

static_assert(crypto_sign_SEEDBYTES == 32 && crypto_sign_SECRETKEYBYTES == 64 &&
              crypto_sign_PUBLICKEYBYTES == 32 && crypto_sign_BYTES == 64);

void sodium_start() {
  static const bool started = sodium_init() >= 0;
  ASSAY_CHECK(started);
}

// A buffer on the stack that is wiped when it goes out of scope.
template <size_t N>
struct SecretArray {
  std::array<uint8_t, N> bytes{};
  SecretArray() = default;
  ~SecretArray() { sodium_memzero(bytes.data(), N); }
  SecretArray(const SecretArray&) = delete;
  SecretArray& operator=(const SecretArray&) = delete;
};

constexpr std::string_view kMagic = "assay-signing-key ";
constexpr std::string_view kPublicLine = "assay-signing-key 1\nalgorithm ed25519\npublic ";
constexpr std::string_view kSeedLine = "\nseed ";
constexpr size_t kHexDigits = 64;
constexpr size_t kPublicAt = kPublicLine.size();
constexpr size_t kSeedAt = kPublicAt + kHexDigits + kSeedLine.size();
constexpr size_t kFileBytes = kSeedAt + kHexDigits + 1;
constexpr uint64_t kFileBytesMax = 4096;  // enough to recognise a later version

using FileImage = SecretArray<kFileBytes>;

void put(FileImage& image, size_t at, std::string_view text) {
  std::copy(text.begin(), text.end(), image.bytes.begin() + static_cast<std::ptrdiff_t>(at));
}

void put_hex(FileImage& image, size_t at, std::span<const uint8_t, 32> value) {
  SecretArray<kHexDigits + 1> digits;  // sodium_bin2hex also writes a terminating zero
  auto* text = reinterpret_cast<char*>(digits.bytes.data());
  sodium_bin2hex(text, digits.bytes.size(), value.data(), value.size());
  put(image, at, {text, kHexDigits});
}

// secret: libsodium's layout, seed || public key.
void render(const std::array<uint8_t, 64>& secret, FileImage& image) {
  const std::span<const uint8_t, 64> both(secret);
  put(image, 0, kPublicLine);
  put_hex(image, kPublicAt, both.last<32>());
  put(image, kPublicAt + kHexDigits, kSeedLine);
  put_hex(image, kSeedAt, both.first<32>());
  put(image, kFileBytes - 1, "\n");
}

Status not_a_key_file(const std::string& path, std::string_view reason) {
  return data_loss(path + " is not a usable key file: " + std::string(reason));
}

}  // namespace

SigningKey SigningKey::generate() {
  sodium_start();
  SecretArray<32> seed;
  randombytes_buf(seed.bytes.data(), seed.bytes.size());
  return from_seed(seed.bytes);
}

SigningKey SigningKey::from_seed(std::span<const uint8_t, 32> seed) {
  sodium_start();
  SigningKey key;
  PublicKey ignored;
  ASSAY_CHECK(crypto_sign_seed_keypair(ignored.data(), key.secret_.data(), seed.data()) == 0);
  return key;
}

SigningKey::~SigningKey() { sodium_memzero(secret_.data(), secret_.size()); }

SigningKey::SigningKey(SigningKey&& other) noexcept : secret_(other.secret_) {
  sodium_memzero(other.secret_.data(), other.secret_.size());
}

SigningKey& SigningKey::operator=(SigningKey&& other) noexcept {
  if (this != &other) {
    secret_ = other.secret_;
    sodium_memzero(other.secret_.data(), other.secret_.size());
  }
  return *this;
}

Result<SigningKey> SigningKey::load(const std::string& path) {
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
  if (!text.starts_with(kMagic)) return not_a_key_file(path, "its first line names another format");
  if (!text.starts_with(kPublicLine)) {
    return not_a_key_file(path, "only version 1 with algorithm ed25519 is supported");
  }
  if (text.size() != kFileBytes) return not_a_key_file(path, "its length is wrong");

  SecretArray<32> seed;
  size_t decoded = 0;
  if (sodium_hex2bin(seed.bytes.data(), seed.bytes.size(), text.data() + kSeedAt, kHexDigits,
                     nullptr, &decoded, nullptr) != 0 ||
      decoded != seed.bytes.size()) {
    return not_a_key_file(path, "the seed is not 64 hexadecimal digits");
  }
  // A key has one spelling: what save() would write must be what is there. This also checks that
  // the public key belongs to the seed.
  SigningKey key = from_seed(seed.bytes);
  FileImage expected;
  render(key.secret_, expected);
  if (sodium_memcmp(expected.bytes.data(), read.data(), kFileBytes) != 0) {
    return not_a_key_file(path, "the public key and the seed do not belong together");
  }
  return key;
}

Status SigningKey::save(const std::string& path) const {
  ASSAY_CHECK(sodium_is_zero(secret_.data(), secret_.size()) == 0);  // not moved from
  FileImage image;
  render(secret_, image);
  return write_file_atomically(path, ByteSpan(image.bytes), {.mode = 0600, .exclusive = true});
}

PublicKey SigningKey::public_key() const {
  PublicKey key;
  std::copy(secret_.begin() + 32, secret_.end(), key.begin());
  return key;
}

Signature SigningKey::sign(ByteSpan message) const {
  ASSAY_CHECK(sodium_is_zero(secret_.data(), secret_.size()) == 0);  // not moved from
  Signature signature;
  ASSAY_CHECK(crypto_sign_detached(signature.data(), nullptr, message.data(), message.size(),
                                   secret_.data()) == 0);
  return signature;
}

bool ed25519_verify(const PublicKey& key, ByteSpan message, const Signature& signature) {
  sodium_start();
  return crypto_sign_verify_detached(signature.data(), message.data(), message.size(),
                                     key.data()) == 0;
}

}  // namespace assay
