// How long a program takes on a device, by a model.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A roofline (Williams, Waterman and Patterson, 2009) of every call: the longer of
// computing and of moving bytes, and the overheads of a call. The figures come from the
// device's profile; what the model takes for granted is said by describeAssumptions().
// docs/devices.md has the formulas, and how far they are from what was measured.

#ifndef GEM_TARGETS_CPU_LATENCYMODEL_H
#define GEM_TARGETS_CPU_LATENCYMODEL_H

#include "absl/status/statusor.h"
#include "dialects/GemRT/GemRT.h"
#include "targets/devices/DeviceProfile.h"
#include <algorithm>
#include <string>
#include <vector>

namespace gem {

/// What decides how long a call takes.
enum class LatencyBound { Compute, Bandwidth, Overhead };

struct CallTime {
  /// Alone: arithmetic, bytes, and what a call costs whatever it does.
  double computeSeconds = 0, memorySeconds = 0, overheadSeconds = 0;
  double seconds() const { return std::max(computeSeconds, memorySeconds) + overheadSeconds; }
  LatencyBound bound() const;
};

/// The times of calls on the cores of a device that take part.
class LatencyModel {
public:
  /// With `threads` threads (0: as many as the profile says) on the fastest cores, one each.
  /// A program that reads and writes `residentBytes` a run, weights and arena together, finds
  /// them in a cache that holds them; 0: unknown, weights come from memory.
  LatencyModel(const DeviceProfile &device, int64_t threads, int64_t residentBytes = 0);

  /// Of a call of `kernel` ("linear_quantized"). NotFound when the device has no rate for the
  /// format.
  absl::StatusOr<CallTime> time(llvm::StringRef kernel, const rt::KernelCost &cost) const;

  int64_t getThreads() const { return threads; }
  /// One line for people.
  std::string describeAssumptions() const;

private:
  /// The part of a call that the thread with the most of it has.
  struct Share {
    int64_t threads = 1; ///< That take part.
    double part = 1;     ///< Of the units.
    double tokens = 1;   ///< That it multiplies a weight with.
  };
  Share shareOf(const rt::KernelCost &cost) const;
  absl::StatusOr<double> computeSeconds(const DeviceCluster &cluster, llvm::StringRef kernel,
                                        const rt::KernelCost &cost, const Share &share) const;

  DeviceProfile device;
  int64_t threads;
  int64_t cacheBytes = 0; ///< The largest that the first core sees.
  /// Shares of the weights by where they come from: a core's own cache, the largest, memory.
  double fromOwnCache = 0, fromCache = 0, fromMemory = 1;
};

/// A call of a program.
struct ModelledCall {
  std::string name;   ///< The part of the model: "encoder.layer.0.output.dense".
  std::string kernel; ///< "linear_quantized"
  rt::KernelCost cost;
  CallTime time;
};

struct ModelledLatency {
  int64_t tokens = 0, threads = 0;
  double seconds = 0;              ///< The sum of the calls'.
  std::vector<ModelledCall> calls; ///< In order.
  std::string assumptions;
};

/// The latency of one run of `entry`, whose arena is planned, with `tokens` tokens (0: as
/// many as it takes; always within the bounds of its symbols) and `threads` threads (0: as
/// the device's profile says).
absl::StatusOr<ModelledLatency> modelLatency(rt::EntryOp entry, const DeviceProfile &device,
                                             int64_t tokens = 0, int64_t threads = 0);

} // namespace gem

#endif // GEM_TARGETS_CPU_LATENCYMODEL_H
