// The list of targets.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "targets/Cpu/CpuTarget.h"
#include "targets/Target.h"

const gem::Target *gem::findTarget(llvm::StringRef name) {
  static const CpuTarget cpu;
  const Target *const all[] = {&cpu};
  for (const Target *target : all)
    if (target->getName() == name)
      return target;
  return nullptr;
}
