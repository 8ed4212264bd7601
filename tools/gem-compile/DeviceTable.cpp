// The devices of --list-devices.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/gem-compile/DeviceTable.h"
#include "targets/devices/DeviceProfile.h"
#include "tools/common/Format.h"
#include "tools/common/Terminal.h"

using namespace gem;
using namespace gem::compile;

/// "armv8.2-a dotprod fp16"; of the host only what it has. Every Armv8-A core of interest
/// has NEON.
static std::string instructionsOf(const DeviceProfile &device) {
  std::string text = device.isa == "host" ? "" : device.isa;
  for (const std::string &feature : device.clusters.front().features)
    if (feature != "neon" || text.empty())
      text += (text.empty() ? "" : " ") + feature;
  return text;
}

std::string gem::compile::formatDeviceTable(bool color) {
  auto dim = [&](const std::string &text) { return tools::Paint(color, tools::kDim, text); };
  using Align = tools::Table::Align;
  tools::Table table({Align::kLeft, Align::kLeft, Align::kRight, Align::kRight});
  table.AddRow({dim("device"), dim("cores"), dim("clock"), dim("memory"), dim("instructions")});
  for (const DeviceProfile &device : listDevices()) {
    for (const DeviceCluster &cluster : device.clusters) {
      bool isFirst = &cluster == &device.clusters.front();
      std::string memory =
          device.memoryLimit ? tools::FormatBytes(device.memoryLimit) : std::string("-");
      table.AddRow({isFirst ? tools::Paint(color, tools::kBold, device.name) : "",
                    std::to_string(cluster.count) + " × " + cluster.name,
                    tools::Format("%.2f GHz", cluster.clockHz * 1e-9), isFirst ? memory : "",
                    isFirst ? instructionsOf(device) : ""});
    }
  }
  return table.ToString() + "\n" +
         dim("memory: what an application may use; host: as found on this machine.\n"
             "--device also takes a profile of your own, FILE.textproto.") +
         "\n";
}
