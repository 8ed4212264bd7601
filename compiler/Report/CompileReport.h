// What a compilation did, as figures.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_COMPILER_REPORT_COMPILEREPORT_H
#define GEM_COMPILER_REPORT_COMPILEREPORT_H

#include "absl/status/statusor.h"

#include <cstdint>
#include <string>
#include <vector>

namespace gem {

/// Multiply-accumulates of one part of the model, of the unsliced program with every
/// symbol at its maximum, products of attention included.
struct MacsReport {
  int64_t encoder = 0, router = 0, scar = 0, head = 0;
  int64_t total() const { return encoder + router + scar + head; }
};

/// A constant of the bundle.
struct TensorReport {
  std::string name;
  std::vector<int64_t> shape;
  std::string sourceType; ///< "f16": as in the checkpoint.
  std::string format;     ///< "f32": as stored.
  std::string layout;     ///< "row_major", "panel_16"
  int64_t bytes = 0;      ///< In the bundle, padding of the layout included.
};

/// A buffer of the arena, alive from the call numbered `first` to `last`; call 0 is the
/// filling of the inputs.
struct BufferReport {
  std::string name; ///< What writes it.
  int64_t offset = 0, bytes = 0;
  int64_t first = 0, last = 0;
};

struct MemoryReport {
  int64_t arenaBytes = 0;      ///< The planned peak.
  int64_t lowerBoundBytes = 0; ///< The most bytes alive at one time.
  int64_t numCalls = 0;
  std::vector<BufferReport> buffers; ///< By offset.
  double ratio() const {
    return lowerBoundBytes ? static_cast<double>(arenaBytes) / lowerBoundBytes : 1.0;
  }
};

struct DroppedReport {
  std::string name;
  int64_t bytes = 0;
  std::string reason;
};

/// Seconds that a stage of the compilation took. Not part of what is stored anywhere.
struct StageReport {
  std::string name;
  double seconds = 0;
};

struct CompileReport {
  std::string producer;    ///< "gem-compile 0.1.0"
  std::string modelPath, modelName, architecture, sourceFormat;
  int64_t parameters = 0;
  int64_t hiddenSize = 0, numLayers = 0, numHeads = 0, numClasses = 0, numClusters = 0;
  std::string device;
  std::string deviceIsa;       ///< "armv8.0-a"
  int64_t deviceMemoryLimit = 0; ///< Bytes; 0 when unknown.
  int64_t sequence = 0;        ///< Tokens at most.
  bool padded = false;
  std::string quantize;        ///< "f32"
  MacsReport macs;
  std::vector<TensorReport> tensors; ///< In file order.
  MemoryReport memory;
  std::vector<DroppedReport> dropped;
  std::vector<std::string> notes;    ///< One sentence each, for a verbose report.
  std::string outputPath;            ///< Empty when nothing was written.
  int64_t fileBytes = 0, weightBytes = 0, tokenizerBytes = 0;
  double bitsPerWeight() const {
    return parameters ? 8.0 * static_cast<double>(weightBytes) / static_cast<double>(parameters)
                      : 0.0;
  }
  /// Set when centroids were fitted.
  int64_t calibrationTexts = 0, calibrationTokens = 0;
  std::vector<StageReport> stages;
};

/// How a report is written.
enum class ReportKind { Text, Markdown, Json, Html };

/// By a file name's extension: .txt, .md, .json, .html (or .htm). Another is an error that
/// names these.
absl::StatusOr<ReportKind> reportKindOf(const std::string &path);

/// The report for people (fits 80 columns; a table of totals, then one of tensors when
/// `verbose`), for machines ("schema_version": 1), or as one self-contained page with a
/// picture of the memory map. Text may be coloured.
std::string renderReport(const CompileReport &report, ReportKind kind, bool verbose = true,
                         bool color = false);

} // namespace gem

#endif // GEM_COMPILER_REPORT_COMPILEREPORT_H
