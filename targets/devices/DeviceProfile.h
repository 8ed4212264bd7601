// What the compiler knows of a device.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_TARGETS_DEVICES_DEVICEPROFILE_H
#define GEM_TARGETS_DEVICES_DEVICEPROFILE_H

#include "absl/status/statusor.h"
#include <cstdint>
#include <string>
#include <vector>

namespace gem {

/// A device_profile.proto in memory; the fields are described there.
struct DeviceProfile {
  std::string name, description, isa;
  int64_t memoryLimit = 0; ///< Bytes; 0 when unknown.
};

/// The built-in profile of this name. The error lists those there are.
absl::StatusOr<DeviceProfile> findDevice(const std::string &name);

/// The built-in profiles, by name.
std::vector<DeviceProfile> listDevices();

} // namespace gem

#endif // GEM_TARGETS_DEVICES_DEVICEPROFILE_H
