// The drivers that this library was built with.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/drivers/Driver.h"

namespace gem {

// gem_drivers.inc has a line GEM_DRIVER(Name) for each of the build's
// GEM_DRIVERS, whose driver is gem::kNameDriver.
#define GEM_DRIVER(name) extern const Driver k##name##Driver;
#include "gem_drivers.inc"
#undef GEM_DRIVER

const Driver* FindDriver(schema::Driver id) {
#define GEM_DRIVER(name)                                                       \
  if (k##name##Driver.id == id && k##name##Driver.version == kDriverVersion) { \
    return &k##name##Driver;                                                   \
  }
#include "gem_drivers.inc"
#undef GEM_DRIVER
  return nullptr;
}

}  // namespace gem
