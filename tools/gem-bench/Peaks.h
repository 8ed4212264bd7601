// What the machine could do at most: the rates that a model's are compared with.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Multiply-accumulates a second of the ISA's widest instructions, on registers
// alone, and bytes a second of reading memory from end to end. All threads work at
// once. Measured in short samples between the runs of a model, a peak holds also on
// a machine that is throttled or shared.
#ifndef GEM_TOOLS_GEM_BENCH_PEAKS_H
#define GEM_TOOLS_GEM_BENCH_PEAKS_H

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace gem::bench {

// 0: not known for this ISA.
struct Peaks {
  double int8_macs = 0;   // multiply-accumulates of int8 a second
  double f32_macs = 0;    // fused multiply-adds of f32 a second
  double read_bytes = 0;  // bytes a second
};

class PeakMeter {
 public:
  // `isa` as gem_session_info has it: "avx512vnni", ...
  explicit PeakMeter(const std::string& isa);
  ~PeakMeter();
  PeakMeter(const PeakMeter&) = delete;
  PeakMeter& operator=(const PeakMeter&) = delete;

  // Adds a sample of some 20 ms for this number of threads.
  void Sample(uint32_t threads);

  // The medians of the samples for this number of threads.
  Peaks Median(uint32_t threads) const;

  // The instructions that were measured: "vpdpbusd"; empty when there are none.
  const char* int8_instruction() const;
  const char* f32_instruction() const;

 private:
  struct Loop;
  static const Loop* Int8Loop(const std::string& isa);
  static const Loop* F32Loop(const std::string& isa);
  double Read(uint32_t threads);

  const Loop* int8_;
  const Loop* f32_;
  unsigned char* memory_ = nullptr;  // taken at the first sample
  size_t memory_size_ = 0;
  std::map<uint32_t, std::vector<Peaks>> samples_;
};

}  // namespace gem::bench

#endif  // GEM_TOOLS_GEM_BENCH_PEAKS_H
