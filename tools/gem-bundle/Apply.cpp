// gem-bundle apply: makes a new bundle of an old one and a patch.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <CLI/CLI.hpp>

#include "targets/Bundle/Edit/Patch.h"
#include "tools/common/Format.h"
#include "tools/common/Progress.h"
#include "tools/gem-bundle/BundleOutput.h"
#include "tools/gem-bundle/Commands.h"

namespace gem::bundle {

int RunApply(int argc, const char* const* argv) {
  CLI::App app;
  tools::CommonOptions common;
  std::vector<std::string> paths;
  std::string out;
  SetUp(app, "apply",
        "makes the new bundle that a patch was made for; it is there whole and checked, or the "
        "old one stays",
        "OLD PATCH -o NEW",
        {"gem-bundle apply model.gemb 1-to-2.gemp -o model.gemb",
         "gem-bundle apply model-1.gemb 1-to-2.gemp -o model-2.gemb"},
        &common);
  app.add_option("OLD PATCH", paths, "the bundle that is there, and the patch")->group("Input");
  app.add_option("-o,--output", out, "where to write; may be OLD")
      ->type_name("NEW")
      ->group("Output");
  if (const std::optional<int> code = tools::ParseCommandLine(app, argc, argv)) return *code;
  if (paths.size() != 2) {
    return Wrong("apply", "expected OLD and PATCH, but got " + std::to_string(paths.size()) +
                              (paths.size() == 1 ? " file" : " files"));
  }
  if (out.empty()) return Wrong("apply", "no output given: say where to write with -o NEW");

  edit::Problem problem;
  edit::PatchFile file;
  BundleOutput output;
  if (!file.Open(paths[1], &problem)) return End(problem);
  const std::unique_ptr<edit::BundleSource> old = edit::BundleSource::Open(paths[0], &problem);
  if (old == nullptr || !file.CheckOld(*old, &problem) || !output.Open(out, &problem)) {
    return End(problem);
  }
  {
    tools::Progress bar("writing " + out, file.patch().new_size, !common.quiet);
    const auto update = [&bar](uint64_t done, uint64_t) { bar.Update(done); };
    if (!file.Apply(*old, output.Sink(), update, &problem)) return End(problem);
  }
  if (!output.Check(GEM_HASH_ALL, &problem) || !output.Commit(&problem)) return End(problem);
  if (common.quiet) return tools::kExitOk;
  return Print(out + ": " + tools::FormatBytes(output.written()) + ", checked\n");
}

}  // namespace gem::bundle
