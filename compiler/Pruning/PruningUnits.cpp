// The parts of a model that pruning makes smaller, and the sizes that each may have.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Pruning/PruningUnits.h"
#include "absl/strings/str_cat.h"
#include "compiler/Pruning/HeadRotation.h"
#include "compiler/Pruning/ModuleWeights.h"
#include <algorithm>
#include <numeric>

using namespace mlir;
using namespace gem;

namespace {

/// What the covariance of a layer's inputs is damped by when columns are fitted.
constexpr double kDamping = 1e-3;

/// Shares, in sixteenths, of the channels of a feed-forward network that are tried.
constexpr int64_t kChannelShares[] = {15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1};
/// The same of the channels of a head.
constexpr int64_t kHeadShares[] = {12, 10, 8, 6, 5, 4, 3, 2};
/// Kernels work on this many channels of a head, and on groups of this many inputs, at a time.
constexpr int64_t kHeadMultiple = 8, kChannelMultiple = 16;

int64_t share(int64_t count, int64_t sixteenths, int64_t multiple) {
  int64_t kept = (count * sixteenths + 8) / 16;
  kept = (kept + multiple - 1) / multiple * multiple;
  return kept;
}

/// Mean and covariance from the uncentred moments that calibration keeps.
absl::StatusOr<InputMoments> momentsOf(const quant::StatisticsSource &statistics,
                                       const std::string &weight) {
  absl::StatusOr<quant::InputStatistics> known = statistics.load(weight);
  if (!known.ok())
    return known.status();
  InputMoments moments;
  moments.width = known->width;
  moments.mean.assign(known->width, 0);
  for (const quant::DomainStatistics &domain : known->domains)
    for (int64_t i = 0; i < known->width; ++i)
      moments.mean[i] += domain.mean[i] / static_cast<double>(known->domains.size());
  moments.covariance.assign(known->gram.begin(), known->gram.end());
  for (int64_t i = 0; i < known->width; ++i)
    for (int64_t j = 0; j < known->width; ++j)
      moments.covariance[i * known->width + j] -= moments.mean[i] * moments.mean[j];
  return moments;
}

/// Rows [first, first + count) of a matrix of `width` columns.
std::vector<float> rowsOf(const std::vector<float> &matrix, int64_t first, int64_t count,
                          int64_t width) {
  return {matrix.begin() + first * width, matrix.begin() + (first + count) * width};
}

/// Moments of some channels only.
InputMoments select(const InputMoments &all, int64_t first, int64_t count) {
  InputMoments some;
  some.width = count;
  for (int64_t i = first; i < first + count; ++i) {
    some.mean.push_back(all.mean[i]);
    for (int64_t j = first; j < first + count; ++j)
      some.covariance.push_back(all.covariance[i * all.width + j]);
  }
  return some;
}

/// The moments of y, of which entry e is turn[e] (row-major [width, width]) times that of x.
InputMoments turn(const InputMoments &x, const std::vector<std::vector<double>> &turns,
                  int64_t width) {
  InputMoments y = x;
  auto turnRows = [&](std::vector<double> &matrix, int64_t columns) {
    std::vector<double> block(width * columns);
    for (size_t e = 0; e < turns.size(); ++e) {
      double *rows = matrix.data() + e * width * columns;
      std::fill(block.begin(), block.end(), 0.0);
      for (int64_t i = 0; i < width; ++i)
        for (int64_t k = 0; k < width; ++k)
          for (int64_t j = 0; j < columns; ++j)
            block[i * columns + j] += turns[e][i * width + k] * rows[k * columns + j];
      std::copy(block.begin(), block.end(), rows);
    }
  };
  auto transpose = [&](std::vector<double> &matrix) {
    for (int64_t i = 0; i < y.width; ++i)
      for (int64_t j = 0; j < i; ++j)
        std::swap(matrix[i * y.width + j], matrix[j * y.width + i]);
  };
  turnRows(y.mean, 1);
  turnRows(y.covariance, y.width);
  transpose(y.covariance);
  turnRows(y.covariance, y.width);
  return y;
}

std::string nameOfSize(const prune::ChannelSpace &space, const UnitSize &size) {
  if (size.entries == 0)
    return "removed";
  std::string name = absl::StrCat(size.entries, " of ", space.count);
  if (!size.headDim)
    return absl::StrCat(name, " channels");
  return absl::StrCat(name, space.count == 1 ? " head of " : " heads of ", size.headDim,
                      " channels");
}

} // namespace

