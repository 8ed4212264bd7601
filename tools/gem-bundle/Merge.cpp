// gem-bundle merge: variants of one model, for several devices, in one file.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <CLI/CLI.hpp>

#include "targets/Bundle/Edit/Variants.h"
#include "tools/common/Format.h"
#include "tools/common/Messages.h"
#include "tools/common/Terminal.h"
#include "tools/gem-bundle/BundleOutput.h"
#include "tools/gem-bundle/Commands.h"

namespace gem::bundle {

int RunMerge(int argc, const char* const* argv) {
  CLI::App app;
  tools::CommonOptions common;
  std::vector<std::string> paths;
  std::string out;
  SetUp(app, "merge",
        "puts variants of one model, compiled for several devices, into one bundle; what is equal "
        "is stored once",
        "BUNDLE BUNDLE... -o OUT",
        {"gem-bundle merge pi4.gemb pixel6.gemb -o all.gemb",
         "gem-bundle merge all.gemb iphone.gemb -o all.gemb"},
        &common);
  app.add_option("BUNDLE", paths, "two bundles or more; each may have several variants")
      ->group("Input");
  app.add_option("-o,--output", out, "where to write; may be one of the inputs")
      ->type_name("OUT")
      ->group("Output");
  if (const std::optional<int> code = tools::ParseCommandLine(app, argc, argv)) return *code;
  if (paths.size() < 2) return Wrong("merge", "expected at least two bundles");
  if (out.empty()) return Wrong("merge", "no output given: say where to write with -o OUT");

  edit::Problem problem;
  BundleOutput output;
  if (!output.Open(out, &problem)) return End(problem);
  std::vector<std::unique_ptr<edit::BundleSource>> owned;
  std::vector<const edit::BundleSource*> sources;
  uint64_t total = 0;
  bool is_signed = false;
  for (const std::string& path : paths) {
    owned.push_back(edit::BundleSource::Open(path, &problem));
    if (owned.back() == nullptr) return End(problem);
    sources.push_back(owned.back().get());
    total += sources.back()->size();
    is_signed |= sources.back()->preamble().signature != kSignatureNone;
  }
  edit::Contents merged;
  if (!MergeBundles(sources, &merged, &problem) || !output.Write(merged, !common.quiet, &problem) ||
      !output.Commit(&problem)) {
    return End(problem);
  }
  if (common.quiet) return tools::kExitOk;
  if (is_signed) {
    tools::Warning(kTool, "the signatures of the inputs are of other bytes: '" + out +
                              "' is not signed; sign it with gem-bundle sign");
  }
  std::string devices;
  for (const auto& variant : merged.bundle.variants) {
    devices += (devices.empty() ? "" : ", ") + variant->device;
  }
  const uint64_t size = output.written();
  return Print(out + ": " + tools::FormatBytes(size) + " for " + tools::Printable(devices) +
               "; apart they take " + tools::FormatBytes(total) + "\n");
}

}  // namespace gem::bundle
