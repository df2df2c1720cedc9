// assay keygen: a new Ed25519 signing key in a file.
#include "app/commands.h"
#include "crypto/ed25519.h"

namespace assay {

int run_keygen(const KeygenCommand& command, const Console& console) {
  const SigningKey key = SigningKey::generate();
  if (const Status status = key.save(command.path); !status.ok()) {
    print_error(console, "keygen", status.message());
    return status_exit_code(status);
  }
  write_out(to_hex(ByteSpan(key.public_key())) + "\n");
  if (console.err_terminal) {
    write_err("Keep " + printable(console.err, command.path) +
              " secret; the line above is its public key, to give to whoever checks your "
              "certificates.\n");
  }
  return kExitOk;
}

}  // namespace assay
