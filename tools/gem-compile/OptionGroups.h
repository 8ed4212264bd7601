// Options of gem-compile by what they are about: each group is added to the command line, and
// checked once it was read.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_TOOLS_GEM_COMPILE_OPTIONGROUPS_H
#define GEM_TOOLS_GEM_COMPILE_OPTIONGROUPS_H

#include "tools/gem-compile/Options.h"

namespace gem::compile {

void addQuantizationOptions(CLI::App &app, Options &options);
void addPruningOptions(CLI::App &app, Options &options);
void addEvaluationOptions(CLI::App &app, Options &options);
/// What --help leaves out.
void addAdvancedPruningOptions(CLI::App &app, Options &options);
void addAdvancedEvaluationOptions(CLI::App &app, Options &options);

// Each prints what is wrong and returns false when values are of the wrong kind, or options do
// not go together.

/// Reads --max-size and --max-latency; the other checks need them.
bool readBudgets(Options &options);
bool checkQuantization(const Options &options);
bool checkPruning(Options &options);
bool checkEvaluation(Options &options);

} // namespace gem::compile

#endif // GEM_TOOLS_GEM_COMPILE_OPTIONGROUPS_H
