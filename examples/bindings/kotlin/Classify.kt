// Classifies a text with a bundle, in Kotlin: classify BUNDLE TEXT
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import gem.Tensor
import gem.openBundle

fun main(arguments: Array<String>) {
    openBundle(arguments[0]).use { bundle ->
        bundle.tokenizer().use { tokenizer ->
            bundle.session().use { session ->
                session.run(tokenizer.encode(arguments[1]).ids)
                println(bundle.label(session.output(Tensor.Role.LOGITS).argmax()))
            }
        }
    }
}
