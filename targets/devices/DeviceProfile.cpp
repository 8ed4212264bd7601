// Reads the built-in device profiles.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "targets/devices/DeviceProfile.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "device_profile.pb.h"
#include <google/protobuf/text_format.h>

namespace {

struct BuiltinProfile {
  const char *name, *text;
};

const BuiltinProfile kBuiltin[] = {
#include "targets/devices/BuiltinProfiles.inc"
};

absl::StatusOr<gem::DeviceProfile> parse(const BuiltinProfile &builtin) {
  gem::devices::DeviceProfile message;
  if (!google::protobuf::TextFormat::ParseFromString(builtin.text, &message) ||
      message.name() != builtin.name)
    return absl::InternalError(
        absl::StrCat("the built-in profile '", builtin.name, "' is no DeviceProfile of that name"));
  return gem::DeviceProfile{message.name(), message.description(), message.isa(),
                            message.memory_limit()};
}

} // namespace

absl::StatusOr<gem::DeviceProfile> gem::findDevice(const std::string &name) {
  std::vector<std::string> names;
  for (const BuiltinProfile &builtin : kBuiltin) {
    if (name == builtin.name)
      return parse(builtin);
    names.push_back(builtin.name);
  }
  return absl::NotFoundError(
      absl::StrCat("unknown device '", name, "'; there are ", absl::StrJoin(names, ", ")));
}

std::vector<gem::DeviceProfile> gem::listDevices() {
  std::vector<DeviceProfile> devices;
  for (const BuiltinProfile &builtin : kBuiltin)
    if (absl::StatusOr<DeviceProfile> device = parse(builtin); device.ok())
      devices.push_back(*device);
  return devices;
}
