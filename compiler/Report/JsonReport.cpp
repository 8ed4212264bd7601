// The report for machines.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Keys are added without changing schema_version; it rises when a key goes or
// changes its meaning. Bytes, counts and seconds are plain numbers; a value that is
// not known, or does not apply, is null.

#include "compiler/Report/Figures.h"

#include <nlohmann/json.hpp>

namespace gem {

using Json = nlohmann::ordered_json;

static constexpr int kSchemaVersion = 1;

static Json orNull(int64_t value) { return value ? Json(value) : Json(); }

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

  const MemoryReport &memory = report.memory;
  root["memory"] = {{"arena_bytes", memory.arenaBytes},
                    {"lower_bound_bytes", memory.lowerBoundBytes},
                    {"ratio", memory.ratio()},
                    {"calls", memory.numCalls}};
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

  Json &tensors = root["tensors"] = Json::array();
  for (const TensorReport &tensor : report.tensors)
    tensors.push_back({{"name", tensor.name},
                       {"shape", tensor.shape},
                       {"source_type", tensor.sourceType},
                       {"format", tensor.format},
                       {"layout", tensor.layout},
                       {"bytes", tensor.bytes}});
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
