// How the report's page looks.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_COMPILER_REPORT_HTMLSTYLE_H
#define GEM_COMPILER_REPORT_HTMLSTYLE_H

namespace gem::report {

/// The page's style sheet. It refers to nothing outside the page.
extern const char kHtmlStyle[];

} // namespace gem::report

#endif // GEM_COMPILER_REPORT_HTMLSTYLE_H
