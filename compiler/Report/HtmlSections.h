// Sections of the report's page.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_COMPILER_REPORT_HTMLSECTIONS_H
#define GEM_COMPILER_REPORT_HTMLSECTIONS_H

#include "compiler/Report/CompileReport.h"
#include "compiler/Report/HtmlParts.h"

#include <string>

namespace gem::report {

// Each is empty when the report has no figures for it.
std::string htmlOfGates(const CompileReport &report);
std::string htmlOfPruning(const CompileReport &report);
std::string htmlOfFormats(const CompileReport &report);
std::string htmlOfDomains(const CompileReport &report);
std::string htmlOfFlips(const CompileReport &report);
std::string htmlOfLatency(const CompileReport &report);
std::string htmlOfTensors(const CompileReport &report);

} // namespace gem::report

#endif // GEM_COMPILER_REPORT_HTMLSECTIONS_H
