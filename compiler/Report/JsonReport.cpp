// The report for machines.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Keys are added without changing schema_version; it rises when a key goes or
// changes its meaning. Bytes, counts and seconds are plain numbers, shares are of 1, losses
// and divergences in nats; a value that is not known, or does not apply, is null.
//
// 2: a tensor's "format" is a weight format, such as "int4g32", no longer an element type.

#include "compiler/Report/Figures.h"
#include "compiler/Report/MemoryMap.h"

#include <nlohmann/json.hpp>

#include <cmath>

namespace gem {

using Json = nlohmann::ordered_json;

static constexpr int kSchemaVersion = 2;

static Json orNull(int64_t value) { return value ? Json(value) : Json(); }

static Json orNull(const std::optional<double> &value) {
  return value && std::isfinite(*value) ? Json(*value) : Json();
}
static Json orNull(const std::string &value) { return value.empty() ? Json() : Json(value); }
static Json orNull(const std::optional<FlipsReport> &flips) {
  return flips ? Json{{"routed", flips->routed}, {"cluster", flips->cluster}, {"mask", flips->mask}}
               : Json();
}

static Json toJson(const AllocationReport &allocation) {
  auto budget = [](auto limit, auto used) {
    return limit > 0 ? Json{{"budget", limit}, {"used", used}} : Json();
  };
  return {{"recipe", orNull(allocation.recipe)},
          {"bytes", budget(allocation.budgetBytes, allocation.usedBytes)},
          {"seconds", budget(allocation.budgetSeconds, allocation.usedSeconds)},
          {"gap", orNull(allocation.gap)},
          {"worst_loss", orNull(allocation.worstLoss)},
          {"worst_domain", orNull(allocation.worstDomain)},
          {"mean_loss", orNull(allocation.meanLoss)}};
}

static Json toJson(const DomainReport &domain) {
  return {{"domain", orNull(domain.domain)},
          {"texts", domain.texts},
          {"agreement", orNull(domain.agreement)},
          {"divergence", orNull(domain.divergence)},
          {"accuracy_f32", orNull(domain.accuracyF32)},
          {"accuracy", orNull(domain.accuracy)},
          {"flips_before_refit", orNull(domain.flipsBefore)},
          {"flips", orNull(domain.flips)}};
}

static Json toJson(const EvaluationReport &evaluation) {
  Json domains = Json::array();
  for (const DomainReport &domain : evaluation.domains)
    domains.push_back(toJson(domain));
  return {{"source", orNull(evaluation.source)},
          {"is_calibration", evaluation.isCalibration},
          {"overall", toJson(evaluation.overall)},
          {"domains", std::move(domains)}};
}

static Json toJson(const Interval &interval) { return {interval.low, interval.high}; }

static Json toJson(const PruningReport &pruning) {
  Json spaces = Json::array(), domains = Json::array(), layers = Json::array();
  for (const PrunedSpace &space : pruning.spaces)
    spaces.push_back({{"name", space.name},
                      {"kind", space.kind},
                      {"entries_before", space.entriesBefore},
                      {"entries", space.entriesAfter},
                      {"macs_before", space.macsBefore},
                      {"macs", space.macsAfter}});
  for (const PrunedDomain &domain : pruning.domains)
    domains.push_back({{"domain", orNull(domain.domain)},
                       {"texts", domain.texts},
                       {"ratio_before_refit", orNull(domain.ratioBefore)},
                       {"ratio", domain.ratio},
                       {"ratio_interval", toJson(domain.interval)}});
  for (const PreservedLayer &layer : pruning.layers)
    layers.push_back(
        {{"name", layer.name}, {"error_before", layer.errorBefore}, {"error", layer.errorAfter}});
  Json vocabulary, stopped;
  if (const auto &rows = pruning.vocabulary)
    vocabulary = {{"corpus", rows->corpus},
                  {"texts", rows->texts},
                  {"pieces_before", rows->piecesBefore},
                  {"pieces", rows->piecesAfter},
                  {"resplit", rows->resplit},
                  {"unknown", rows->unknown}};
  if (!pruning.stoppedBy.empty())
    stopped = {{"domain", pruning.stoppedBy},
               {"ratio", pruning.stoppedRatio},
               {"ratio_interval", toJson(pruning.stoppedInterval)}};
  return {{"tokens", pruning.tokens},
          {"macs_before", pruning.macsBefore},
          {"macs", pruning.macsAfter},
          {"kept", pruning.reached()},
          {"target", orNull(pruning.target)},
          {"importance", orNull(pruning.importance)},
          {"router_aware", pruning.routerAware},
          {"domain_aware", pruning.domainAware},
          {"validation", orNull(pruning.validation)},
          {"floor", orNull(pruning.floor)},
          {"stopped_by", std::move(stopped)},
          {"spaces", std::move(spaces)},
          {"domains", std::move(domains)},
          {"layers", std::move(layers)},
          {"vocabulary", std::move(vocabulary)}};
}

static Json toJson(const std::vector<GateReport> &gates) {
  Json list = Json::array();
  for (const GateReport &gate : gates)
    list.push_back({{"condition", gate.condition},
                    {"failed", gate.failed},
                    {"figures", gate.figures},
                    {"message", orNull(gate.message)}});
  return list;
}

static Json toJson(const LatencyReport &latency) {
  Json calls = Json::array(), points = Json::array();
  for (const CallLatency &call : latency.calls)
    calls.push_back({{"name", call.name},
                     {"kernel", call.kernel},
                     {"format", orNull(call.format)},
                     {"seconds", call.seconds},
                     {"macs", call.macs},
                     {"bytes", call.bytes},
                     {"binds", report::keyOf(call.binds)}});
  for (const LatencyReport::Point &point : latency.points)
    points.push_back({{"tokens", point.tokens}, {"seconds", point.seconds}});
  return {{"tokens", latency.tokens},    {"threads", latency.threads},
          {"seconds", latency.seconds},  {"assumptions", orNull(latency.assumptions)},
          {"points", std::move(points)}, {"calls", std::move(calls)}};
}

std::string renderJson(const CompileReport &report) {
  Json root;
  root["schema_version"] = kSchemaVersion;
  root["kind"] = "compile_report";
  root["producer"] = report.producer;
  root["model"] = {{"name", report.modelName},
                   {"architecture", report.architecture},
                   {"path", report.modelPath},
                   {"format", report.sourceFormat},
                   {"parameters", report.parameters},
                   {"hidden_size", report.hiddenSize},
                   {"num_hidden_layers", report.numLayers},
                   {"num_attention_heads", report.numHeads},
                   {"num_classes", orNull(report.numClasses)},
                   {"num_clusters", orNull(report.numClusters)}};
  root["device"] = {{"name", report.device},
                    {"isa", report.deviceIsa},
                    {"memory_limit_bytes", orNull(report.deviceMemoryLimit)}};
  root["input"] = {{"maximum_tokens", report.sequence}, {"padded", report.padded}};
  root["quantize"] = report.quantize;

  root["output"] = {{"path", report.outputPath.empty() ? Json() : Json(report.outputPath)},
                    {"file_bytes", report.fileBytes},
                    {"weight_bytes", report.weightBytes},
                    {"tokenizer_bytes", report.tokenizerBytes},
                    {"other_bytes", report::otherBytes(report)},
                    {"bits_per_weight", report.bitsPerWeight()}};

  Json &macs = root["macs"];
  for (const report::MacsShare &share : report::macsShares(report))
    macs[share.key] = share.macs;
  macs["total"] = report.macs.total();

  Json &parts = root["bytes_by_part"] = Json::object();
  auto sums = report::bytesByPart(report);
  for (size_t i = 0; i < sums.size(); ++i)
    if (sums[i])
      parts[report::keyOf(static_cast<report::Part>(i))] = sums[i];

  Json &formats = root["bytes_by_format"] = Json::array();
  for (const report::FormatTotal &total : report::totalsByFormat(report))
    formats.push_back({{"format", total.format},
                       {"tensors", total.tensors},
                       {"values", total.values},
                       {"bytes", total.bytes},
                       {"share", total.share},
                       {"bits_per_weight", total.bitsPerValue()}});

  const MemoryReport &memory = report.memory;
  root["memory"] = {{"arena_bytes", memory.arenaBytes},
                    {"lower_bound_bytes", memory.lowerBoundBytes},
                    {"ratio", memory.ratio()},
                    {"calls", memory.numCalls},
                    {"session_bytes", orNull(memory.sessionBytes)},
                    {"bundle_bytes", orNull(memory.bundleBytes)},
                    {"tokenizer_bytes", orNull(memory.tokenizerBytes)},
                    {"peak_bytes", report::peakBytes(report)}};
  // Where the arena is fullest, and whether the device holds all.
  MemoryMap map = makeMemoryMap(report);
  root["memory"]["fits"] = map.limitBytes == 0 ? Json() : Json(map.fits());
  Json &peak = root["memory"]["arena_peak"] = {
      {"call", map.peakCall}, {"name", map.peakName}, {"bytes", map.peakBytes}};
  Json &alive = peak["buffers"] = Json::array();
  for (const BufferReport &buffer : map.peakBuffers)
    alive.push_back({{"name", buffer.name}, {"bytes", buffer.bytes}});
  Json &buffers = root["memory"]["buffers"] = Json::array();
  for (const BufferReport &buffer : memory.buffers)
    buffers.push_back({{"name", buffer.name},
                       {"offset", buffer.offset},
                       {"bytes", buffer.bytes},
                       {"first_call", buffer.first},
                       {"last_call", buffer.last}});

  root["calibration"] = report.calibrationTexts == 0 ? Json()
                                                     : Json{{"texts", report.calibrationTexts},
                                                            {"tokens", report.calibrationTokens}};

  root["allocation"] = report.allocation ? toJson(*report.allocation) : Json();
  root["evaluation"] = report.evaluation ? toJson(*report.evaluation) : Json();
  root["pruning"] = report.pruning ? toJson(*report.pruning) : Json();
  // As gem-eval writes it.
  root["brittleness"] =
      report.brittleness ? Json::parse(renderBrittlenessJson(*report.brittleness)) : Json();
  root["gates"] = toJson(report.gates);
  root["latency"] = report.latency ? toJson(*report.latency) : Json();

  Json &tensors = root["tensors"] = Json::array();
  for (const TensorReport &tensor : report.tensors)
    tensors.push_back({{"name", tensor.name},
                       {"shape", tensor.shape},
                       {"source_type", tensor.sourceType},
                       {"format", tensor.format},
                       {"layout", tensor.layout},
                       {"bytes", tensor.bytes},
                       {"algorithm", orNull(tensor.algorithm)},
                       {"snr_db", orNull(tensor.snr)},
                       {"output_snr_db", orNull(tensor.outputSnr)},
                       {"predicted_loss", orNull(tensor.predictedLoss)},
                       {"predicted_domain", orNull(tensor.predictedDomain)}});
  Json &dropped = root["dropped"] = Json::array();
  for (const DroppedReport &tensor : report.dropped)
    dropped.push_back({{"name", tensor.name}, {"bytes", tensor.bytes}, {"reason", tensor.reason}});
  root["notes"] = report.notes;
  Json &stages = root["stages"] = Json::array();
  for (const StageReport &stage : report.stages)
    stages.push_back({{"name", stage.name}, {"seconds", stage.seconds}});
  return root.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

} // namespace gem
