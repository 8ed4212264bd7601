// Figures that several reports hold.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_COMPILER_REPORT_SHAREDFIGURES_H
#define GEM_COMPILER_REPORT_SHAREDFIGURES_H

namespace gem {

/// Shares, of 1, of decisions of the router that differ from those of the f32 model.
struct FlipsReport {
  double routed = 0;  ///< Of tokens, whether they are routed.
  double cluster = 0; ///< Of tokens, to which cluster.
  double mask = 0;    ///< Of pairs of tokens, whether SCAR permits them.
};

/// 95 % of a paired bootstrap over the texts (Efron and Tibshirani, 1993, percentiles).
struct Interval {
  double low = 0, high = 0;
};

} // namespace gem

#endif // GEM_COMPILER_REPORT_SHAREDFIGURES_H
