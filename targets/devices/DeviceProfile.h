// What the compiler knows of a device.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_TARGETS_DEVICES_DEVICEPROFILE_H
#define GEM_TARGETS_DEVICES_DEVICEPROFILE_H

#include "absl/status/statusor.h"
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace gem {

/// Multiply-accumulates in a cycle and core.
struct DeviceRate {
  std::string format; ///< Of the weights: "int8", "int4".
  std::string kernel; ///< "attention"; empty: any kernel.
  double macsPerCycle = 0;
  int64_t tokens = 0; ///< A point of a curve; 0: at any number of tokens.
  double cacheMacsPerCycle = 0, memoryMacsPerCycle = 0; ///< 0: as macsPerCycle.
};

/// What a kernel costs beside its products.
struct DeviceKernel {
  std::string kernel, format; ///< Format empty: any.
  double operationsPerCycle = 0, cyclesPerOutput = 0, cyclesPerUnit = 0; ///< 0: not said.
};

/// Where the weights of a call are when it begins.
enum class WeightPlace { OwnCache, LargestCache, Memory };

/// Cores that are alike.
struct DeviceCluster {
  std::string name; ///< "Cortex-A72"
  int64_t count = 0;
  double clockHz = 0;
  std::vector<std::string> features; ///< "neon", "dotprod", ...
  std::vector<DeviceRate> rates;
  double operationsPerCycle = 0;
  int64_t l1Bytes = 0, l2Bytes = 0; ///< Data caches; 0 when unknown.
  double cacheBytesPerCycle = 0;
  std::vector<DeviceKernel> kernels;

  /// Multiply-accumulates a second of one core that runs `kernel` on weights in `format`
  /// ("int4g32"), each with `tokens` rows: of the most specific rates there are. 0 when no
  /// rate applies.
  double macsPerSecond(std::string_view kernel, std::string_view format, int64_t tokens = 1,
                       WeightPlace place = WeightPlace::OwnCache) const;
  /// What is known of `kernel` on weights in `format`, with the cluster's figures for what is
  /// not.
  DeviceKernel kernelFigures(std::string_view kernel, std::string_view format) const;
};

/// A device_profile.proto in memory; the fields are described there.
struct DeviceProfile {
  std::string name, description, isa;
  int64_t memoryLimit = 0;             ///< Bytes; 0 when unknown.
  std::vector<DeviceCluster> clusters; ///< The fastest first.
  double memoryBandwidthCore = 0, memoryBandwidth = 0; ///< Bytes a second.
  int64_t l3Bytes = 0;
  double perCallSeconds = 0, forkJoinSeconds = 0;
  int64_t threads = 1; ///< Of a session, unless told otherwise.
  std::vector<std::string> sources;

  int64_t numCores() const;
};

/// Whether `name` is that of a file rather than of a built-in profile.
bool isDeviceFile(std::string_view name);

/// The built-in profile of this name, or, of a name that ends in .textproto, the one in that
/// file. NotFound lists the built-in ones; InvalidArgument says which field of which file is
/// wrong. "host" describes the machine that this runs on.
absl::StatusOr<DeviceProfile> findDevice(const std::string &name);

/// Reads a DeviceProfile in protobuf's text format. `origin` names it in errors.
absl::StatusOr<DeviceProfile> parseDeviceProfile(std::string_view text, const std::string &origin);

/// The built-in profiles, by name.
std::vector<DeviceProfile> listDevices();

/// Replaces what can be read from the machine that this runs on: cores, clock, extensions
/// (and the rates that go with them) and caches.
void detectHost(DeviceProfile &device);

} // namespace gem

#endif // GEM_TARGETS_DEVICES_DEVICEPROFILE_H
