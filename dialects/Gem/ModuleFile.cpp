// Reads a module from a file that anybody may have written.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Gem/ModuleFile.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Support/FileUtilities.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/SourceMgr.h"

using namespace mlir;
using namespace gem;

namespace {

bool isWordCharacter(char c) { return llvm::isAlnum(c) || c == '_' || c == '$' || c == '.'; }

/// The rest behind the string that `text` begins with.
StringRef skipString(StringRef text) {
  text = text.drop_front();
  while (true) {
    text = text.substr(text.find_first_of("\"\\"));
    if (!text.starts_with("\\"))
      return text.drop_front(text.empty() ? 0 : 1);
    text = text.drop_front(std::min<size_t>(text.size(), 2));
  }
}

/// Where the keyword of a sparse attribute is; empty without one. Strings, comments, and names
/// such as @sparse and #sparse_tensor are none.
StringRef findSparse(StringRef text) {
  while (!text.empty()) {
    if (text.starts_with("\"")) {
      text = skipString(text);
    } else if (text.starts_with("//")) {
      text = text.substr(text.find('\n'));
    } else if (StringRef("#!@%^").contains(text.front())) {
      text = text.drop_front().drop_while(isWordCharacter);
    } else if (StringRef word = text.take_while(isWordCharacter); !word.empty()) {
      StringRef rest = text.drop_front(word.size());
      if (word == "sparse" && rest.ltrim().starts_with("<"))
        return word;
      text = rest;
    } else {
      text = text.drop_front();
    }
  }
  return {};
}

} // namespace

OwningOpRef<ModuleOp> gem::parseModuleFile(const std::string &path, MLIRContext &context) {
  std::string error;
  std::unique_ptr<llvm::MemoryBuffer> file = openInputFile(path, &error);
  if (!file) {
    emitError(UnknownLoc::get(&context)) << error;
    return {};
  }
  StringRef text = file->getBuffer();
  if (!text.starts_with("ML\xefR"))
    if (StringRef found = findSparse(text); !found.empty()) {
      StringRef before = text.take_front(found.data() - text.data());
      unsigned line = before.count('\n') + 1;
      unsigned column = before.size() - (before.rfind('\n') + 1) + 1; // npos + 1 is 0
      emitError(FileLineColLoc::get(&context, file->getBufferIdentifier(), line, column))
          << "expected dense or dense_resource data, but got a sparse attribute";
      return {};
    }
  llvm::SourceMgr sources;
  sources.AddNewSourceBuffer(std::move(file), SMLoc());
  return parseSourceFile<ModuleOp>(sources, &context);
}
