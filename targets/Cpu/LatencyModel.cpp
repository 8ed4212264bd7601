// How long a program takes on a device, by a model.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "targets/Cpu/LatencyModel.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "llvm/Support/MathExtras.h"
#include <cmath>

using namespace gem;
using namespace gem::rt;

/// The clusters that `threads` threads, one a core, reach, the first ones first.
static llvm::ArrayRef<DeviceCluster> clustersOf(const DeviceProfile &device, int64_t threads) {
  size_t count = 0;
  for (int64_t cores = 0; count < device.clusters.size() && cores < threads; ++count)
    cores += device.clusters[count].count;
  return llvm::ArrayRef(device.clusters).take_front(count);
}

LatencyBound CallTime::bound() const {
  double work = std::max(computeSeconds, memorySeconds);
  if (overheadSeconds > work)
    return LatencyBound::Overhead;
  return computeSeconds >= memorySeconds ? LatencyBound::Compute : LatencyBound::Bandwidth;
}

/// What a cache of `cacheBytes` holds of a program that goes through `bytes` again and again:
/// all of up to half of it, nothing of one and a half and more. A cache that dropped what was
/// used least recently would have nothing as soon as the program is larger; real ones fall off
/// evenly (docs/devices.md), also because a run leaves some of its memory untouched.
static double shareInCache(int64_t bytes, int64_t cacheBytes) {
  if (bytes <= 0 || cacheBytes <= 0)
    return 0;
  return std::clamp(1.5 - static_cast<double>(bytes) / static_cast<double>(cacheBytes), 0.0, 1.0);
}

LatencyModel::LatencyModel(const DeviceProfile &device, int64_t threads, int64_t residentBytes)
    : device(device), threads(std::clamp<int64_t>(threads > 0 ? threads : device.threads, 1,
                                                  std::max<int64_t>(device.numCores(), 1))) {
  int64_t ownBytes = 0;
  if (!device.clusters.empty())
    ownBytes = device.clusters.front().l2Bytes;
  cacheBytes = std::max(device.l3Bytes, ownBytes);
  double inCache = shareInCache(residentBytes, cacheBytes);
  fromMemory = 1 - inCache;
  // What a core's own cache holds is near. The more lies in the largest one, the further it is
  // spread there, until half of that is full: there, profiles say how far away it is.
  double half = static_cast<double>(cacheBytes) / 2, own = static_cast<double>(ownBytes);
  if (half > own)
    fromOwnCache =
        inCache * std::clamp((half - static_cast<double>(residentBytes)) / (half - own), 0.0, 1.0);
  fromCache = inCache - fromOwnCache;
}

/// How runtime/drivers/cpu/CpuDriver.cpp and runtime/core/ThreadPool.cpp split a call.
LatencyModel::Share LatencyModel::shareOf(const KernelCost &cost) const {
  constexpr int64_t kSerialOperations = 1 << 15; // fewer stay on the calling thread
  constexpr int64_t kTokenGrain = 32, kMostTokenGrain = 128;
  int64_t units = std::max<int64_t>(cost.units, 1), grain = std::max<int64_t>(cost.grain, 1);
  int64_t tokens = std::max<int64_t>(cost.tokens, 1);
  bool isByTokens = cost.sharesTokens && threads > 1 && tokens >= kTokenGrain * threads;
  if (isByTokens) {
    units = tokens;
    grain =
        std::min<int64_t>(llvm::alignTo(llvm::divideCeil(tokens, threads), 16), kMostTokenGrain);
  }
  Share share;
  share.tokens = static_cast<double>(tokens);
  int64_t grains = llvm::divideCeil(units, grain);
  if (cost.driverOperations < kSerialOperations)
    return share;
  share.threads = std::min(threads, grains);
  int64_t most = std::min<int64_t>(
      static_cast<int64_t>(llvm::divideCeil(grains, share.threads)) * grain, units);
  share.part = static_cast<double>(most) / static_cast<double>(units);
  if (isByTokens)
    share.tokens = static_cast<double>(most);
  return share;
}

absl::StatusOr<double> LatencyModel::computeSeconds(const DeviceCluster &cluster,
                                                    llvm::StringRef kernel, const KernelCost &cost,
                                                    const Share &share) const {
  double seconds = 0;
  if (cost.macs > 0) {
    auto tokens = static_cast<int64_t>(std::ceil(share.tokens));
    for (auto [place, part] : {std::pair(WeightPlace::OwnCache, fromOwnCache),
                               std::pair(WeightPlace::LargestCache, fromCache),
                               std::pair(WeightPlace::Memory, fromMemory)}) {
      double rate =
          cluster.macsPerSecond({kernel.data(), kernel.size()}, cost.format, tokens, place);
      if (rate == 0)
        return absl::NotFoundError(absl::StrCat("device '", device.name, "' has no rate for ",
                                                cost.format, " on ", cluster.name,
                                                ": add one to its profile"));
      seconds += part * static_cast<double>(cost.macs) / rate;
    }
  }
  DeviceKernel figures = cluster.kernelFigures({kernel.data(), kernel.size()}, cost.format);
  // What a linear applies to its outputs is the function that runs elsewhere as "activation".
  DeviceKernel applied = cost.outputs > 0 ? cluster.kernelFigures("activation", "f32") : figures;
  double cycles = static_cast<double>(cost.operations) / applied.operationsPerCycle +
                  static_cast<double>(cost.outputs) * figures.cyclesPerOutput +
                  static_cast<double>(cost.units) * figures.cyclesPerUnit;
  return (seconds + cycles / cluster.clockHz) * share.part;
}

