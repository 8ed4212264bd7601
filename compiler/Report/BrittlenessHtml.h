// What compression cost every domain, as a page for a browser.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_COMPILER_REPORT_BRITTLENESSHTML_H
#define GEM_COMPILER_REPORT_BRITTLENESSHTML_H

#include "compiler/Report/BrittlenessReport.h"

#include <string>

namespace gem {

/// One self-contained page: headline, figures of every model, charts, tables, and how all of
/// it is defined. What a report does not have, or has as no number, is not on the page.
std::string renderBrittlenessHtml(const BrittlenessReport &report);

/// The same without head and foot, for a page that has kEvaluationStyle (HtmlStyle.h).
std::string htmlOfBrittleness(const BrittlenessReport &report);

} // namespace gem

#endif // GEM_COMPILER_REPORT_BRITTLENESSHTML_H
