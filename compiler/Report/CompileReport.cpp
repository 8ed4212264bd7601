// Which report, by a file's extension.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Report/CompileReport.h"
#include "compiler/Report/Figures.h"

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace gem {

absl::StatusOr<ReportKind> reportKindOf(const std::string &path) {
  size_t slash = path.find_last_of('/');
  std::string file = slash == std::string::npos ? path : path.substr(slash + 1);
  size_t dot = file.find_last_of('.');
  std::string extension = dot == std::string::npos ? "" : absl::AsciiStrToLower(file.substr(dot));
  if (extension == ".txt")
    return ReportKind::Text;
  if (extension == ".md")
    return ReportKind::Markdown;
  if (extension == ".json")
    return ReportKind::Json;
  if (extension == ".html" || extension == ".htm")
    return ReportKind::Html;
  return absl::InvalidArgumentError(absl::StrCat(
      "report '", path, "': expected a name that ends in .txt, .md, .json or .html, but got ",
      extension.empty() ? "no extension" : absl::StrCat("'", extension, "'")));
}

std::string renderReport(const CompileReport &report, ReportKind kind, bool verbose, bool color) {
  switch (kind) {
  case ReportKind::Text:
    return renderText(report, verbose, color);
  case ReportKind::Markdown:
    return renderMarkdown(report, verbose);
  case ReportKind::Json:
    return renderJson(report);
  case ReportKind::Html:
    return renderHtml(report);
  }
  return "";
}

} // namespace gem
