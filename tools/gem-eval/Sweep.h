// gem-eval sweep: several compressions of one model, side by side.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_TOOLS_GEM_EVAL_SWEEP_H
#define GEM_TOOLS_GEM_EVAL_SWEEP_H

#include "compiler/Sweep/SweepReport.h"
#include <string>

namespace gem::eval {

/// Runs the subcommand; `argv[0]` is its name. The exit code.
int sweepMain(int argc, const char *const *argv);

/// The report for a terminal of `width` columns: in a narrow one the table has fewer columns.
std::string renderSweepText(const SweepReport &report, size_t width, bool color);
/// The report for machines ("schema_version": 1).
std::string renderSweepJson(const SweepReport &report);

} // namespace gem::eval

#endif // GEM_TOOLS_GEM_EVAL_SWEEP_H
