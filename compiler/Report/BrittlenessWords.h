// Figures of brittleness as words.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_COMPILER_REPORT_BRITTLENESSWORDS_H
#define GEM_COMPILER_REPORT_BRITTLENESSWORDS_H

#include "compiler/Report/BrittlenessReport.h"

#include <optional>
#include <string>

namespace gem::report {

using Figure = std::optional<double>;

/// Whether a figure is known and finite, so that it can be shown.
bool has(const Figure &figure);
bool has(const std::optional<Interval> &interval);

// Empty where there is nothing to show.
std::string number(const Figure &figure, int digits = 3);     ///< "0.812"
std::string percent(const Figure &figure);                    ///< formatPercent()
std::string nats(const Figure &figure);                       ///< formatNats()
std::string range(const std::optional<Interval> &interval);   ///< "0.780 to 0.844"

/// "no domain" of texts without one.
std::string nameOfDomain(const std::string &domain);

/// A model's figures of a domain, or null.
const DomainScores *find(const ModelScores &model, const std::string &domain);

/// "accuracy", "macro-F1", "likelihood"
const char *nameOf(ScoreKind score);

/// What to read first, as plain text: which model lost most in which domain, with its
/// interval, and whether that may be chance. Of domains whose ratio has an interval, where
/// there are any; by divergence where there are no scores. Empty without a model.
std::string headlineOf(const BrittlenessReport &report);

/// The section of a page that defines every measure and says what an interval is.
std::string htmlOfDefinitions(ScoreKind score, int64_t resamples, uint64_t seed);

} // namespace gem::report

#endif // GEM_COMPILER_REPORT_BRITTLENESSWORDS_H
