// The devices of --list-devices.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_TOOLS_GEM_COMPILE_DEVICETABLE_H
#define GEM_TOOLS_GEM_COMPILE_DEVICETABLE_H

#include <string>

namespace gem::compile {

/// The built-in devices as a table for people, 80 columns wide at most; `verbose`: also where
/// each figure comes from.
std::string formatDeviceTable(bool color, bool verbose);

} // namespace gem::compile

#endif // GEM_TOOLS_GEM_COMPILE_DEVICETABLE_H
