// A bundle's tokenizer (gem_tokenizer_t).
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
package gem;

import java.lang.ref.Cleaner;
import java.util.Arrays;

/** Texts to token ids, for any number of threads. */
public final class Tokenizer implements AutoCloseable {
  /** What became of a text. */
  public static final class Encoding {
    /** [CLS] pieces [SEP]. */
    public final int[] ids;
    /** The text had more tokens than fit. */
    public final boolean truncated;

    private Encoding(int[] ids, boolean truncated) {
      this.ids = ids;
      this.truncated = truncated;
    }
  }

  private final Handle handle;
  private final Cleaner.Cleanable cleanable;
  private final int maximumTokens;

  Tokenizer(Bundle bundle) {
    handle = bundle.handle.child(Native::tokenizerCreate, Native::tokenizerClose);
    cleanable = handle.cleanWith(this);
    maximumTokens = bundle.info().maximumTokens;
  }

  /** Encodes at most as many tokens as the bundle takes. */
  public Encoding encode(String text) {
    return encode(text, maximumTokens);
  }

  public Encoding encode(String text, int maximum) {
    int[] ids = new int[maximum];
    long result = handle.call(address -> Native.tokenizerEncode(address, Native.utf8(text), ids));
    return new Encoding(Arrays.copyOf(ids, (int) result), (result >> 32) != 0);
  }

  /** The piece of an id ("##ing"), or null. */
  public String piece(int id) {
    return Native.text(handle.call(address -> Native.tokenizerPiece(address, id)));
  }

  public int vocabularySize() {
    return handle.call(Native::tokenizerVocabularySize);
  }

  @Override
  public void close() {
    cleanable.clean();
  }
}
