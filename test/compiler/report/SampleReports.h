// Reports to render: a plain one, and one of a quantized model.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_TEST_COMPILER_REPORT_SAMPLEREPORTS_H
#define GEM_TEST_COMPILER_REPORT_SAMPLEREPORTS_H

#include "compiler/Report/CompileReport.h"

#include <cmath>

namespace gem {

inline CompileReport sample() {
  CompileReport report;
  report.producer = "gem-compile 0.1.0";
  report.modelPath = "models/tiny";
  report.modelName = "tiny";
  report.architecture = "gem";
  report.sourceFormat = "safetensors";
  report.parameters = 1'604'864;
  report.hiddenSize = 128;
  report.numLayers = 2;
  report.numHeads = 2;
  report.numClasses = 39;
  report.numClusters = 32;
  report.device = "raspberry-pi-4";
  report.deviceIsa = "armv8.0-a";
  report.deviceMemoryLimit = 3'000'000'000;
  report.sequence = 64;
  report.quantize = "f32";
  report.macs = {28'165'824, 843'776, 5'242'880, 4'992};
  auto tensor = [&](const char *name, std::vector<int64_t> shape, const char *source,
                    const char *format, const char *layout, int64_t bytes) -> TensorReport & {
    TensorReport &tensor = report.tensors.emplace_back();
    tensor.name = name;
    tensor.shape = std::move(shape);
    tensor.sourceType = source;
    tensor.format = format;
    tensor.layout = layout;
    tensor.bytes = bytes;
    return tensor;
  };
  tensor("embeddings.word_embeddings.weight", {8192, 128}, "f16", "f32", "row_major", 4'194'304);
  tensor("encoder.layer.0.attention.self.query.weight", {128, 128}, "f32", "f32", "panel_16",
         65'536);
  tensor("encoder.layer.0.output.LayerNorm.weight", {128}, "f32", "f32", "row_major", 512);
  tensor("router.W_r", {39, 128}, "f32", "f32", "row_major", 19'968);
  tensor("scar.out.weight", {128, 128}, "f32", "f32", "panel_16", 65'536);
  tensor("classifier.weight", {39, 128}, "f32", "f32", "panel_16", 24'576);
  report.memory = {196'608,
                   188'000,
                   3,
                   {{"ids", 163'840, 256, 0, 1},
                    {"embeddings.word_embeddings", 0, 32'768, 1, 2},
                    {"classifier", 32'768, 156, 3, 4}},
                   2'048};
  report.dropped = {{"teacher.x", 400, "the teacher serves training only"}};
  report.notes = {"num_attention_heads = 2: config.json"};
  report.outputPath = "pi4.gemb";
  report.weightBytes = 4'370'432;
  report.tokenizerBytes = 131'072;
  report.fileBytes = 4'510'000;
  report.calibrationTexts = 200;
  report.calibrationTokens = 4321;
  report.stages = {{"import", 0.0123}, {"calibrate", 1.8}};
  return report;
}

/// A model of `layers` layers in several formats, with every section there is. The figures
/// are made up.
inline CompileReport quantizedSample(int layers = 2) {
  CompileReport report = sample();
  report.quantize = "hybrid";
  report.numLayers = layers;
  report.tensors.clear();
  int64_t weights = 0, seed = 7;
  auto vary = [&] { return static_cast<double>((seed = seed * 48271 % 2147483647) % 1000) / 1000; };
  auto matrix = [&](std::string name, int64_t rows, int64_t width, const char *format,
                    double bits) {
    TensorReport &tensor = report.tensors.emplace_back();
    tensor.name = name + ".weight";
    tensor.shape = {rows, width};
    tensor.sourceType = "f32";
    tensor.format = format;
    tensor.layout = name.rfind("embeddings", 0) == 0 ? "row_major" : "panel_16";
    tensor.bytes = static_cast<int64_t>(rows * width * bits / 8);
    if (bits < 32) {
      tensor.algorithm = bits < 9 && tensor.layout == "panel_16" ? "gptq" : "rtn";
      tensor.snr = 6 * bits - 3 + 4 * vary();
      tensor.outputSnr = *tensor.snr + 2 + 5 * vary();
      tensor.predictedLoss = 0.6 / std::pow(4, bits) * (0.5 + vary());
      tensor.predictedDomain = "kernel";
    }
    weights += tensor.bytes;
    TensorReport &bias = report.tensors.emplace_back();
    bias.name = name + ".bias";
    bias.shape = {rows};
    bias.sourceType = bias.format = "f32";
    bias.layout = "row_major";
    bias.bytes = 4 * rows;
    weights += bias.bytes;
  };
  matrix("embeddings.word_embeddings.0", 1500, 128, "int8", 8.3);
  matrix("embeddings.word_embeddings.1", 6692, 128, "int4g32", 4.6);
  for (int layer = 0; layer < layers; ++layer) {
    std::string at = "encoder.layer." + std::to_string(layer) + ".";
    matrix(at + "attention.self.query", 128, 128, "int4g32", 4.5);
    matrix(at + "attention.self.key", 128, 128, "int4g32", 4.5);
    matrix(at + "attention.self.value", 128, 128, "int8", 8.25);
    matrix(at + "attention.output.dense", 128, 128, "int4g32", 4.5);
    matrix(at + "intermediate.dense", 512, 128, "int3g64", 3.4);
    matrix(at + "output.dense", 128, 512, "int4g32f16", 4.5);
  }
  matrix("router.W_r", 39, 128, "f32", 32);
  matrix("scar.out", 128, 128, "f16", 16);
  matrix("classifier", 39, 128, "int8", 8.25);
  report.weightBytes = weights;
  report.fileBytes = weights + report.tokenizerBytes + 14'000;
  report.memory.sessionBytes = 21'000;

  AllocationReport &allocation = report.allocation.emplace();
  allocation.recipe = "hybrid";
  allocation.budgetBytes = 1'000'000;
  allocation.usedBytes = 998'144;
  allocation.gap = 0.0031;
  allocation.worstLoss = 0.0061;
  allocation.worstDomain = "kernel";
  allocation.meanLoss = 0.0032;

  EvaluationReport &evaluation = report.evaluation.emplace();
  evaluation.source = "test.jsonl";
  auto fill = [](DomainReport &domain, std::string name, int64_t texts, double agreement,
                 double divergence, double accuracyF32, double accuracy) {
    domain.domain = name;
    domain.texts = texts;
    domain.agreement = agreement;
    domain.divergence = divergence;
    domain.accuracyF32 = accuracyF32;
    domain.accuracy = accuracy;
    domain.flipsBefore = {8 * divergence, 18 * divergence, 15 * divergence};
    domain.flips = {1.5 * divergence, 4 * divergence, 3.6 * divergence};
  };
  fill(evaluation.overall, "", 3900, 0.9862, 0.0034, 0.8721, 0.8708);
  const char *const names[] = {"admin", "devel", "games", "kernel", "libs", "net", "science"};
  for (const char *name : names) {
    double divergence = 0.0015 + 0.0045 * vary();
    fill(evaluation.domains.emplace_back(), name, 400 + static_cast<int64_t>(300 * vary()),
         1 - 4 * divergence, divergence, 0.8 + 0.1 * vary(), 0.8 + 0.1 * vary());
  }

  LatencyReport &latency = report.latency.emplace();
  latency.tokens = 64;
  latency.threads = 4;
  auto call = [&](std::string name, const char *kernel, const char *format, double seconds,
                  Binds binds) {
    latency.calls.push_back({name, kernel, format, seconds, static_cast<int64_t>(seconds * 4e10),
                             static_cast<int64_t>(seconds * 3e9), binds});
    latency.seconds += seconds;
  };
  call("embeddings", "embedding_blocks", "int8", 14e-6, Binds::Bandwidth);
  for (int layer = 0; layer < layers; ++layer) {
    std::string at = "encoder.layer." + std::to_string(layer) + ".";
    call(at + "input", "quantize_tokens", "", 6e-6, Binds::Overhead);
    for (const char *name : {"query", "key", "value"})
      call(at + "attention.self." + name, "linear_quantized", "int4g32", 38e-6, Binds::Compute);
    call(at + "attention.self", "attention", "", 45e-6, Binds::Compute);
    call(at + "attention.output.dense", "linear_quantized", "int4g32", 40e-6, Binds::Compute);
    call(at + "attention.output.LayerNorm", "layer_norm_quantized", "", 12e-6, Binds::Overhead);
    call(at + "intermediate.dense", "linear_quantized", "int3g64", 151e-6, Binds::Compute);
    call(at + "output.dense", "linear_quantized", "int4g32f16", 142e-6, Binds::Compute);
    call(at + "output.LayerNorm", "layer_norm_quantized", "", 12e-6, Binds::Overhead);
  }
  call("router", "route_tokens", "f32", 31e-6, Binds::Compute);
  call("scar", "scar_attention", "", 44e-6, Binds::Compute);
  call("classifier", "linear_quantized", "int8", 9e-6, Binds::Bandwidth);
  latency.points = {
      {16, latency.seconds / 4.4}, {32, latency.seconds / 2.1}, {64, latency.seconds}};
  latency.assumptions = "4 x Cortex-A72 at 1.50 GHz, equal shares, no other load or throttling; "
                        "weights in the cache after the first run (4.5 GB/s, one core 4.0); SCAR "
                        "over every pair of tokens";
  return report;
}

} // namespace gem

#endif // GEM_TEST_COMPILER_REPORT_SAMPLEREPORTS_H
