// How long a program takes on a device, by a model.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "targets/Cpu/LatencyModel.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

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

LatencyModel::LatencyModel(const DeviceProfile &device, int64_t threads, int64_t residentBytes)
    : device(device), threads(std::clamp<int64_t>(threads > 0 ? threads : device.threads, 1,
                                                  std::max<int64_t>(device.numCores(), 1))) {
  if (!device.clusters.empty())
    cacheBytes = std::max(device.l3Bytes, device.clusters.front().l2Bytes);
  isResident = residentBytes > 0 && residentBytes <= cacheBytes;
}

absl::StatusOr<CallTime> LatencyModel::time(llvm::StringRef kernel, const KernelCost &cost) const {
  // Threads get equal shares of whole units, so the largest share on the slowest core is the
  // last to be done.
  int64_t units = std::max<int64_t>(cost.units, 1);
  int64_t used = std::min(threads, units);
  double share = static_cast<double>((units + used - 1) / used) / static_cast<double>(units);
  double slowest = 0, cacheBandwidth = 0;
  for (const DeviceCluster &cluster : clustersOf(device, used)) {
    double rate = cluster.macsPerSecond({kernel.data(), kernel.size()}, cost.format);
    if (cost.macs > 0 && rate == 0)
      return absl::NotFoundError(absl::StrCat("device '", device.name, "' has no rate for ",
                                              cost.format, " on ", cluster.name,
                                              ": add one to its profile"));
    double seconds = cost.macs > 0 ? static_cast<double>(cost.macs) / rate : 0;
    seconds +=
        static_cast<double>(cost.operations) / (cluster.operationsPerCycle * cluster.clockHz);
    slowest = std::max(slowest, seconds);
    double bandwidth = cluster.cacheBytesPerCycle * cluster.clockHz;
    cacheBandwidth = cacheBandwidth == 0 ? bandwidth : std::min(cacheBandwidth, bandwidth);
  }
  double memory =
      std::min(device.memoryBandwidthCore * static_cast<double>(used), device.memoryBandwidth);
  double cache = std::max(cacheBandwidth * static_cast<double>(used), memory);
  bool activationsFit = cost.activationBytes <= cacheBytes;

  CallTime time;
  time.computeSeconds = slowest * share;
  time.memorySeconds =
      static_cast<double>(cost.weightBytes) / (isResident ? cache : memory) +
      static_cast<double>(cost.activationBytes) / (activationsFit ? cache : memory);
  time.overheadSeconds = device.perCallSeconds + (used > 1 ? device.forkJoinSeconds : 0);
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
                   isResident ? "weights in the cache after the first run"
                              : "weights read from memory once a run");
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
  for (auto symbol : program.getOps<rt::SymbolOp>()) {
    int64_t &size = sizes[symbol.getSymName()];
    if (tokens > 0)
      size = std::clamp<int64_t>(tokens, symbol.getMinimum(), symbol.getMaximum());
    latency.tokens = size;
  }
  int64_t residentBytes = entry.getArenaSize().value_or(0);
  for (auto constant : program.getOps<ConstantOp>())
    residentBytes += mlir::cast<ConstantType>(constant.getType()).getByteSize();

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
