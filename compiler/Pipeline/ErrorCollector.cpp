// Diagnostics as statuses.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Pipeline/ErrorCollector.h"
#include "absl/strings/str_join.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace gem;

static std::string spell(Diagnostic &diagnostic) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  if (auto file = diagnostic.getLocation()->findInstanceOf<FileLineColLoc>())
    stream << file.getFilename().getValue() << ":" << file.getLine() << ":" << file.getColumn()
           << ": ";
  std::string message = diagnostic.str();
  if (auto name = diagnostic.getLocation()->findInstanceOf<NameLoc>(); name && text.empty()) {
    // A user knows the tensor's name, not the operation that holds it.
    stream << name.getName().getValue() << ": ";
    if (size_t end = message.find("' op "); message.front() == '\'' && end != message.npos)
      message.erase(0, end + 5);
  }
  return text + message;
}

ErrorCollector::ErrorCollector(MLIRContext *context)
    : handler(context, [this](Diagnostic &diagnostic) {
        if (diagnostic.getSeverity() == DiagnosticSeverity::Error)
          errors.push_back(spell(diagnostic));
        return success();
      }) {}

absl::Status ErrorCollector::toStatus(llvm::StringRef fallback) const {
  if (errors.empty())
    return absl::InternalError(fallback.str());
  return absl::InvalidArgumentError(absl::StrJoin(errors, "\n"));
}