absl::StatusOr<CallTime> LatencyModel::time(llvm::StringRef kernel, const KernelCost &cost) const {
  // Threads get equal shares, so the largest share on the slowest core is the last to be done.
  Share share = shareOf(cost);
  double slowest = 0, cacheBandwidth = 0;
  for (const DeviceCluster &cluster : clustersOf(device, share.threads)) {
    absl::StatusOr<double> seconds = computeSeconds(cluster, kernel, cost, share);
    if (!seconds.ok())
      return seconds.status();
    slowest = std::max(slowest, *seconds);
    double bandwidth = cluster.cacheBytesPerCycle * cluster.clockHz;
    cacheBandwidth = cacheBandwidth == 0 ? bandwidth : std::min(cacheBandwidth, bandwidth);
  }
  auto used = static_cast<double>(share.threads);
  double memory = std::min(device.memoryBandwidthCore * used, device.memoryBandwidth);
  double cache = std::max(cacheBandwidth * used, memory);
  bool activationsFit = cost.activationBytes <= cacheBytes;

  CallTime time;
  time.computeSeconds = slowest;
  time.memorySeconds =
      static_cast<double>(cost.weightBytes) * (fromMemory / memory + fromCache / cache) +
      static_cast<double>(cost.activationBytes) / (activationsFit ? cache : memory);
  time.overheadSeconds = device.perCallSeconds + (share.threads > 1 ? device.forkJoinSeconds : 0);
  return time;
}

std::string LatencyModel::describeAssumptions() const {
  std::vector<std::string> cores;
  int64_t left = threads;
  for (const DeviceCluster &cluster : clustersOf(device, threads)) {
    int64_t count = std::min(left, cluster.count);
    left -= count;
    cores.push_back(
        absl::StrFormat("%d x %s at %.2f GHz", count, cluster.name, cluster.clockHz * 1e-9));
  }
  std::string text =
      absl::StrCat(absl::StrJoin(cores, " and "), ", equal shares, no other load or throttling; ",
                   fromMemory == 0   ? "weights in the cache after the first run"
                   : fromMemory == 1 ? "weights read from memory once a run"
                                     : absl::StrFormat("%.0f %% of the weights read from memory "
                                                       "once a run, the others in the cache",
                                                       fromMemory * 100));
  absl::StrAppend(&text,
                  absl::StrFormat(" (%.1f GB/s, one core %.1f)", device.memoryBandwidth * 1e-9,
                                  device.memoryBandwidthCore * 1e-9),
                  "; SCAR over every pair of tokens");
  return text;
}

absl::StatusOr<ModelledLatency> gem::modelLatency(EntryOp entry, const DeviceProfile &device,
                                                  int64_t tokens, int64_t threads) {
  auto program = entry->getParentOfType<ProgramOp>();
  SymbolSizes sizes = getMaximumSizes(program);
  ModelledLatency latency;
  latency.tokens = tokens;
  int64_t maximum = 0;
  for (auto symbol : program.getOps<rt::SymbolOp>()) {
    int64_t &size = sizes[symbol.getSymName()];
    maximum = size;
    if (tokens > 0)
      size = std::clamp<int64_t>(tokens, symbol.getMinimum(), symbol.getMaximum());
    latency.tokens = size;
  }
  // Of tables, only the rows that are looked up; of the arena, what fewer tokens leave.
  int64_t residentBytes = entry.getArenaSize().value_or(0);
  if (maximum > latency.tokens)
    residentBytes = residentBytes * latency.tokens / maximum;
  entry.walk([&](CallOp call) {
    residentBytes += call.getKernel()
                         .getCost(call.getInputs().getTypes(), call.getOutputs().getTypes(), sizes)
                         .weightBytes;
  });

  LatencyModel model(device, threads, residentBytes);
  latency.threads = model.getThreads();
  latency.assumptions = model.describeAssumptions();
  absl::Status status = absl::OkStatus();
  entry.walk([&](CallOp call) {
    KernelAttrInterface kernel = call.getKernel();
    ModelledCall &entry = latency.calls.emplace_back();
    entry.name = call.getName().value_or("").str();
    llvm::StringRef mnemonic = kernel.getAbstractAttribute().getName();
    mnemonic.consume_front("gemrt.");
    entry.kernel = mnemonic.str();
    entry.cost = kernel.getCost(call.getInputs().getTypes(), call.getOutputs().getTypes(), sizes);
    absl::StatusOr<CallTime> time = model.time(entry.kernel, entry.cost);
    if (!time.ok()) {
      status = time.status();
      return mlir::WalkResult::interrupt();
    }
    entry.time = *time;
    latency.seconds += time->seconds();
    return mlir::WalkResult::advance();
  });
  if (!status.ok())
    return status;
  return latency;
}
