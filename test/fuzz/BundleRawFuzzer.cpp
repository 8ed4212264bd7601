// Fuzz target: a bundle as it is, signature included.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "gem/gem.h"
#include "runtime/schema/Preamble.h"
#include "test/fuzz/FuzzTarget.h"
#include "test/runtime/BundleRunner.h"
#include "test/runtime/GuardedMemory.h"

namespace {

// Volatile, so that they are read although nothing uses them.
void ReadAll(const volatile uint8_t* bytes, size_t size) {
  for (size_t i = 0; i < size; ++i) (void)bytes[i];
}

// A verifier that looks at all it is given and accepts signatures that begin with 1.
int32_t Verify(void*, const uint8_t signature[GEM_SIGNATURE_SIZE], const void* message, size_t size,
               const uint8_t public_key[GEM_PUBLIC_KEY_SIZE]) {
  ReadAll(static_cast<const uint8_t*>(message), size);
  ReadAll(signature, GEM_SIGNATURE_SIZE);
  ReadAll(public_key, GEM_PUBLIC_KEY_SIZE);
  return signature[0] == 1;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace gem::test;
  RunOptions run;
  run.operation_limit = 2'000'000;
  RunBundle({data, size}, run);

  const GuardedBlock file = GuardedCopy({data, size}, gem::kSegmentAlignment);
  const gem_verifier_t verifier = {nullptr, Verify};
  const uint8_t key[GEM_PUBLIC_KEY_SIZE] = {};
  gem_bundle_options_t options;
  gem_bundle_options_init(&options);
  options.public_key = key;
  options.verifier = &verifier;
  for (const gem_hash_check_t check : {GEM_HASH_PROGRAM, GEM_HASH_ALL, GEM_HASH_LAZY}) {
    options.hash_check = check;
    gem_bundle_t* bundle = nullptr;
    gem_error_t error;
    const gem_status_t status =
        gem_bundle_open_memory(file.data(), file.size(), &options, &bundle, &error);
    FUZZ_CHECK((status == GEM_STATUS_OK) == (bundle != nullptr), error.message);
    gem_bundle_close(bundle);
  }
  return 0;
}
