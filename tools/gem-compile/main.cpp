// gem-compile: compiles a trained model into a bundle for a device.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Pipeline/Compiler.h"
#include "mlir/Bytecode/BytecodeWriter.h"
#include "mlir/IR/AsmState.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"
#include "passes/Passes.h"
#include "targets/Bundle/BundleWriter.h"
#include "targets/Bundle/ScratchBundle.h"
#include "tools/common/Depfile.h"
#include "tools/common/ExitCodes.h"
#include "tools/common/Format.h"
#include "tools/common/Messages.h"
#include "tools/common/Output.h"
#include "tools/common/Progress.h"
#include "tools/common/RunMain.h"
#include "tools/common/StatusExit.h"
#include "tools/common/Terminal.h"
#include "tools/gem-compile/DeviceTable.h"
#include "tools/gem-compile/Options.h"
#include "tools/gem-compile/SeveralDevices.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/raw_ostream.h"
#include <cstdio>
#include <unistd.h>

using namespace gem;
using namespace gem::compile;

namespace {

/// Prints an error, one message a problem, and gives the exit code.
int end(const absl::Status &status) {
  printProblems(status);
  return tools::ExitCodeOf(status);
}

int fail(const std::string &message, int code = tools::kExitFailed) {
  tools::Error(kTool, message);
  return code;
}

/// Hands the --mlir-... arguments to MLIR.
bool readMlirArguments(const Options &options) {
  // Before the options: --mlir-print-ir-after=PASS knows the passes registered by then.
  gem::registerGemPasses();
  mlir::registerCSEPass();
  mlir::registerAsmPrinterCLOptions();
  mlir::registerPassManagerCLOptions();
  std::vector<const char *> arguments{kTool};
  for (const std::string &argument : options.mlirArguments)
    arguments.push_back(argument.c_str());
  // A module printed with its resources would dump every weight in hexadecimal.
  for (const std::string &argument : options.mlirArguments)
    if (llvm::StringRef(argument).starts_with("--mlir-print-ir")) {
      arguments.push_back("--mlir-print-local-scope");
      break;
    }
  std::string errors;
  llvm::raw_string_ostream stream(errors);
  if (llvm::cl::ParseCommandLineOptions(arguments.size(), arguments.data(), "", &stream))
    return true;
  llvm::StringRef line = llvm::StringRef(errors).split('\n').first;
  line.consume_front("gem-compile: ");
  if (!line.empty()) // LLVM has printed some itself
    tools::Error(kTool, line.str());
  return false;
}

/// A bundle that goes to a file at once.
class FileSink final : public BundleSink {
public:
  explicit FileSink(tools::OutputFile &file) : file(file) {}
  absl::Status write(uint64_t offset, llvm::ArrayRef<char> data) override {
    std::string error;
    if (file.WriteAt(offset, {data.data(), data.size()}, &error))
      return absl::OkStatus();
    return absl::UnavailableError(error);
  }

private:
  tools::OutputFile &file;
};

absl::Status writeBundleTo(Compiler &compiler, tools::OutputFile &file) {
  if (file.seekable()) {
    FileSink sink(file);
    if (absl::Status status = compiler.write(sink); !status.ok())
      return status;
    return compiler.checkBundle(file.temporary());
  }
  // A pipe takes its bytes in order, so the bundle is put together first.
  MemoryBundleSink sink;
  if (absl::Status status = compiler.write(sink); !status.ok())
    return status;
  if (absl::Status status = compiler.checkBundle(sink.data()); !status.ok())
    return status;
  std::string message;
  if (!file.Write({sink.data().data(), sink.data().size()}, &message))
    return absl::UnavailableError(message);
  return absl::OkStatus();
}

/// The bundle for a report of it alone: to know its size and what it takes of memory.
absl::Status writeBundleNowhere(Compiler &compiler) {
  ScratchBundle sink;
  if (absl::Status status = compiler.write(sink); !status.ok())
    return status;
  if (absl::Status status = sink.seal(); !status.ok())
    return status;
  return compiler.checkBundle(sink.data());
}

/// The module as text without its data, as text with it, or as bytecode (.mlirbc).
absl::Status writeModuleTo(mlir::ModuleOp module, const Options &options, tools::OutputFile &file) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  if (llvm::StringRef(options.output).ends_with(".mlirbc")) {
    if (failed(mlir::writeBytecodeToFile(module, stream)))
      return absl::InternalError("writing bytecode failed");
  } else if (options.output == "-") {
    module.print(stream, mlir::OpPrintingFlags().useLocalScope());
    stream << "\n";
  } else {
    module.print(stream, mlir::OpPrintingFlags().enableDebugInfo());
    stream << "\n";
  }
  std::string message;
  if (!file.Write(stream.str(), &message))
    return absl::UnavailableError(message);
  return absl::OkStatus();
}

