/* Checks the signatures of bundles.
 *
 * Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *
 * An optional component of the runtime (gem::signature; it needs libsodium):
 *
 *   static const uint8_t kKey[GEM_PUBLIC_KEY_SIZE] = {...};
 *   gem_bundle_options_t options;
 *   gem_bundle_options_init(&options);
 *   options.public_key = kKey;
 *   options.verifier = gem_ed25519_verifier();
 *   gem_bundle_open("model.gemb", &options, &bundle, &error);
 */
#ifndef GEM_SIGNATURE_H
#define GEM_SIGNATURE_H

#include "gem/gem.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Ed25519 (RFC 8032), strictly: encodings that are not canonical and keys of small
 * order are refused. May be used from several threads at once. Never NULL, lives as
 * long as the program. */
GEM_API const gem_verifier_t* gem_ed25519_verifier(void);

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* GEM_SIGNATURE_H */
