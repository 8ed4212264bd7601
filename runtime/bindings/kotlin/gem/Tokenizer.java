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
    long parent = bundle.handle.acquire();
    try {
      handle = new Handle(Native.tokenizerCreate(parent), Native::tokenizerClose, bundle.handle);
      cleanable = handle.cleanWith(this);
    } finally {
      bundle.handle.release();
    }
    maximumTokens = bundle.info().maximumTokens;
  }

  /** Encodes at most as many tokens as the bundle takes. */
  public Encoding encode(String text) {
    return encode(text, maximumTokens);
  }

  public Encoding encode(String text, int maximum) {
    int[] ids = new int[maximum];
    long address = handle.acquire();
    try {
      long result = Native.tokenizerEncode(address, Native.utf8(text), ids);
      return new Encoding(Arrays.copyOf(ids, (int) result), (result >> 32) != 0);
    } finally {
      handle.release();
    }
  }

  /** The piece of an id ("##ing"), or null. */
  public String piece(int id) {
    long address = handle.acquire();
    try {
      return Native.text(Native.tokenizerPiece(address, id));
    } finally {
      handle.release();
    }
  }

  public int vocabularySize() {
    long address = handle.acquire();
    try {
      return Native.tokenizerVocabularySize(address);
    } finally {
      handle.release();
    }
  }

  @Override
  public void close() {
    cleanable.clean();
  }
}
