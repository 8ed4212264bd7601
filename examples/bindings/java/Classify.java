// Classifies a text with a bundle, in Java: Classify BUNDLE TEXT
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import gem.Bundle;
import gem.Session;
import gem.Tensor;
import gem.Tokenizer;
import java.nio.file.Path;

class Classify {
  public static void main(String[] arguments) {
    try (Bundle bundle = Bundle.open(Path.of(arguments[0]));
        Tokenizer tokenizer = bundle.tokenizer();
        Session session = bundle.session()) {
      session.run(tokenizer.encode(arguments[1]).ids);
      System.out.println(bundle.label(session.output(Tensor.Role.LOGITS).argmax()));
    }
  }
}
