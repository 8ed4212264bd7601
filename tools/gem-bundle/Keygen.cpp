// gem-bundle keygen: a pair of keys to sign bundles with.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <sodium.h>
#include <unistd.h>

#include <CLI/CLI.hpp>

#include "tools/common/KeyFile.h"
#include "tools/gem-bundle/Commands.h"

namespace gem::bundle {
namespace {

bool WritePair(const std::string& secret_path, const std::string& public_path, std::string* error) {
  tools::PublicKey public_key;
  tools::SecretKey secret_key;
  static_assert(sizeof(public_key) == crypto_sign_PUBLICKEYBYTES);
  static_assert(sizeof(secret_key) == crypto_sign_SECRETKEYBYTES);
  if (sodium_init() < 0) {
    *error = "libsodium cannot be used: the system gives no random numbers";
    return false;
  }
  crypto_sign_keypair(public_key.data(), secret_key.data());
  const bool written = tools::WriteKeyPair(secret_path, secret_key, public_path, public_key, error);
  sodium_memzero(secret_key.data(), secret_key.size());
  return written;
}

}  // namespace

int RunKeygen(int argc, const char* const* argv) {
  CLI::App app;
  tools::CommonOptions common;
  std::string name = "key";
  bool force = false;
  SetUp(app, "keygen",
        "makes a pair of Ed25519 keys: NAME.sec signs bundles and stays where they are built, "
        "NAME.pub goes into the application",
        "[-o NAME]", {"gem-bundle keygen", "gem-bundle keygen -o keys/release"}, &common);
  app.add_option("-o,--output", name, "what the files are called (default: key)")
      ->type_name("NAME")
      ->group("Output");
  app.add_flag("--force", force,
               "replace keys that are there: what they signed stays signed by them")
      ->group("Output");
  if (const std::optional<int> code = tools::ParseCommandLine(app, argc, argv)) return *code;
  if (name.empty()) return Wrong("keygen", "--output: expected a name, but got an empty one");

  const std::string secret_path = name + ".sec", public_path = name + ".pub";
  for (const std::string& path : {secret_path, public_path}) {
    if (!force && access(path.c_str(), F_OK) == 0) {
      return End({edit::Problem::Kind::kFailed,
                  "'" + path +
                      "' is there already, and a key that is replaced is lost; choose "
                      "another name with -o NAME, or give --force"});
    }
  }
  std::string error;
  if (!WritePair(secret_path, public_path, &error)) {
    return End({edit::Problem::Kind::kFailed, error});
  }
  if (common.quiet) return tools::kExitOk;
  return Print(secret_path + ": the secret key; keep it to yourself\n" + public_path +
               ": the public key\n");
}

}  // namespace gem::bundle
