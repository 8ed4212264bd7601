// What gem-inspect was asked, and the three kinds of files it explains.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_TOOLS_GEM_INSPECT_INSPECT_H
#define GEM_TOOLS_GEM_INSPECT_INSPECT_H

#include "absl/status/status.h"
#include "tools/common/CommandLine.h"
#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace gem::inspect {

inline constexpr const char *kTool = "gem-inspect";

struct Options {
  tools::CommonOptions common;
  std::string path;
  std::string other; ///< Of --diff: what `path` is compared with.
  bool json = false;
  bool color = false; ///< Of standard output.
  // Of a bundle.
  bool program = false, bytes = false, hashes = false;
  std::string extract, output = "-";
  std::string latency;                  ///< The device to model it on; empty: none.
  std::vector<int64_t> tokens, threads; ///< Of that; empty: the program's, the device's.
  // Of a checkpoint.
  std::map<std::string, std::string> overrides;
  bool finite = false;
};

enum class FileKind { Bundle, Module, Checkpoint };

/// By content: a bundle by its magic, even a damaged one; a module by the start of bytecode
/// or of textual IR; everything else is for the checkpoint readers, which say in words what
/// they found. Fails when the file cannot be read.
absl::Status recognise(const std::string &path, FileKind &kind);

/// Each prints to standard output what the file is, errors to standard error, and gives the
/// exit code.
int inspectBundle(const Options &options);
int inspectLatency(const Options &options); ///< Of a bundle.
/// Two bundles; 0 when they are the same bytes, else 1.
int compareBundles(const Options &options);
int inspectCheckpoint(const Options &options);
int inspectModule(const Options &options);

/// Prints the lines of `status` as errors; gives the exit code that goes with it.
int report(const absl::Status &status);
/// Prints `text`, or says why it cannot; gives `code`, or the exit code of that failure.
int print(const std::string &text, int code);
/// Every line of a status's message that names a problem, without the indentation of lists.
std::vector<std::string> problemsOf(const absl::Status &status);

/// Text with headings and tables.
class Page {
public:
  explicit Page(bool color) : color(color) {}
  void title(const std::string &what, const std::string &rest);
  void heading(const std::string &text);
  /// A line of a section: a name, and a value that is broken at spaces.
  void fact(const std::string &name, const std::string &value);
  void line(const std::string &text) { out += text + "\n"; }
  std::string dim(const std::string &text) const;
  std::string strong(const std::string &text) const;
  const std::string &str() const { return out; }

private:
  bool color;
  std::string out;
};

/// "[8192, 128]"
std::string formatShape(const std::vector<int64_t> &shape);
/// The first few, and how many more.
std::string abbreviate(const std::vector<std::string> &items, bool all);

} // namespace gem::inspect

#endif // GEM_TOOLS_GEM_INSPECT_INSPECT_H
