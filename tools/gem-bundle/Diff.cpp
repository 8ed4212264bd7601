// gem-bundle diff: a patch that makes a new bundle of an old one.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <unistd.h>

#include <CLI/CLI.hpp>

#include "targets/Bundle/Edit/Patch.h"
#include "tools/common/Format.h"
#include "tools/common/Output.h"
#include "tools/common/Progress.h"
#include "tools/common/Terminal.h"
#include "tools/gem-bundle/Commands.h"

namespace gem::bundle {

int RunDiff(int argc, const char* const* argv) {
  CLI::App app;
  tools::CommonOptions common;
  std::vector<std::string> paths;
  std::string out;
  SetUp(app, "diff",
        "writes a patch: what gem-bundle apply needs, beside the old bundle, to make the new one",
        "OLD NEW -o PATCH",
        {"gem-bundle diff model-1.gemb model-2.gemb -o 1-to-2.gemp",
         "gem-bundle apply model-1.gemb 1-to-2.gemp -o model-2.gemb"},
        &common);
  app.add_option("OLD NEW", paths, "the bundle that is there, and the one to come")->group("Input");
  app.add_option("-o,--output", out, "where to write; - is standard output")
      ->type_name("PATCH")
      ->group("Output");
  if (const std::optional<int> code = tools::ParseCommandLine(app, argc, argv)) return *code;
  if (paths.size() != 2) {
    return Wrong("diff", "expected OLD and NEW, but got " + std::to_string(paths.size()) +
                             (paths.size() == 1 ? " bundle" : " bundles"));
  }
  if (out.empty()) return Wrong("diff", "no output given: say where to write with -o PATCH");
  if (out == "-" && tools::IsTerminal(STDOUT_FILENO)) {
    return Wrong("diff", "a patch is not written to a terminal; give a file with -o PATCH");
  }

  edit::Problem problem;
  std::string error;
  tools::OutputFile output;
  if (!output.Open(out, &error)) return End({edit::Problem::Kind::kFailed, error});
  const std::unique_ptr<edit::BundleSource> from = edit::BundleSource::Open(paths[0], &problem);
  if (from == nullptr) return End(problem);
  const std::unique_ptr<edit::BundleSource> to = edit::BundleSource::Open(paths[1], &problem);
  if (to == nullptr) return End(problem);

  edit::Patch patch;
  {
    tools::Progress bar("comparing", from->size() + 2 * to->size(), !common.quiet);
    const auto update = [&bar](uint64_t done, uint64_t) { bar.Update(done); };
    if (!MakePatch(*from, *to, update, &patch, &problem)) return End(problem);
  }
  const edit::ByteSink sink = [&](std::string_view data, edit::Problem* failure) {
    return output.Write(data, &error) || edit::Fail(failure, error);
  };
  if (!WritePatch(patch, *to, sink, &problem)) return End(problem);
  if (!output.Commit(&error)) return End({edit::Problem::Kind::kFailed, error});
  if (common.quiet || out == "-") return tools::kExitOk;
  const uint64_t data = patch.data_size();
  return Print(out + ": " + tools::FormatBytes(patch.patch_size) + " for a bundle of " +
               tools::FormatBytes(patch.new_size) + ": " + tools::FormatBytes(data) + " travel, " +
               tools::FormatBytes(patch.new_size - data) + " are in " + paths[0] + "\n");
}

}  // namespace gem::bundle
