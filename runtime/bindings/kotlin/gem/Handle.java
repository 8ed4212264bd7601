// A native object, freed once: when it is closed, or forgotten, and nobody uses it.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
package gem;

import java.lang.ref.Cleaner;
import java.util.function.LongConsumer;

/** Counts who uses a native object. It must not refer to the object of Java that it serves. */
final class Handle implements Runnable {
  private static final Cleaner CLEANER = Cleaner.create();

  private final long address;
  private final LongConsumer free;
  private final Handle parent;
  private int users;
  private boolean closed;

  /** Uses `parent` as long as it lives. */
  Handle(long address, LongConsumer free, Handle parent) {
    this.address = address;
    this.free = free;
    this.parent = parent;
    if (parent != null) parent.acquire();
  }

  /** Closes when `owner` is forgotten. */
  Cleaner.Cleanable cleanWith(Object owner) {
    return CLEANER.register(owner, this);
  }

  /** The address, good until release(). */
  synchronized long acquire() {
    if (closed) throw new IllegalStateException("the object is closed");
    ++users;
    return address;
  }

  void release() {
    synchronized (this) {
      if (--users > 0 || !closed) return;
    }
    destroy();
  }

  /** Closes; what is in use is freed by its last user. */
  @Override
  public void run() {
    synchronized (this) {
      if (closed) return;
      closed = true;
      if (users > 0) return;
    }
    destroy();
  }

  private void destroy() {
    free.accept(address);
    if (parent != null) parent.release();
  }
}