std::vector<PruningUnit> gem::findPruningUnits(ModuleOp module, int64_t tokens) {
  std::vector<prune::ResidualBlock> blocks = prune::findResidualBlocks(module);
  std::vector<PruningUnit> units;
  for (prune::ChannelSpace &space : prune::findChannelSpaces(module)) {
    PruningUnit unit;
    unit.space = space;
    for (const prune::ResidualBlock &block : blocks)
      if (block.name == space.name)
        unit.block = block;
    auto add = [&](int64_t entries, int64_t headDim) {
      UnitSize size{entries, headDim, 0, ""};
      size.macs = space.macsOfEntry(tokens) * entries;
      if (headDim)
        size.macs = size.macs / space.width * headDim;
      size.name = nameOfSize(space, size);
      unit.sizes.push_back(size);
    };
    if (unit.isAttention()) {
      add(space.count, space.width);
      for (int64_t sixteenths : kHeadShares)
        if (int64_t dim = share(space.width, sixteenths, kHeadMultiple); dim < space.width)
          add(space.count, dim);
      for (int64_t heads = space.count - 1; heads > 0; --heads)
        for (int64_t sixteenths : {16, 12, 8, 4})
          if (int64_t dim = share(space.width, sixteenths, kHeadMultiple); dim <= space.width)
            add(heads, dim);
    } else {
      add(space.count, 0);
      for (int64_t sixteenths : kChannelShares)
        if (int64_t kept = share(space.count, sixteenths, kChannelMultiple); kept < space.count)
          add(kept, 0);
    }
    if (unit.block)
      add(0, unit.isAttention() ? space.width : 0);
    llvm::stable_sort(unit.sizes,
                      [](const UnitSize &a, const UnitSize &b) { return a.macs > b.macs; });
    unit.sizes.erase(std::unique(unit.sizes.begin(), unit.sizes.end(),
                                 [](const UnitSize &a, const UnitSize &b) {
                                   return a.entries == b.entries && a.headDim == b.headDim;
                                 }),
                     unit.sizes.end());
    units.push_back(std::move(unit));
  }
  return units;
}

absl::StatusOr<PreparedUnit> PreparedUnit::prepare(ModuleOp module, const PruningUnit &unit,
                                                   const quant::StatisticsSource &statistics,
                                                   const std::vector<double> &importance,
                                                   const std::vector<int64_t> &order) {
  const prune::ChannelSpace &space = unit.space;
  PreparedUnit prepared;
  prepared.unit = unit;
  absl::StatusOr<std::vector<float>> out = readWeight(module, space.consumer);
  absl::StatusOr<InputMoments> moments = momentsOf(statistics, space.consumer);
  for (const absl::Status &status : {out.status(), moments.status()})
    if (!status.ok())
      return status;
  const int64_t channels = space.count * space.width;
  prepared.original = {{space.outputWidth, channels, *std::move(out)}, *std::move(moments)};
  if (order.empty()) {
    EliminationOptions options;
    options.entryWidth = space.width;
    options.damping = kDamping;
    options.importance = importance;
    prepared.elimination =
        eliminateChannels(prepared.original.weight, prepared.original.moments, options);
  } else {
    prepared.elimination.order = order;
  }
  if (!unit.isAttention())
    return prepared;

  std::vector<std::vector<float>> weights, biases;
  for (int part = 0; part < 3; ++part) {
    absl::StatusOr<std::vector<float>> weight = readWeight(module, space.producers[part]);
    if (!weight.ok())
      return weight.status();
    weights.push_back(*std::move(weight));
    biases.emplace_back(space.count * space.width);
    if (space.producerBiases[part].empty())
      continue;
    absl::StatusOr<std::vector<float>> bias = readWeight(module, space.producerBiases[part]);
    if (!bias.ok())
      return bias.status();
    biases.back() = *std::move(bias);
  }
  absl::StatusOr<InputMoments> queries = momentsOf(statistics, space.producers[0]);
  absl::StatusOr<InputMoments> keys = momentsOf(statistics, space.producers[1]);
  for (const absl::Status &status : {queries.status(), keys.status()})
    if (!status.ok())
      return status;
  prepared.turned = prepared.original;
  std::vector<float> &columns = prepared.turned.weight.values;
  std::vector<std::vector<double>> turns;
  for (int64_t e = 0; e < space.count; ++e) {
    int64_t first = e * space.width;
    AttentionHead head;
    head.headDim = space.width;
    head.width = space.inputWidth;
    std::vector<float> *rows[] = {&head.q, &head.k, &head.v};
    std::vector<float> *starts[] = {&head.qBias, &head.kBias, &head.vBias};
    for (int part = 0; part < 3; ++part) {
      *rows[part] = rowsOf(weights[part], first, space.width, space.inputWidth);
      *starts[part] = rowsOf(biases[part], first, space.width, 1);
    }
    head.out = {space.outputWidth, space.width, {}};
    for (int64_t r = 0; r < space.outputWidth; ++r)
      for (int64_t c = 0; c < space.width; ++c)
        head.out.values.push_back(columns[r * channels + first + c]);
    HeadRotation rotation =
        rotateHead(head, *queries, *keys, select(prepared.original.moments, first, space.width));
    turns.push_back(std::move(rotation.valueTurn));
    for (int64_t r = 0; r < space.outputWidth; ++r)
      for (int64_t c = 0; c < space.width; ++c)
        columns[r * channels + first + c] = head.out.values[r * space.width + c];
    prepared.heads.push_back({head.q, head.k, head.v, head.qBias, head.kBias, head.vBias});
  }
  prepared.turned.moments = turn(prepared.original.moments, turns, space.width);
  return prepared;
}

