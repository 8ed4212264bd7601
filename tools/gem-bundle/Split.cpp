// gem-bundle split: the variants of a bundle, each in a file of its own.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <cstring>

#include "targets/Bundle/Edit/Variants.h"
#include "tools/common/Format.h"
#include "tools/common/Messages.h"
#include "tools/common/Terminal.h"
#include "tools/gem-bundle/BundleOutput.h"
#include "tools/gem-bundle/Commands.h"

namespace gem::bundle {
namespace {

// A name comes from a file that anybody may have written, and becomes part of a path.
bool IsFileName(const std::string& name) {
  return !name.empty() && name[0] != '.' && name.find('/') == std::string::npos &&
         name.size() <= 200;
}

bool MakeDirectory(const std::string& path, edit::Problem* problem) {
  if (mkdir(path.c_str(), 0777) == 0 || errno == EEXIST) return true;
  return edit::Fail(problem, "cannot make the directory '" + path + "': " + std::strerror(errno));
}

std::string DevicesOf(const schema::BundleT& bundle) {
  std::string devices;
  for (const auto& variant : bundle.variants) {
    devices += (devices.empty() ? "" : ", ") + variant->device;
  }
  return devices;
}

}  // namespace

int RunSplit(int argc, const char* const* argv) {
  CLI::App app;
  tools::CommonOptions common;
  std::string path, out, device;
  SetUp(app, "split", "takes a bundle's variants apart: each as it was before gem-bundle merge",
        "BUNDLE -o DIR | BUNDLE --device NAME -o FILE",
        {"gem-bundle split all.gemb -o devices",
         "gem-bundle split all.gemb --device raspberry-pi-4 -o pi4.gemb"},
        &common);
  app.add_option("BUNDLE", path, "the bundle")->group("Input");
  auto* device_option =
      app.add_option("--device", device, "this variant only")->type_name("NAME")->group("Input");
  tools::RefuseEmpty(device_option, "a device");
  app.add_option("-o,--output", out,
                 "a folder for files DEVICE.gemb, made if need be; with --device, the file")
      ->type_name("OUT")
      ->group("Output");
  if (const std::optional<int> code = tools::ParseCommandLine(app, argc, argv)) return *code;
  if (path.empty()) return Wrong("split", "no BUNDLE given");
  if (out.empty()) return Wrong("split", "no output given: say where to write with -o OUT");

  edit::Problem problem;
  const std::unique_ptr<edit::BundleSource> source = edit::BundleSource::Open(path, &problem);
  if (source == nullptr) return End(problem);
  const edit::Contents contents = ContentsOf(*source);
  const auto& variants = contents.bundle.variants;
  std::vector<size_t> wanted;
  for (size_t i = 0; i < variants.size(); ++i) {
    if (device.empty() || variants[i]->device == device) wanted.push_back(i);
    if (device.empty() && !IsFileName(variants[i]->device)) {
      return End({edit::Problem::Kind::kRefused,
                  path + ": the device '" + variants[i]->device +
                      "' is no name for a file; give one with --device NAME -o FILE"});
    }
  }
  if (wanted.empty()) {
    return End({edit::Problem::Kind::kRefused, path + ": --device: expected one of " +
                                                   DevicesOf(contents.bundle) + ", but got '" +
                                                   device + "'"});
  }
  if (device.empty() && !MakeDirectory(out, &problem)) return End(problem);

  // All or none: the files take their places when every one is written.
  std::vector<std::unique_ptr<BundleOutput>> outputs;
  std::string text;
  for (const size_t index : wanted) {
    outputs.push_back(std::make_unique<BundleOutput>());
    BundleOutput& output = *outputs.back();
    edit::Contents taken = TakeVariant(contents, index);
    if (!output.Open(device.empty() ? out + "/" + variants[index]->device + ".gemb" : out,
                     &problem) ||
        !output.Write(taken, !common.quiet, &problem)) {
      return End(problem);
    }
    text += tools::Printable(output.path()) + ": " + tools::FormatBytes(output.written()) +
            " for " + tools::Printable(variants[index]->device) + "\n";
  }
  for (const auto& output : outputs) {
    if (!output->Commit(&problem)) return End(problem);
  }
  if (common.quiet) return tools::kExitOk;
  if (source->preamble().signature != kSignatureNone) {
    tools::Warning(kTool, "the signature of '" + path +
                              "' is of other bytes: what was split off is not signed; sign it "
                              "with gem-bundle sign");
  }
  return Print(text);
}

}  // namespace gem::bundle
