// Tells bundles, modules and checkpoints apart.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/schema/Preamble.h"
#include "tools/gem-inspect/Inspect.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace gem;
using namespace gem::inspect;

/// Half of the magic will do, so that a damaged bundle is still called one.
static bool isBundle(llvm::StringRef content) {
  size_t equal = 0;
  for (size_t i = 0; i < std::min(content.size(), sizeof(kBundleMagic)); ++i)
    equal += static_cast<uint8_t>(content[i]) == kBundleMagic[i];
  return equal >= sizeof(kBundleMagic) / 2;
}

/// Bytecode, or text that begins as textual IR does.
static bool isModule(llvm::StringRef content) {
  if (content.starts_with("ML\xefR"))
    return true;
  for (content = content.ltrim(); content.starts_with("//"); content = content.ltrim())
    content = content.drop_until([](char c) { return c == '\n'; });
  // An alias, "#name = ..." or "!name = ...": not the heading of a Markdown page.
  if (content.consume_front("#") || content.consume_front("!"))
    return !content.empty() && llvm::isAlpha(content.front()) &&
           content.drop_while([](char c) { return llvm::isAlnum(c) || c == '_' || c == '.'; })
               .ltrim(' ')
               .starts_with("=");
  for (llvm::StringRef start :
       {"module", "gem.", "gemrt.", "func.func", "\"builtin.module\"", "{-#"})
    if (content.starts_with(start))
      return true;
  return false;
}

absl::Status gem::inspect::recognise(const std::string &path, FileKind &kind) {
  kind = FileKind::Checkpoint;
  llvm::sys::fs::file_status info;
  if (std::error_code error = llvm::sys::fs::status(path, info))
    return absl::NotFoundError(path + ": " + error.message());
  if (info.type() != llvm::sys::fs::file_type::regular_file || info.getSize() == 0)
    return absl::OkStatus();
  auto file = llvm::MemoryBuffer::getFileSlice(path, std::min<uint64_t>(info.getSize(), 64 * 1024),
                                               /*Offset=*/0);
  if (!file)
    return absl::NotFoundError(path + ": " + file.getError().message());
  llvm::StringRef content = (*file)->getBuffer();
  // What is called a bundle is told what is wrong with it as one.
  if (isBundle(content) || llvm::StringRef(path).ends_with(".gemb"))
    kind = FileKind::Bundle;
  else if (isModule(content))
    kind = FileKind::Module;
  return absl::OkStatus();
}
