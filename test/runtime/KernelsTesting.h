// What the tests of the CPU kernels share: inputs, outputs with canaries, splits.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef GEM_TEST_RUNTIME_KERNELSTESTING_H
#define GEM_TEST_RUNTIME_KERNELSTESTING_H

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "runtime/kernels/Kernels.h"

namespace gem {

// --- inputs ------------------------------------------------------------------

// Integers only, so that every host draws the same (Marsaglia's xorshift).
class Random {
 public:
  explicit Random(uint32_t seed) : state_(seed * 2654435761u + 1) {}
  uint32_t Bits() {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 17;
    state_ ^= state_ << 5;
    return state_;
  }
  uint32_t Below(uint32_t bound) { return Bits() % bound; }
  // In [-scale, scale), of 24 bits.
  float Float(float scale) {
    return (static_cast<float>(Bits() >> 8) - 0x1p23f) * 0x1p-23f * scale;
  }
  std::vector<float> Floats(size_t count, float scale = 1) {
    std::vector<float> values(count);
    for (float& value : values) value = Float(scale);
    return values;
  }

 private:
  uint32_t state_;
};

inline float FromBits(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

inline uint64_t Fnv(const void* data, size_t size, uint64_t hash = 0xcbf29ce484222325u) {
  const uint8_t* bytes = static_cast<const uint8_t*>(data);
  for (size_t i = 0; i < size; ++i) hash = (hash ^ bytes[i]) * 0x100000001b3u;
  return hash;
}

// An output with a canary behind it.
template <class T>
class Output {
 public:
  explicit Output(size_t count) : count_(count), values_(count + 64) {
    std::memset(values_.data(), 0xa5, values_.size() * sizeof(T));
  }
  T* data() { return values_.data(); }
  const T& operator[](size_t i) const { return values_[i]; }
  std::string bytes() const {
    return {reinterpret_cast<const char*>(values_.data()), count_ * sizeof(T)};
  }
  void CheckCanary() const {
    const uint8_t* end = reinterpret_cast<const uint8_t*>(values_.data() + count_);
    for (size_t i = 0; i < 64 * sizeof(T); ++i) ASSERT_EQ(end[i], 0xa5) << "wrote past the end";
  }

 private:
  size_t count_;
  std::vector<T> values_;
};

// Calls run(begin, end) over [0, units): at once for `parts` 1, in that many
// ranges, and last range first, otherwise.
template <class Run>
void Split(uint32_t units, uint32_t parts, Run run) {
  for (uint32_t part = parts; part-- > 0;) {
    const uint32_t begin = units * part / parts, end = units * (part + 1) / parts;
    if (begin < end) run(begin, end);
  }
}

// 64-byte aligned storage, as weights have it.
class Aligned {
 public:
  explicit Aligned(size_t size) : storage_(size + 64) {}
  uint8_t* data() {
    return storage_.data() + (64 - reinterpret_cast<uintptr_t>(storage_.data()) % 64) % 64;
  }
  const uint8_t* data() const { return const_cast<Aligned*>(this)->data(); }

 private:
  std::vector<uint8_t> storage_;
};

inline std::vector<const CpuKernels*> SupportedKernels() {
  size_t count = 0;
  const CpuKernels* const* all = AllCpuKernels(&count);
  std::vector<const CpuKernels*> supported;
  for (size_t i = 0; i < count; ++i) {
    if (all[i]->supported()) supported.push_back(all[i]);
  }
  return supported;
}

}  // namespace gem

#endif  // GEM_TEST_RUNTIME_KERNELSTESTING_H
