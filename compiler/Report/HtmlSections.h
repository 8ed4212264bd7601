// Sections of the report's page, and what they are written with.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_COMPILER_REPORT_HTMLSECTIONS_H
#define GEM_COMPILER_REPORT_HTMLSECTIONS_H

#include "compiler/Report/CompileReport.h"

#include <string>
#include <string_view>

namespace gem::report {

/// Text between tags and in quoted attributes.
std::string escapeHtml(std::string_view text);

/// "12.34%", for positions and widths. Always finite.
std::string percentOf(double share);

/// A name, escaped, that a narrow column breaks where its parts end.
std::string breakable(const std::string &name);

// Each is empty when the report has no figures for it.
std::string htmlOfFormats(const CompileReport &report);
std::string htmlOfDomains(const CompileReport &report);
std::string htmlOfFlips(const CompileReport &report);
std::string htmlOfLatency(const CompileReport &report);
std::string htmlOfTensors(const CompileReport &report);

} // namespace gem::report

#endif // GEM_COMPILER_REPORT_HTMLSECTIONS_H
