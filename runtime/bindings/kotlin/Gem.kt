// What Kotlin adds to the classes of Java in gem/: options as lambdas, values as properties.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
package gem

import java.nio.file.Path
import java.nio.file.Paths

/**
 * Opens a bundle: `openBundle("model.gemb") { loadMode(Bundle.LoadMode.COPY) }`. It, its
 * tokenizer and its sessions are AutoCloseable, so end with `use`.
 */
fun openBundle(path: Path, options: Bundle.Options.() -> Unit = {}): Bundle =
    Bundle.open(path, Bundle.Options().apply(options))

fun openBundle(path: String, options: Bundle.Options.() -> Unit = {}): Bundle =
    openBundle(Paths.get(path), options)

/** Creates a session: `bundle.session { threads(2) }`. */
fun Bundle.session(options: Session.Options.() -> Unit): Session =
    session(Session.Options().apply(options))

/** Runs on token ids and gives the logits. */
fun Session.logits(ids: IntArray): FloatArray {
    run(ids)
    return output(Tensor.Role.LOGITS).floats()
}
