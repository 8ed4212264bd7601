// How the pages look.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_COMPILER_REPORT_HTMLSTYLE_H
#define GEM_COMPILER_REPORT_HTMLSTYLE_H

namespace gem::report {

/// The style sheet of every page. It refers to nothing outside the page.
extern const char kHtmlStyle[];

/// What pages of evaluations have beside it: plots, tables that scroll, heat maps.
extern const char kEvaluationStyle[];

} // namespace gem::report

#endif // GEM_COMPILER_REPORT_HTMLSTYLE_H
