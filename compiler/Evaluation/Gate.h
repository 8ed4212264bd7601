// Gates: conditions on an evaluation that fail a build.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_COMPILER_EVALUATION_GATE_H
#define GEM_COMPILER_EVALUATION_GATE_H

#include "compiler/Evaluation/Condition.h"
#include "compiler/Report/CompileReport.h"
#include <string>
#include <vector>

namespace gem {

/// The names that figures of an evaluation may have (figuresOf), sorted; with labels on the
/// texts or without.
std::vector<std::string> possibleFigures(const std::vector<std::string> &domains, bool hasLabels);

/// What can be known before the model runs: InvalidArgument when a condition names a figure
/// that there is not, FailedPrecondition when it names one that needs labels and the texts of
/// `data` have none.
absl::Status checkConditions(const std::vector<Condition> &conditions,
                             const std::vector<std::string> &domains, bool hasLabels,
                             const std::string &data);

/// Judges the first model of `report`. A condition that cannot be judged fails the gate.
GateReport judgeGate(const Condition &condition, const BrittlenessReport &report);

} // namespace gem

#endif // GEM_COMPILER_EVALUATION_GATE_H
