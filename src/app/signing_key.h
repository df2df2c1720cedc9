// The key that signs certificates: the one the user names, or the user's own, made on first use.
// Tested in signing_key_test.cc.
#pragma once

#include <string>

#include "app/console.h"
#include "base/result.h"
#include "crypto/ed25519.h"

namespace assay {

// $XDG_CONFIG_HOME/assay/signing.key, else ~/.config/assay/signing.key.
// Errors: FAILED_PRECONDITION when neither XDG_CONFIG_HOME nor HOME is set to an absolute path.
Result<std::string> default_signing_key_path(const Environment& environment);

struct OpenedKey {
  SigningKey key;
  std::string path;
  bool made = false;  // it did not exist before
};
// path empty: the default one, made with its folders when it does not exist. A path that was given
// must exist. Errors: those of SigningKey::load and save.
Result<OpenedKey> open_signing_key(const std::string& path, const Environment& environment);

}  // namespace assay