/// What belongs to a bundle: without these files it is not there either.
class Companions {
public:
  absl::Status add(const std::string &path, const std::string &text) {
    std::string error;
    files.push_back(std::make_unique<tools::OutputFile>());
    if (!files.back()->Open(path, &error) || !files.back()->Write(text, &error))
      return absl::UnavailableError(error);
    return absl::OkStatus();
  }

  /// The depfile and the recipe, where they are asked for.
  absl::Status addRecords(const Options &options, const std::vector<std::string> &inputFiles,
                          const std::string &recipe) {
    const std::string &recipePath = options.quantization.saveRecipe;
    if (!options.depfile.empty()) {
      std::vector<std::string> inputs =
          tools::WithoutFoldersOf({options.output, options.report, options.depfile, recipePath,
                                   options.quantization.saveStatistics},
                                  inputFiles);
      std::string rule, error;
      if (!tools::FormatDepfile(options.output, inputs, &rule, &error))
        return absl::InvalidArgumentError(error);
      if (absl::Status status = add(options.depfile, rule); !status.ok())
        return status;
    }
    return recipePath.empty() ? absl::OkStatus() : add(recipePath, recipe);
  }

  /// The bundle last: a build tool that is stopped in between must not find it up to date
  /// beside an older depfile.
  absl::Status commitBefore(tools::OutputFile &bundle) {
    std::string error;
    for (const auto &file : files)
      if (!file->Commit(&error))
        return absl::UnavailableError(error);
    if (bundle.is_open() && !bundle.Commit(&error))
      return absl::UnavailableError(error);
    return absl::OkStatus();
  }

private:
  std::vector<std::unique_ptr<tools::OutputFile>> files;
};

/// Where people read. What goes to standard output goes alone.
int descriptorForPeople(const Options &options) {
  return options.output == "-" || options.report == "-" ? STDERR_FILENO : STDOUT_FILENO;
}

int printText(const Options &options, const std::string &text) {
  int fd = descriptorForPeople(options);
  std::string error;
  if (fd == STDOUT_FILENO ? !tools::WriteToStdout(text, &error) : !tools::WriteAll(fd, text))
    return fail(error);
  return tools::kExitOk;
}

/// The report for people.
int printReport(const Options &options, const CompileReport &report) {
  // Whoever asks what a compilation would give wants to see the formats.
  return printText(
      options, renderReport(report, ReportKind::Text, options.common.verbose || options.dryRun,
                            tools::UseColor(descriptorForPeople(options), options.common.color)));
}

int listDevicesTo(const tools::CommonOptions &common) {
  std::string error;
  bool color = tools::UseColor(STDOUT_FILENO, common.color);
  if (!tools::WriteToStdout(formatDeviceTable(color, common.verbose), &error))
    return fail(error);
  return tools::kExitOk;
}

/// The bar of the stage that runs.
class StageProgress {
public:
  explicit StageProgress(bool enabled) : enabled(enabled) {}

  void update(const std::string &stage, uint64_t done, uint64_t total) {
    if (stage != label) {
      label = stage;
      bar = std::make_unique<tools::Progress>(stage, total, enabled);
    }
    bar->Update(done);
  }
  void finish() { bar.reset(); }

private:
  bool enabled;
  std::string label;
  std::unique_ptr<tools::Progress> bar;
};

/// A gate failed, or the device's memory is too small: the report, which says why, is all
/// that is written, to `path` where that is not empty.
int endWithReport(const Options &options, const CompileReport &report, const std::string &path,
                  ReportKind kind, const absl::Status &status) {
  std::string error;
  if (!path.empty() && !tools::WriteFile(path, renderReport(report, kind), &error))
    return fail(error);
  if (!options.common.quiet)
    (void)printReport(options, report);
  (void)end(status);
  std::string written = path.empty() || path == "-" ? "" : "; '" + path + "' is the report";
  return fail((options.dryRun ? "this bundle would not be written" : "no bundle was written") +
                  written,
              absl::IsAborted(status) ? tools::kExitFailed : tools::ExitCodeOf(status));
}

