// Where the memory goes that a process needs to run a bundle.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_COMPILER_REPORT_MEMORYMAP_H
#define GEM_COMPILER_REPORT_MEMORYMAP_H

#include "compiler/Report/CompileReport.h"

#include <cstdint>
#include <string>
#include <vector>

namespace gem {

struct MemoryPart {
  std::string name; ///< "weights"
  int64_t bytes = 0;
  std::string note; ///< What they are; one line.
};

struct MemoryMap {
  std::vector<MemoryPart> parts;
  int64_t totalBytes = 0;
  int64_t limitBytes = 0;     ///< What an application may use on the device; 0: unknown.
  bool isComplete = false;    ///< Whether the runtime's own part is known.
  int64_t peakCall = 0;       ///< The first call with the most bytes alive; 0: the inputs.
  std::string peakName;       ///< What that call writes.
  int64_t peakBytes = 0;      ///< Alive there.
  std::vector<BufferReport> peakBuffers; ///< Those, the largest first.

  bool fits() const { return limitBytes == 0 || totalBytes <= limitBytes; }
};

MemoryMap makeMemoryMap(const CompileReport &report);

/// Lines of a table, each behind two spaces: the parts, the limit, and the largest buffers at
/// the arena's peak.
std::string renderMemoryMap(const MemoryMap &map);

/// Why the bundle does not fit: a line that says so, the map, and what would help.
std::string explainMemory(const CompileReport &report);

} // namespace gem

#endif // GEM_COMPILER_REPORT_MEMORYMAP_H
