// Reads a module from a file that anybody may have written.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_DIALECTS_GEM_MODULEFILE_H
#define GEM_DIALECTS_GEM_MODULEFILE_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include <string>

namespace gem {

/// The module in a file, text or bytecode, "-" being standard input; null after an error,
/// which goes to the context's handlers of diagnostics. Text with a sparse attribute is
/// refused before it is parsed: no dialect here takes one, and MLIR's parser (19) uses its
/// values also when they are not of the type's kind, where it has none.
mlir::OwningOpRef<mlir::ModuleOp> parseModuleFile(const std::string &path,
                                                  mlir::MLIRContext &context);

} // namespace gem

#endif // GEM_DIALECTS_GEM_MODULEFILE_H
