// gem-bundle kernels: what a runtime for some bundles must be linked with.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <CLI/CLI.hpp>
#include <algorithm>

#include "targets/Bundle/Edit/BundleSource.h"
#include "targets/Bundle/Kernels/KernelRegistry.h"
#include "tools/common/ExitCodes.h"
#include "tools/common/Messages.h"
#include "tools/common/Output.h"
#include "tools/gem-bundle/Commands.h"

namespace gem::bundle {

int RunKernels(int argc, const char* const* argv) {
  CLI::App app;
  tools::CommonOptions common;
  std::vector<std::string> paths, isas;
  std::string out;
  SetUp(app, "kernels", "lists the CPU kernels that bundles call, or writes a runtime's registry",
        "BUNDLE... [--cpu NAME]... [-o OUT]",
        {"gem-bundle kernels model.gemb", "gem-bundle kernels a.gemb b.gemb -o registry.cpp",
         "gem-bundle kernels model.gemb --cpu neon --cpu dotprod -o registry.cpp"},
        &common);
  app.add_option("BUNDLE", paths, "the bundles that the runtime is to run")->group("Input");
  app.add_option("--cpu", isas,
                 "kernels for these CPUs only, may be given again (default: all of the "
                 "architecture that the registry is compiled for): avx2, neon, ...")
      ->type_name("NAME")
      ->group("Output")
      ->allow_extra_args(false);
  app.add_option("-o,--output", out,
                 "write the registry, a C++ source to be linked with gem::core and gem::kernels "
                 "(default: list the kernels)")
      ->type_name("OUT")
      ->group("Output");
  if (const std::optional<int> code = tools::ParseCommandLine(app, argc, argv)) return *code;
  if (paths.empty()) return Wrong("kernels", "no BUNDLE given");
  const std::vector<std::string> known = AllKernelIsas();
  for (const std::string& isa : isas) {
    if (std::find(known.begin(), known.end(), isa) != known.end()) continue;
    std::string names;
    for (const std::string& name : known) names += (names.empty() ? "" : ", ") + name;
    return Wrong("kernels", "--cpu: expected one of " + names + ", but got '" + isa + "'");
  }

  tools::OutputFile file;
  std::string error;
  if (!out.empty() && !file.Open(out, &error)) return End({edit::Problem::Kind::kFailed, error});
  KernelSelection selection;
  for (const std::string& path : paths) {
    edit::Problem problem;
    const std::unique_ptr<edit::BundleSource> source = edit::BundleSource::Open(path, &problem);
    if (source == nullptr) return End(problem);
    selection.Add(source->root());
  }
  if (out.empty()) {
    std::string text;
    for (const std::string& slot : selection.Slots()) text += slot + "\n";
    return Print(text);
  }
  if (!file.Write(selection.RegistrySource(isas), &error) || !file.Commit(&error)) {
    return End({edit::Problem::Kind::kFailed, error});
  }
  return tools::kExitOk;
}

}  // namespace gem::bundle
