// The native methods, all in libgem_jni (gem_jni.c). Strings are UTF-8 in byte arrays.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
package gem;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

final class Native {
  static {
    System.loadLibrary("gem_jni");
  }

  private Native() {}

  static String text(byte[] utf8) {
    return utf8 == null ? null : new String(utf8, StandardCharsets.UTF_8);
  }

  static byte[] utf8(String text) {
    return text == null ? null : text.getBytes(StandardCharsets.UTF_8);
  }

  /** The same, for a string that C reads up to its first NUL. */
  static byte[] name(String text) {
    if (text != null && text.indexOf('\0') >= 0) {
      throw new IllegalArgumentException("expected a name without NUL");
    }
    return utf8(text);
  }

  static native byte[] version();

  static native byte[] statusName(int status);

  static native byte[] cpuKernels(int index, int[] outSupported);

  static native long bundleOpen(byte[] path, ByteBuffer buffer, long size, int mode, int hashCheck,
      int hashThreads, byte[] key, Bundle.Verifier verifier, Observer.Bridge observer);

  static native void bundleClose(long handle);

  static native void bundleInfo(long handle, byte[][] outStrings, long[] outNumbers);

  static native byte[] bundleLabel(long handle, int index);

  static native byte[] bundleVariantDevice(long handle, int index);

  static native long sessionCreate(long bundle, int threads, int variant, byte[] entry, byte[] cpu,
      Observer.Bridge observer);

  static native void sessionClose(long handle);

  static native void sessionInfo(long handle, byte[][] outStrings, long[] outNumbers);

  static native ByteBuffer sessionTensor(long handle, int which, int index, byte[][] outName,
      int[] outNumbers);

  static native void sessionSetInput(long handle, int index, ByteBuffer buffer, long offset,
      int[] dims);

  static native void sessionRun(long handle);

  static native void sessionRunTokens(long handle, int[] ids, int count);

  static native void sessionCancel(long handle);

  static native void sessionProfile(long handle, boolean on);

  static native boolean sessionCommandProfile(long handle, int index, byte[][] outStrings,
      long[] outNumbers);

  static native long tokenizerCreate(long bundle);

  static native void tokenizerClose(long handle);

  static native long tokenizerEncode(long handle, byte[] text, int[] outIds);

  static native byte[] tokenizerPiece(long handle, int id);

  static native int tokenizerVocabularySize(long handle);
}
