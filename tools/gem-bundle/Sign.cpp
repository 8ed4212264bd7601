// gem-bundle sign: a bundle with a signature of its own.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <sodium.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "gem/signature.h"
#include "targets/Bundle/Edit/Signature.h"
#include "tools/common/KeyFile.h"
#include "tools/common/Progress.h"
#include "tools/gem-bundle/BundleOutput.h"
#include "tools/gem-bundle/Commands.h"

namespace gem::bundle {
namespace {

// A secret key that is gone from memory when it is no longer needed, as is what KeyFile.h
// read it from.
class Signer {
 public:
  ~Signer() { sodium_memzero(secret_.data(), secret_.size()); }

  bool Read(const std::string& path, edit::Problem* problem) {
    std::string error;
    if (sodium_init() < 0) return edit::Fail(problem, "libsodium cannot be used");
    if (!tools::ReadSecretKey(path, &secret_, &error)) return edit::Refuse(problem, error);
    // The file has the public key behind the seed that it follows from.
    tools::SecretKey derived;
    crypto_sign_seed_keypair(public_.data(), derived.data(), secret_.data());
    const bool same = derived == secret_;
    sodium_memzero(derived.data(), derived.size());
    return same || edit::Refuse(problem, path +
                                             ": the two halves of the key do not belong "
                                             "together; the file is damaged");
  }

  const tools::PublicKey& public_key() const { return public_; }
  edit::Signature Sign(const std::string& message) const {
    edit::Signature signature;
    crypto_sign_detached(signature.data(), nullptr,
                         reinterpret_cast<const unsigned char*>(message.data()), message.size(),
                         secret_.data());
    return signature;
  }

 private:
  tools::SecretKey secret_{};
  tools::PublicKey public_{};
};

}  // namespace

int RunSign(int argc, const char* const* argv) {
  CLI::App app;
  tools::CommonOptions common;
  std::string path, key, out;
  SetUp(app, "sign",
        "signs a bundle, so that a runtime that knows the public key opens no other; a signature "
        "that is there is replaced",
        "BUNDLE --key SECRET [-o OUT]",
        {"gem-bundle sign model.gemb --key key.sec",
         "gem-bundle sign model.gemb --key key.sec -o signed.gemb"},
        &common);
  app.add_option("BUNDLE", path, "the bundle")->group("Input");
  app.add_option("--key", key, "the secret key, of gem-bundle keygen")
      ->type_name("SECRET")
      ->group("Input");
  app.add_option("-o,--output", out, "where to write (default: in place of BUNDLE)")
      ->type_name("OUT")
      ->group("Output");
  if (const std::optional<int> code = tools::ParseCommandLine(app, argc, argv)) return *code;
  if (path.empty()) return Wrong("sign", "no BUNDLE given");
  if (key.empty()) return Wrong("sign", "no key given: expected --key SECRET");
  if (out.empty()) out = path;

  edit::Problem problem;
  Signer signer;
  BundleOutput output;
  if (!signer.Read(key, &problem)) return End(problem);
  const std::unique_ptr<edit::BundleSource> source = edit::BundleSource::Open(path, &problem);
  if (source == nullptr || !output.Open(out, &problem)) return End(problem);
  {
    tools::Progress bar("signing " + path, source->size(), !common.quiet);
    const auto update = [&bar](uint64_t done, uint64_t) { bar.Update(done); };
    const auto sign = [&signer](const std::string& message) { return signer.Sign(message); };
    if (!WriteSigned(*source, signer.public_key(), sign, output.Sink(), update, &problem)) {
      return End(problem);
    }
  }
  // As an application will, and every hash: nobody shall sign what is damaged.
  gem_bundle_options_t options;
  gem_bundle_options_init(&options);
  options.hash_check = GEM_HASH_ALL;
  options.public_key = signer.public_key().data();
  options.verifier = gem_ed25519_verifier();
  if (!output.Check(options, &problem) || !output.Commit(&problem)) return End(problem);
  if (common.quiet) return tools::kExitOk;
  return Print(out + ": signed with " + KeyName(signer.public_key()) + "\n");
}

}  // namespace gem::bundle
