// What a compilation did, as figures.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_COMPILER_REPORT_COMPILEREPORT_H
#define GEM_COMPILER_REPORT_COMPILEREPORT_H

#include "absl/status/statusor.h"

#include <cstdint>
#include <optional>
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
  std::string format; ///< As stored: "f32", "int8", "int4g32" (passes/Quantization/WeightFormat.h).
  std::string layout; ///< "row_major", "panel_16"
  int64_t bytes = 0; ///< In the bundle, padding of the layout included.
  /// What chose the codes, "rtn" or "gptq"; empty of a float format.
  std::string algorithm;
  /// Signal to noise of the values, 10 log10(sum w^2 / sum (w - w')^2) dB. Not set where
  /// the stored values are exactly the checkpoint's.
  std::optional<double> snr;
  /// The same of what the layer computes from the calibration texts.
  std::optional<double> outputSnr;
  /// What the allocation expects this format to cost in the domain it costs most: nats of
  /// KL divergence.
  std::optional<double> predictedLoss;
  std::string predictedDomain; ///< That domain.
};

/// A buffer of the arena, alive from the call numbered `first` to `last`; call 0 is the
/// filling of the inputs.
struct BufferReport {
  std::string name; ///< What writes it.
  int64_t offset = 0, bytes = 0;
  int64_t first = 0, last = 0;
};

struct MemoryReport {
  int64_t arenaBytes = 0; ///< The planned peak.
  int64_t lowerBoundBytes = 0; ///< The most bytes alive at one time.
  int64_t numCalls = 0;
  std::vector<BufferReport> buffers; ///< By offset.
  int64_t sessionBytes = 0; ///< A session without its arena; 0 when not known.
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

/// What decides how long a call takes.
enum class Binds { Compute, Bandwidth, Overhead };

struct CallLatency {
  std::string name; ///< The layer: "encoder.layer.0.output.dense".
  std::string kernel; ///< "linear_quantized"
  std::string format; ///< Of its weights; empty without weights.
  double seconds = 0;
  int64_t macs = 0, bytes = 0; ///< Work, and bytes moved.
  Binds binds = Binds::Compute;
};

/// Modelled, not measured: targets/Cpu/LatencyModel.h.
struct LatencyReport {
  int64_t tokens = 0, threads = 0;
  double seconds = 0;
  std::vector<CallLatency> calls; ///< In order.
  /// The same program at other lengths.
  struct Point {
    int64_t tokens = 0;
    double seconds = 0;
  };
  std::vector<Point> points; ///< By tokens.
  std::string assumptions; ///< What the model takes for granted; one line.
};

/// How the formats were chosen.
struct AllocationReport {
  std::string recipe; ///< "hybrid", or the file it was read from.
  /// The budget and what the choice takes of it: of size, of latency, or both; 0 when there
  /// is none.
  int64_t budgetBytes = 0, usedBytes = 0;
  double budgetSeconds = 0, usedSeconds = 0;
  /// How far at most the best choice could lie below this one, as a share of this one's
  /// predicted loss.
  std::optional<double> gap;
  /// Predicted loss of the whole model, nats of KL divergence.
  std::optional<double> worstLoss, meanLoss;
  std::string worstDomain;
};

/// Shares, of 1, of decisions of the router that differ from those of the f32 model.
struct FlipsReport {
  double routed = 0; ///< Of tokens, whether they are routed.
  double cluster = 0; ///< Of tokens, to which cluster.
  double mask = 0; ///< Of pairs of tokens, whether SCAR permits them.
};

/// The compressed model beside the f32 model on texts of one domain.
struct DomainReport {
  std::string domain;
  int64_t texts = 0;
  std::optional<double> agreement; ///< Share of texts with the same best class.
  std::optional<double> divergence; ///< Mean KL(f32 || compressed) of the classes, nats.
  std::optional<double> accuracyF32, accuracy; ///< Shares of the texts that have a label.
  std::optional<FlipsReport> flipsBefore; ///< Before the router is fitted again.
  std::optional<FlipsReport> flips; ///< Of the program as it is written.
};

struct EvaluationReport {
  std::string source; ///< The file of texts.
  DomainReport overall; ///< Every text.
  std::vector<DomainReport> domains; ///< By name.
};

struct CompileReport {
  std::string producer; ///< "gem-compile 0.1.0"
  std::string modelPath, modelName, architecture, sourceFormat;
  int64_t parameters = 0;
  int64_t hiddenSize = 0, numLayers = 0, numHeads = 0, numClasses = 0, numClusters = 0;
  std::string device;
  std::string deviceIsa; ///< "armv8.0-a"
  int64_t deviceMemoryLimit = 0; ///< Bytes; 0 when unknown.
  int64_t sequence = 0; ///< Tokens at most.
  bool padded = false;
  std::string quantize; ///< "f32", "int8", "hybrid"
  MacsReport macs;
  std::vector<TensorReport> tensors; ///< In file order.
  MemoryReport memory;
  std::vector<DroppedReport> dropped;
  std::vector<std::string> notes; ///< One sentence each, for a verbose report.
  std::string outputPath; ///< Empty when nothing was written.
  int64_t fileBytes = 0, weightBytes = 0, tokenizerBytes = 0;
  double bitsPerWeight() const {
    return parameters ? 8.0 * static_cast<double>(weightBytes) / static_cast<double>(parameters)
                      : 0.0;
  }
  /// Set when centroids were fitted.
  int64_t calibrationTexts = 0, calibrationTokens = 0;
  std::optional<AllocationReport> allocation;
  std::optional<EvaluationReport> evaluation;
  std::optional<LatencyReport> latency;
  std::vector<StageReport> stages;
};

/// How a report is written.
enum class ReportKind { Text, Markdown, Json, Html };

/// By a file name's extension: .txt, .md, .json, .html (or .htm). Another is an error that
/// names these.
absl::StatusOr<ReportKind> reportKindOf(const std::string &path);

/// The report for people (fits 80 columns; a table of totals, then one of tensors when
/// `verbose`), for machines ("schema_version": 2), or as one self-contained page with
/// charts. Text may be coloured. A section appears when there are figures for it.
std::string renderReport(const CompileReport &report, ReportKind kind, bool verbose = true,
                         bool color = false);

} // namespace gem

#endif // GEM_COMPILER_REPORT_COMPILEREPORT_H
