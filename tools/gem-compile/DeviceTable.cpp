// The devices of --list-devices.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/gem-compile/DeviceTable.h"
#include "targets/devices/DeviceProfile.h"
#include "tools/common/Format.h"
#include "tools/common/Terminal.h"
#include <algorithm>
#include <sstream>
#include <unistd.h>

using namespace gem;
using namespace gem::compile;

/// "armv8.2-a dotprod", by what kernels are chosen; of the host only what it has. Every
/// Armv8-A core of interest has NEON.
static std::string instructionsOf(const DeviceProfile &device) {
  std::string text = device.isa == "host" ? "" : device.isa;
  for (const std::string &feature : device.clusters.front().features)
    if (feature != "fp16" && (feature != "neon" || text.empty()))
      text += (text.empty() ? "" : " ") + feature;
  return text;
}

/// `text` in lines of at most `width` columns, broken at spaces, each behind `indent`.
static std::string wrap(const std::string &text, size_t indent, size_t width) {
  std::string out, line;
  auto flush = [&] {
    if (!line.empty())
      out += std::string(indent, ' ') + line + "\n";
    line.clear();
  };
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    if (!line.empty() && indent + tools::DisplayWidth(line) + 1 + tools::DisplayWidth(word) > width)
      flush();
    line += (line.empty() ? "" : " ") + word;
  }
  flush();
  return out;
}

std::string gem::compile::formatDeviceTable(bool color, bool verbose) {
  auto dim = [&](const std::string &text) { return tools::Paint(color, tools::kDim, text); };
  auto strong = [&](const std::string &text) { return tools::Paint(color, tools::kBold, text); };
  using Align = tools::Table::Align;
  tools::Table table({Align::kLeft, Align::kLeft, Align::kRight, Align::kRight});
  table.AddRow({dim("device"), dim("cores"), dim("clock"), dim("memory"), dim("instructions")});
  std::vector<DeviceProfile> devices = listDevices();
  for (const DeviceProfile &device : devices) {
    for (const DeviceCluster &cluster : device.clusters) {
      bool isFirst = &cluster == &device.clusters.front();
      std::string memory =
          device.memoryLimit ? tools::FormatBytes(device.memoryLimit) : std::string("-");
      table.AddRow({isFirst ? strong(device.name) : "",
                    std::to_string(cluster.count) + " × " + cluster.name,
                    tools::Format("%.2f GHz", cluster.clockHz * 1e-9), isFirst ? memory : "",
                    isFirst ? instructionsOf(device) : ""});
    }
  }
  std::string text = table.ToString() + "\n";
  if (verbose) {
    size_t width = std::max(tools::TerminalWidth(STDOUT_FILENO), 60);
    for (const DeviceProfile &device : devices) {
      text += strong(device.name) + ": " + device.description + "\n";
      for (const std::string &source : device.sources)
        text += wrap(source, 2, width);
      text += "\n";
    }
  }
  return text +
         dim(std::string("memory: what an application may use; host: as found on this machine.\n") +
             (verbose ? "" : "-v: where each figure comes from.\n") +
             "--device also takes a profile of your own, FILE.textproto; gem-bench\n"
             "--profile-device measures one.") +
         "\n";
}
