// gem-bundle verify: a bundle as the runtime checks it, every hash, and who signed it.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <CLI/CLI.hpp>

#include "gem/gem.h"
#ifdef GEM_SIGNATURE
#include "gem/signature.h"
#endif
#include "targets/Bundle/Edit/Signature.h"
#include "tools/common/Format.h"
#include "tools/common/KeyFile.h"
#include "tools/common/Terminal.h"
#include "tools/gem-bundle/Commands.h"

namespace gem::bundle {
namespace {

struct Close {
  void operator()(gem_bundle_t* bundle) const { gem_bundle_close(bundle); }
};

std::string Describe(const std::string& path, const gem_bundle_t* bundle) {
  gem_bundle_info_t info = {};
  info.struct_size = sizeof(info);
  gem_bundle_info(bundle, &info);
  std::string devices;
  for (uint32_t i = 0; i < info.variant_count; ++i) {
    devices += (i > 0 ? ", " : "") + std::string(gem_bundle_variant_device(bundle, i));
  }
  return path + ": ok: " + tools::FormatBytes(info.file_size) +
         tools::Format(", format %u.%u, ", info.format_major, info.format_minor) +
         (info.model_name[0] != '\0' ? tools::Printable(info.model_name) : "a model") + " for " +
         tools::Printable(devices) + "; every hash matches\n";
}

}  // namespace

int RunVerify(int argc, const char* const* argv) {
  CLI::App app;
  tools::CommonOptions common;
  std::string path, key_path;
  SetUp(app, "verify",
        "checks a bundle as the runtime does, every hash and, with a key, that its owner signed it",
        "BUNDLE [--key PUBLIC]",
        {"gem-bundle verify model.gemb --key key.pub", "gem-bundle verify model.gemb"}, &common);
  app.add_option("BUNDLE", path, "the bundle")->group("Input");
  auto* key_option = app.add_option("--key", key_path, "the public key, of gem-bundle keygen")
                         ->type_name("PUBLIC")
                         ->group("Input");
  tools::RefuseEmpty(key_option, "a file");
  if (const std::optional<int> code = tools::ParseCommandLine(app, argc, argv)) return *code;
  if (path.empty()) return Wrong("verify", "no BUNDLE given");

  gem_bundle_options_t options;
  gem_bundle_options_init(&options);
  options.hash_check = GEM_HASH_ALL;
  tools::PublicKey key;
  if (!key_path.empty()) {
    std::string message;
    if (!tools::ReadPublicKey(key_path, &key, &message)) {
      return End({edit::Problem::Kind::kRefused, message});
    }
    options.public_key = key.data();
#ifdef GEM_SIGNATURE
    options.verifier = gem_ed25519_verifier();
#else
    return Wrong("verify", "--key: this gem-bundle was built without libsodium");
#endif
  }
  gem_bundle_t* opened = nullptr;
  gem_error_t error = {};
  if (gem_bundle_open(path.c_str(), &options, &opened, &error) != GEM_STATUS_OK) {
    return End(edit::ProblemOf(path, error));
  }
  const std::unique_ptr<gem_bundle_t, Close> bundle(opened);
  std::string text = Describe(path, bundle.get());
  if (!key_path.empty()) {
    text += "signed with " + KeyName(key) + ", the key in " + key_path + "\n";
  } else {
    edit::Problem problem;
    tools::PublicKey signer;
    bool is_signed = false;
    const std::unique_ptr<edit::BundleSource> source = edit::BundleSource::Open(path, &problem);
    if (source == nullptr || !ReadSigner(*source, &signer, &is_signed, &problem)) {
      return End(problem);
    }
    text += is_signed ? "says that it is signed with " + KeyName(signer) +
                            "; give that key with --key PUBLIC to check it\n"
                      : "not signed\n";
  }
  return common.quiet ? static_cast<int>(tools::kExitOk) : Print(text);
}

}  // namespace gem::bundle
