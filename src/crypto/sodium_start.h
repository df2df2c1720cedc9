#pragma once

namespace assay {

// Starts libsodium, once; every entry of this module that uses it calls this first. Threads: safe.
void sodium_start();

}  // namespace assay