PreparedUnit PreparedUnit::ordered(const PruningUnit &unit, std::vector<int64_t> order) {
  PreparedUnit prepared;
  prepared.unit = unit;
  prepared.elimination.order = std::move(order);
  return prepared;
}

absl::Status PreparedUnit::apply(ModuleOp module, const UnitSize &size, bool fit) const {
  const prune::ChannelSpace &space = unit.space;
  if (size.entries == 0)
    return prune::removeBlock(module, *unit.block);
  bool isWhole = size.entries == space.count && (!size.headDim || size.headDim == space.width);
  if (isWhole)
    return absl::OkStatus();
  std::vector<int64_t> entries = elimination.kept(size.entries);
  prune::ChannelSpace left = space; // keepHeadChannels wants what is there
  left.count = size.entries;
  if (size.entries < space.count)
    if (absl::Status status = prune::keepEntries(module, space, entries); !status.ok())
      return status;
  int64_t width = unit.isAttention() ? size.headDim : 1;
  std::vector<int64_t> channels;
  for (int64_t entry : entries)
    for (int64_t c = 0; c < width; ++c)
      channels.push_back(entry * space.width + c);
  // Whole heads stay as they are; cut ones are turned before.
  bool isTurned = unit.isAttention() && size.headDim < space.width;
  if (isTurned) {
    if (absl::Status status = prune::keepHeadChannels(module, left, size.headDim); !status.ok())
      return status;
    for (int part = 0; part < 3; ++part) {
      std::vector<float> weight, bias;
      for (int64_t entry : entries) {
        const Head &head = heads[entry];
        const std::vector<float> *rows[] = {&head.q, &head.k, &head.v};
        const std::vector<float> *starts[] = {&head.qBias, &head.kBias, &head.vBias};
        weight.insert(weight.end(), rows[part]->begin(),
                      rows[part]->begin() + width * space.inputWidth);
        bias.insert(bias.end(), starts[part]->begin(), starts[part]->begin() + width);
      }
      absl::Status status = replaceWeight(module, space.producers[part], std::move(weight));
      if (status.ok() && !space.producerBiases[part].empty())
        status = replaceWeight(module, space.producerBiases[part], std::move(bias));
      if (!status.ok())
        return status;
    }
  }
  if (!fit && !isTurned)
    return absl::OkStatus();
  const Consumer &consumer = isTurned ? turned : original;
  FittedColumns fitted;
  if (fit) {
    fitted = fitColumns(consumer.weight, consumer.moments, channels, kDamping);
  } else {
    fitted.weight.values.reserve(space.outputWidth * channels.size());
    for (int64_t r = 0; r < space.outputWidth; ++r)
      for (int64_t channel : channels)
        fitted.weight.values.push_back(consumer.weight.values[r * consumer.weight.width + channel]);
  }
  std::string biasName = biasOf(module, space.consumer);
  if (absl::Status status = replaceWeight(module, space.consumer, fitted.weight.values);
      !status.ok() || fitted.biasChange.empty() || biasName.empty())
    return status;
  absl::StatusOr<std::vector<float>> bias = readWeight(module, biasName);
  if (!bias.ok())
    return bias.status();
  for (size_t i = 0; i < bias->size(); ++i)
    (*bias)[i] += fitted.biasChange[i];
  return replaceWeight(module, biasName, *std::move(bias));
}
