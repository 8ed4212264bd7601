// Classifies a text with a bundle, in Swift: classify BUNDLE TEXT
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import CGem
import Foundation

do {
  let bundle = try Bundle(path: CommandLine.arguments[1])
  let session = try Session(bundle)
  try session.run(try Tokenizer(bundle).encode(CommandLine.arguments[2]).ids)
  print(try session.floats(GEM_ROLE_LOGITS).argmax.flatMap { bundle.label($0) } ?? "")
} catch {
  FileHandle.standardError.write(Data("classify: \(error)\n".utf8))
  exit(1)
}
