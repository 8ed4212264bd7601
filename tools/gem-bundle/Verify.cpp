// gem-bundle verify: a bundle as the runtime checks it, and every hash.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <CLI/CLI.hpp>

#include "gem/gem.h"
#include "tools/common/ExitCodes.h"
#include "tools/common/Format.h"
#include "tools/gem-bundle/Commands.h"

namespace gem::bundle {

int RunVerify(int argc, const char* const* argv) {
  CLI::App app;
  tools::CommonOptions common;
  std::string path;
  SetUp(app, "verify", "checks a bundle as the runtime does, and every hash", "BUNDLE",
        {"gem-bundle verify model.gemb"}, &common);
  app.add_option("BUNDLE", path, "the bundle")->group("Input");
  if (const std::optional<int> code = tools::ParseCommandLine(app, argc, argv)) return *code;
  if (path.empty()) return Wrong("verify", "no BUNDLE given");

  gem_bundle_options_t options;
  gem_bundle_options_init(&options);
  options.hash_check = GEM_HASH_ALL;
  gem_bundle_t* bundle = nullptr;
  gem_error_t error = {};
  if (gem_bundle_open(path.c_str(), &options, &bundle, &error) != GEM_STATUS_OK) {
    return End(edit::ProblemOf(path, error));
  }
  gem_bundle_info_t info = {};
  info.struct_size = sizeof(info);
  gem_bundle_info(bundle, &info);
  std::string devices;
  for (uint32_t i = 0; i < info.variant_count; ++i) {
    devices += (i > 0 ? ", " : "") + std::string(gem_bundle_variant_device(bundle, i));
  }
  const std::string text = tools::Format(
      "%s: ok: %s, format %u.%u, %s for %s; every hash matches\n", path.c_str(),
      tools::FormatBytes(info.file_size).c_str(), info.format_major, info.format_minor,
      info.model_name[0] != '\0' ? info.model_name : "a model", devices.c_str());
  gem_bundle_close(bundle);
  return common.quiet ? static_cast<int>(tools::kExitOk) : Print(text);
}

}  // namespace gem::bundle
