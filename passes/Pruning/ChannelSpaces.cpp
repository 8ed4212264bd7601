// Finds channels that can be removed between linear layers, and removes them.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "absl/strings/str_cat.h"
#include "passes/Pruning/MacCounting.h"
#include "passes/Pruning/Structures.h"
#include "passes/Pruning/WeightCut.h"
#include "llvm/ADT/StringMap.h"
#include <optional>

using namespace mlir;
using namespace gem;
using namespace gem::prune;

namespace {

/// A space and what it is made of in the module.
struct ChannelPath {
  ChannelSpace space;
  SmallVector<ChannelOpInterface> makers; ///< Operations whose result has the channels.
  SmallVector<WeightOp> rows;             ///< Weights that lose rows: producers and biases.
  WeightOp columns;                       ///< The consumer.
};

class PathFinder {
public:
  explicit PathFinder(ModuleOp module) : module(module), symbols(module) {
    for (auto function : module.getOps<func::FuncOp>())
      function.walk([&](GetWeightOp get) { ++reads[get.getWeight()]; });
  }

  std::vector<ChannelPath> findAll() {
    std::vector<ChannelPath> paths;
    for (auto function : module.getOps<func::FuncOp>())
      function.walk([&](ChannelOpInterface reader) {
        for (const ChannelUse &use : reader.getChannelUses())
          if (use.relation == ChannelRelation::Contracted)
            if (std::optional<ChannelPath> path = find(reader, use))
              paths.push_back(*std::move(path));
      });
    return paths;
  }

private:
  std::optional<ChannelPath> find(ChannelOpInterface reader, const ChannelUse &use) {
    ChannelPath path;
    path.columns = ownWeight(reader->getOperand(use.weightIndex));
    Value x = reader->getOperand(use.operandIndex);
    if (!path.columns || !trace(x, path) || path.space.producers.empty())
      return std::nullopt;
    int64_t channels = cast<RankedTensorType>(x.getType()).getDimSize(1);
    ChannelSpace &space = path.space;
    if (space.count == 0)
      space.count = channels;
    if (channels % space.count != 0)
      return std::nullopt;
    space.width = channels / space.count;
    space.consumer = path.columns.getSymName();
    space.name = nameOfLayer(space.consumer);
    space.outputWidth = path.columns.getWeightType().getDimSize(0);
    MacCount all = countMacs(module, reader);
    for (ChannelOpInterface maker : path.makers)
      all = all + countMacs(module, maker);
    space.entryMacs = {all.perText / space.count, all.perToken / space.count,
                       all.perPair / space.count};
    return path;
  }

  /// Follows the channels of `value`, which only the operation behind it may read, to the
  /// weights whose rows make them.
  bool trace(Value value, ChannelPath &path) {
    auto maker = value.getDefiningOp<ChannelOpInterface>();
    if (!maker || !value.hasOneUse() || maker->getNumResults() != 1)
      return false;
    path.makers.push_back(maker);
    if (int64_t groups = maker.getNumChannelGroups()) {
      ChannelSpace &space = path.space;
      if (space.count != 0 && space.count != groups)
        return false;
      space.count = groups;
      space.kind = isa<RouterOpInterface>(maker.getOperation()) ? ChannelSpace::Kind::ScarHeads
                                                                : ChannelSpace::Kind::Heads;
    }
    for (const ChannelUse &use : maker.getChannelUses()) {
      Value operand = maker->getOperand(use.operandIndex);
      switch (use.relation) {
      case ChannelRelation::Same:
      case ChannelRelation::Group:
        if (!trace(operand, path))
          return false;
        break;
      case ChannelRelation::Row:
        if (!addRows(operand, path))
          return false;
        break;
      case ChannelRelation::Contracted:
        path.space.inputWidth = cast<RankedTensorType>(operand.getType()).getDimSize(1);
        break;
      }
    }
    return true;
  }

  bool addRows(Value operand, ChannelPath &path) {
    WeightOp weight = ownWeight(operand);
    if (!weight)
      return false;
    ChannelSpace &space = path.space;
    if (weight.getWeightType().getRank() == 2) {
      space.producers.push_back(weight.getSymName().str());
      space.producerBiases.emplace_back();
    } else if (!space.producers.empty()) {
      space.producerBiases.back() = weight.getSymName();
    } else {
      return false;
    }
    path.rows.push_back(weight);
    return true;
  }

