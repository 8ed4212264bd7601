// One bundle with a variant for each of several devices.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/gem-compile/SeveralDevices.h"
#include "gem/gem.h"
#include "targets/Bundle/Edit/Variants.h"
#include "targets/Bundle/ScratchBundle.h"
#include "targets/devices/DeviceProfile.h"
#include "llvm/Support/Path.h"

using namespace gem;
using namespace gem::compile;

absl::Status gem::compile::compileProgram(Compiler &compiler) {
  absl::Status status = compiler.import();
  if (status.ok())
    status = compiler.prune();
  if (status.ok())
    status = compiler.lower();
  if (status.ok())
    status = compiler.evaluate();
  return status;
}

static absl::Status toStatus(const edit::Problem &problem) {
  return problem.kind == edit::Problem::Kind::kRefused ? absl::InternalError(problem.message)
                                                       : absl::UnavailableError(problem.message);
}

/// Known before the work: devices that do not exist, and one that is given twice.
static absl::StatusOr<std::vector<std::string>> namesOf(const std::vector<std::string> &devices) {
  std::vector<std::string> names;
  for (const std::string &device : devices) {
    absl::StatusOr<DeviceProfile> profile = findDevice(device);
    if (!profile.ok())
      return profile.status();
    if (llvm::is_contained(names, profile->name))
      return absl::InvalidArgumentError("--device: '" + profile->name +
                                        "' is given twice; a bundle has one variant a device");
    names.push_back(profile->name);
  }
  return names;
}

/// Puts the variants together; what they share is stored once.
static absl::Status merge(const std::vector<std::unique_ptr<ScratchBundle>> &variants,
                          const std::vector<std::string> &names, const CompileOptions &options,
                          tools::OutputFile *output, uint64_t &size) {
  edit::Problem problem;
  std::vector<std::unique_ptr<edit::BundleSource>> owned;
  std::vector<const edit::BundleSource *> sources;
  for (auto [variant, name] : llvm::zip(variants, names)) {
    auto *bytes = reinterpret_cast<const uint8_t *>(variant->data().data());
    owned.push_back(edit::BundleSource::OpenMemory("the variant for " + name,
                                                   {bytes, variant->data().size()}, &problem));
    if (!owned.back())
      return toStatus(problem);
    sources.push_back(owned.back().get());
  }
  edit::Contents merged;
  // A pipe takes nothing back, so the bundle is put together and checked first.
  ScratchBundle scratch;
  const bool isPipe = output && !output->seekable();
  auto sink = [&](std::string_view data, edit::Problem *failure) {
    std::string error;
    if (isPipe) {
      if (absl::Status status = scratch.write(size, {data.data(), data.size()}); !status.ok())
        return edit::Fail(failure, std::string(status.message()));
    } else if (output && !output->Write(data, &error)) {
      return edit::Fail(failure, error);
    }
    size += data.size();
    return true;
  };
  auto progress = [&](uint64_t done, uint64_t total) {
    if (options.progress)
      options.progress("putting the variants together", done, total);
  };
  if (!MergeBundles(sources, &merged, &problem) || !WriteBundle(merged, sink, progress, &problem))
    return toStatus(problem);
  if (!output)
    return absl::OkStatus();
  if (isPipe)
    if (absl::Status status = scratch.seal(); !status.ok())
      return status;
  llvm::ArrayRef<char> bytes = isPipe ? scratch.data() : llvm::ArrayRef<char>();
  // As a device would: a bundle that the runtime refuses must not leave this tool.
  gem_error_t error{};
  gem_bundle_t *bundle = nullptr;
  gem_status_t status =
      isPipe ? gem_bundle_open_memory(bytes.data(), bytes.size(), nullptr, &bundle, &error)
             : gem_bundle_open(output->temporary().c_str(), nullptr, &bundle, &error);
  gem_bundle_close(bundle);
  if (status != GEM_STATUS_OK)
    return absl::InternalError(std::string("the runtime refuses the bundle that was made: ") +
                               error.message);
  std::string message;
  if (isPipe && !output->Write({bytes.data(), bytes.size()}, &message))
    return absl::UnavailableError(message);
  return absl::OkStatus();
}

absl::Status gem::compile::compileForDevices(const CompileOptions &options,
                                             const std::vector<std::string> &devices,
                                             tools::OutputFile *output, SeveralDevices &result) {
  absl::StatusOr<std::vector<std::string>> names = namesOf(devices);
  if (!names.ok())
    return names.status();
  std::vector<std::unique_ptr<ScratchBundle>> variants;
  std::unique_ptr<Compiler> compiler;
  for (auto [device, name] : llvm::zip(devices, *names)) {
    absl::Status status;
    if (compiler && Compiler::isForAnyDevice(options)) {
      status = compiler->retarget(device);
    } else {
      CompileOptions one = options;
      one.device = device;
      if (options.progress)
        one.progress = [&options, name = name](const std::string &stage, uint64_t done,
                                               uint64_t total) {
          options.progress(name + ": " + stage, done, total);
        };
      compiler = std::make_unique<Compiler>(std::move(one));
      status = compileProgram(*compiler);
    }
    auto &variant = variants.emplace_back(std::make_unique<ScratchBundle>());
    if (status.ok())
      status = compiler->write(*variant);
    if (status.ok())
      status = variant->seal();
    if (status.ok())
      status = compiler->checkBundle(variant->data());
    result.reports.push_back(compiler->getReport());
    if (!status.ok())
      return status;
    if (!result.recipe.empty() && result.recipe != compiler->getRecipe())
      return absl::FailedPreconditionError(
          "--save-recipe: the recipe for " + name + " is not that for " + names->front() +
          ", since --max-latency depends on the device; save them one device at a time");
    result.recipe = compiler->getRecipe();
    for (const std::string &file : compiler->getInputFiles())
      if (!llvm::is_contained(result.inputFiles, file))
        result.inputFiles.push_back(file);
  }
  return merge(variants, *names, options, output, result.fileBytes);
}

std::string gem::compile::reportPathFor(const std::string &path, const std::string &device) {
  std::string extension = llvm::sys::path::extension(path).str();
  return path.substr(0, path.size() - extension.size()) + "." + device + extension;
}
