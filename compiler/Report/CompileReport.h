// What a compilation did, as figures.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_COMPILER_REPORT_COMPILEREPORT_H
#define GEM_COMPILER_REPORT_COMPILEREPORT_H

#include "absl/status/statusor.h"
#include "compiler/Report/BrittlenessReport.h"
#include "compiler/Report/SharedFigures.h"

#include <cstdint>
#include <map>
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
  /// What the runtime takes besides, for as many threads as the device has by default: a
  /// session without its arena, the open bundle, and a tokenizer (0 without one). 0 when not
  /// known.
  int64_t sessionBytes = 0, bundleBytes = 0, tokenizerBytes = 0;
  bool isTooMuch = false; ///< For the device, so that no bundle was written.
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
  /// Whether the model was calibrated on them too, so that the figures are a little too good.
  bool isCalibration = false;
  DomainReport overall; ///< Every text.
  std::vector<DomainReport> domains; ///< By name.
};

/// What was removed from one structure of the model.
struct PrunedSpace {
  std::string name; ///< "encoder.layer.0.output.dense", "embeddings.word_embeddings"
  /// "channels", "heads", "head_channels", "scar_heads", "block" (1 entry before, 0 after),
  /// "vocabulary", "positions", "clusters" or "classes".
  std::string kind;
  int64_t entriesBefore = 0, entriesAfter = 0;
  int64_t macsBefore = 0, macsAfter = 0; ///< Of a text of PruningReport::tokens.
};

/// What pruning cost a domain, on texts that neither importance nor refit saw.
struct PrunedDomain {
  std::string domain;
  int64_t texts = 0;
  /// Mean likelihood exp(-loss) of the pruned model's over the uncompressed model's, as pruned
  /// and once the remaining layers were fitted again; the former is not known without refit.
  std::optional<double> ratioBefore;
  double ratio = 1;
  Interval interval; ///< Of `ratio`.
};

/// A layer that was fitted to the uncompressed one's output: mean squared error relative to
/// that output's variance.
struct PreservedLayer {
  std::string name;
  double errorBefore = 0, errorAfter = 0;
};

/// Rows of a table that no longer exist.
struct VocabularyReport {
  std::string corpus; ///< The file of texts.
  int64_t texts = 0;
  int64_t piecesBefore = 0, piecesAfter = 0;
  double resplit = 0; ///< Share of the texts with a word that is now split otherwise.
  double unknown = 0; ///< Share of the texts with a word that is [UNK] only now.
};

/// What pruning removed, and what it cost.
struct PruningReport {
  int64_t tokens = 0; ///< Of a text that work is counted for.
  int64_t macsBefore = 0, macsAfter = 0; ///< Of encoder, router and SCAR, unsliced.
  std::optional<double> target; ///< Share of macsBefore that was asked for.
  double reached() const {
    return macsBefore ? static_cast<double>(macsAfter) / static_cast<double>(macsBefore) : 1.0;
  }
  std::string importance; ///< "hessian"
  bool routerAware = true, domainAware = true;
  std::string validation; ///< The file of texts to judge on, or that they were split from.
  std::optional<double> floor; ///< --keep-domain
  /// The domain whose floor ended the search before its target, with the ratio and the
  /// interval that removing more would have had; empty when none did.
  std::string stoppedBy;
  double stoppedRatio = 0;
  Interval stoppedInterval;
  std::vector<PrunedSpace> spaces; ///< In program order.
  std::vector<PrunedDomain> domains; ///< By name.
  std::vector<PreservedLayer> layers; ///< In program order; empty without refit.
  std::optional<VocabularyReport> vocabulary;
};

/// A condition that fails the build where it holds, or cannot be judged.
struct GateReport {
  std::string condition;
  std::map<std::string, double> figures; ///< Those that it names and that are known.
  bool failed = false;
  std::string message; ///< Why it failed, with the figures and the worst domain.
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
  std::optional<PruningReport> pruning;
  /// The bundle against the uncompressed model, on texts that the compression did not see.
  std::optional<BrittlenessReport> brittleness;
  std::vector<GateReport> gates;
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
