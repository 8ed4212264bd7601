// Rows of a weight, spread over threads.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_PASSES_QUANTIZATION_PARALLEL_H
#define GEM_PASSES_QUANTIZATION_PARALLEL_H

#include <algorithm>
#include <cstdint>
#include <thread>
#include <vector>

namespace gem::quant {

/// Calls work(first, last) for ranges that together are [0, count), each on a thread of its
/// own. The work of a row must not depend on the range it is in.
template <typename Work> void parallelRanges(int64_t count, unsigned threads, const Work &work) {
  const int64_t parts = std::min<int64_t>(std::max(1u, threads), count);
  std::vector<std::thread> others;
  for (int64_t part = 1; part < parts; ++part)
    others.emplace_back([&, part] { work(count * part / parts, count * (part + 1) / parts); });
  if (parts > 0)
    work(int64_t{0}, count / parts);
  for (std::thread &other : others)
    other.join();
}

} // namespace gem::quant

#endif // GEM_PASSES_QUANTIZATION_PARALLEL_H