/// Compiles for all of options.devices, more than one.
int runForDevices(const Options &options, const CompileOptions &compileOptions,
                  std::optional<ReportKind> reportKind, tools::OutputFile &output,
                  StageProgress &progress) {
  SeveralDevices result;
  absl::Status status = compileForDevices(compileOptions, options.devices,
                                          options.dryRun ? nullptr : &output, result);
  progress.finish();
  if (!status.ok())
    output.Discard();
  if (!result.reports.empty()) {
    const CompileReport &last = result.reports.back();
    if (absl::IsAborted(status) || last.memory.isTooMuch)
      return endWithReport(options, last,
                           reportKind ? reportPathFor(options.report, last.device) : "",
                           reportKind.value_or(ReportKind::Text), status);
  }
  Companions companions;
  for (CompileReport &report : result.reports) {
    report.outputPath = options.dryRun ? "" : options.output;
    if (status.ok() && reportKind)
      status = companions.add(reportPathFor(options.report, report.device),
                              renderReport(report, *reportKind));
  }
  if (status.ok())
    status = companions.addRecords(options, result.inputFiles, result.recipe);
  if (status.ok())
    status = companions.commitBefore(output);
  if (!status.ok())
    return end(status);
  if (options.common.quiet)
    return tools::kExitOk;
  std::string devices;
  for (const CompileReport &report : result.reports) {
    if (int code = printReport(options, report); code != tools::kExitOk)
      return code;
    devices += (devices.empty() ? "" : ", ") + report.device;
  }
  return printText(options, "\n" + (options.dryRun ? "One bundle" : options.output) + " for " +
                                devices + ": " + tools::FormatBytes(result.fileBytes) + "\n");
}

int run(const Options &options) {
  std::optional<ReportKind> reportKind;
  if (!options.report.empty()) {
    // Standard output has no name that tells; it is for programs.
    absl::StatusOr<ReportKind> kind =
        options.report == "-" ? ReportKind::Json : reportKindOf(options.report);
    if (!kind.ok())
      return fail(std::string(kind.status().message()), tools::kExitUsage);
    reportKind = *kind;
  }
  if (options.output == "-" && !options.dryRun && options.emit == Emit::Bundle &&
      tools::IsTerminal(STDOUT_FILENO))
    return fail("a bundle is not written to a terminal; give a file with -o OUT",
                tools::kExitUsage);

  // Known before the work: a place that cannot be written to.
  std::string error;
  tools::OutputFile output;
  if (!options.dryRun && !output.Open(options.output, &error))
    return fail(error);

  StageProgress progress(!options.common.quiet);
  CompileOptions compileOptions;
  compileOptions.model = options.model;
  compileOptions.name = options.name;
  compileOptions.device = options.devices.front();
  compileOptions.quantization = options.quantization;
  compileOptions.pruning = options.pruning;
  compileOptions.failIf = options.failIf;
  compileOptions.minimumTexts = options.minimumTexts;
  compileOptions.calibration = options.calibration;
  compileOptions.overrides = options.overrides;
  compileOptions.sequence = options.sequence;
  compileOptions.pad = options.pad;
  compileOptions.seed = options.seed;
  compileOptions.threads = options.threads;
  compileOptions.producer = std::string(kTool) + " " + std::string(tools::Version());
  compileOptions.progress = [&](const std::string &stage, uint64_t done, uint64_t total) {
    progress.update(stage, done, total);
  };
  if (!options.mlirArguments.empty())
    compileOptions.configurePasses = [](mlir::PassManager &passes) {
      return mlir::applyPassManagerCLOptions(passes);
    };

  if (options.devices.size() > 1)
    return runForDevices(options, compileOptions, reportKind, output, progress);

  Compiler compiler(std::move(compileOptions));
  absl::Status status;
  if (options.emit != Emit::Gem)
    status = compileProgram(compiler);
  else if (status = compiler.import(); status.ok())
    status = compiler.prune();
  if (absl::IsAborted(status)) {
    progress.finish();
    output.Discard();
    return endWithReport(options, compiler.getReport(), options.report,
                         reportKind.value_or(ReportKind::Text), status);
  }
  if (status.ok() && options.dryRun)
    status = writeBundleNowhere(compiler);
  else if (status.ok())
    status = options.emit == Emit::Bundle ? writeBundleTo(compiler, output)
                                          : writeModuleTo(compiler.getModule(), options, output);
  progress.finish();
  if (compiler.getReport().memory.isTooMuch) {
    output.Discard();
    return endWithReport(options, compiler.getReport(), options.report,
                         reportKind.value_or(ReportKind::Text), status);
  }
  if (!status.ok()) {
    output.Discard();
    return end(status);
  }

  CompileReport &report = compiler.getReport();
  report.outputPath = options.dryRun ? "" : options.output;
  Companions companions;
  if (reportKind)
    status = companions.add(options.report, renderReport(report, *reportKind));
  if (status.ok())
    status = companions.addRecords(options, compiler.getInputFiles(), compiler.getRecipe());
  if (status.ok())
    status = companions.commitBefore(output);
  if (!status.ok())
    return end(status);

  if (options.common.quiet || options.emit != Emit::Bundle)
    return tools::kExitOk;
  return printReport(options, report);
}

} // namespace

int main(int argc, char **argv) {
  return tools::RunMain(kTool, [&]() -> int {
    Options options;
    if (std::optional<int> code = readOptions(argc, argv, options))
      return *code;
    if (options.listDevices)
      return listDevicesTo(options.common);
    if (!options.mlirArguments.empty() && !readMlirArguments(options))
      return tools::kExitUsage;
    return run(options);
  });
}
