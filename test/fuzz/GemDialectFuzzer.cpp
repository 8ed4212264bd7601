// Fuzz target: modules of the gem dialect as text: parsed, verified, printed.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <memory>
#include <string>

#include "dialects/Gem/Gem.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Parser/Parser.h"
#include "test/fuzz/FuzzTarget.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
// LLVM's libraries are built without the sanitizer: what LLVM's headers have poisoned in
// this program, they do not unpoison.
extern "C" const char* __asan_default_options() {
  return "allow_user_poisoning=0:detect_container_overflow=0";
}
#endif
#endif

namespace {

// A context keeps what it has seen, so a new one is made from time to time.
constexpr int kInputsOfAContext = 500;

struct Context {
  mlir::MLIRContext context{mlir::MLIRContext::Threading::DISABLED};
  // Parsing and verifying may say what they want, but not on the terminal.
  mlir::ScopedDiagnosticHandler quiet{&context, [](mlir::Diagnostic&) { return mlir::success(); }};
  Context() { context.loadDialect<gem::GemDialect, mlir::func::FuncDialect>(); }
};

std::string Print(mlir::ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  module.print(stream);
  return text;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static std::unique_ptr<Context> context;
  static int left = 0;
  if (left-- == 0) {
    context = std::make_unique<Context>();
    left = kInputsOfAContext;
  }
  const std::string text(reinterpret_cast<const char*>(data), size);
  // MLIR's own parser, whichever dialect it reads: sparse<[[0]], [1]> : tensor<2xf32>, whose
  // value is an integer, makes LLVM 19 read through a null pointer.
  if (text.find("sparse") != std::string::npos) return 0;
  const mlir::OwningOpRef<mlir::ModuleOp> module =
      mlir::parseSourceString<mlir::ModuleOp>(text, &context->context);
  if (!module) return 0;
  // What was accepted is printed so that it is accepted again, as the same; but that a
  // context gives a resource that is read again another name.
  const std::string printed = Print(*module);
  const mlir::OwningOpRef<mlir::ModuleOp> again =
      mlir::parseSourceString<mlir::ModuleOp>(printed, &context->context);
  FUZZ_CHECK(again, printed);
  FUZZ_CHECK(Print(*again) == printed || printed.find("dense_resource") != std::string::npos,
             printed);
  return 0;
}