  /// The weight behind `value` where nothing else reads it.
  WeightOp ownWeight(Value value) {
    auto get = value.getDefiningOp<GetWeightOp>();
    if (!get || !get->hasOneUse() || reads.lookup(get.getWeight()) != 1)
      return {};
    return symbols.lookup<WeightOp>(get.getWeight());
  }

  ModuleOp module;
  SymbolTable symbols;
  llvm::StringMap<int> reads; ///< get_weight operations, by weight.
};

absl::StatusOr<ChannelPath> findPath(ModuleOp module, StringRef name) {
  std::string known;
  for (ChannelPath &path : PathFinder(module).findAll()) {
    if (path.space.name == name)
      return std::move(path);
    absl::StrAppend(&known, known.empty() ? "" : ", ", path.space.name);
  }
  return absl::InvalidArgumentError(absl::StrCat("no channels '", name.str(),
                                                 "' can be removed from this module; it has ",
                                                 known.empty() ? "none" : known));
}

/// `space` in `module`.
absl::StatusOr<ChannelPath> findPath(ModuleOp module, const ChannelSpace &space) {
  absl::StatusOr<ChannelPath> path = findPath(module, space.name);
  if (!path.ok())
    return path;
  const ChannelSpace &found = path->space;
  if (found.count != space.count || found.width != space.width ||
      found.producers != space.producers)
    return absl::InvalidArgumentError(
        absl::StrCat("the channels '", space.name, "' are ", found.count, " entries of ",
                     found.width, " in this module, but the space given has ", space.count, " of ",
                     space.width, ": find the spaces again after removing from them"));
  return path;
}

/// Keeps `channels` of a path, which are then `groups` times `width`.
absl::Status keepChannels(ModuleOp module, ChannelPath &path, ArrayRef<int64_t> channels,
                          int64_t groups, int64_t width) {
  for (WeightOp weight : path.rows)
    if (absl::Status status = verifyUncompressed(weight); !status.ok())
      return status;
  if (absl::Status status = verifyUncompressed(path.columns); !status.ok())
    return status;
  for (WeightOp weight : path.rows)
    setValue(module, weight, keepRows(weight.getValue(), channels, weight.getSymName()));
  setValue(module, path.columns,
           keepColumns(path.columns.getValue(), channels, path.columns.getSymName()));
  for (ChannelOpInterface maker : path.makers)
    maker.setChannelGroups(groups, width);
  return absl::OkStatus();
}

} // namespace

std::vector<ChannelSpace> prune::findChannelSpaces(ModuleOp module) {
  std::vector<ChannelSpace> spaces;
  for (ChannelPath &path : PathFinder(module).findAll())
    spaces.push_back(std::move(path.space));
  return spaces;
}

absl::StatusOr<ChannelSpace> prune::findChannelSpace(ModuleOp module, StringRef name) {
  absl::StatusOr<ChannelPath> path = findPath(module, name);
  if (!path.ok())
    return path.status();
  return std::move(path->space);
}

absl::Status prune::keepEntries(ModuleOp module, const ChannelSpace &space,
                                ArrayRef<int64_t> kept) {
  absl::StatusOr<ChannelPath> path = findPath(module, space);
  if (!path.ok())
    return path.status();
  const char *what = space.kind == ChannelSpace::Kind::Channels ? "channels" : "heads";
  if (absl::Status status =
          verifyKept(kept, space.count, absl::StrCat(what, " of '", space.name, "'"));
      !status.ok())
    return status;
  std::vector<int64_t> channels;
  for (int64_t entry : kept)
    for (int64_t channel = 0; channel < space.width; ++channel)
      channels.push_back(entry * space.width + channel);
  return keepChannels(module, *path, channels, kept.size(), space.width);
}

absl::Status prune::keepHeadChannels(ModuleOp module, const ChannelSpace &space, int64_t headDim) {
  absl::StatusOr<ChannelPath> path = findPath(module, space);
  if (!path.ok())
    return path.status();
  if (path->space.kind == ChannelSpace::Kind::Channels)
    return absl::InvalidArgumentError(
        absl::StrCat("'", space.name, "' reads no heads of an attention: its ", space.count,
                     " channels are to be kept one by one"));
  if (headDim < 1 || headDim > space.width)
    return absl::InvalidArgumentError(absl::StrCat("expected 1 to ", space.width,
                                                   " channels of each head of '", space.name,
                                                   "' to keep, but got ", headDim));
  std::vector<int64_t> channels;
  for (int64_t head = 0; head < space.count; ++head)
    for (int64_t channel = 0; channel < headDim; ++channel)
      channels.push_back(head * space.width + channel);
  return keepChannels(module, *path, channels, space.count, headDim);
}
