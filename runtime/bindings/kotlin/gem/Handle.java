// A native object, freed once: when it is closed, or forgotten, and nobody uses it.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
package gem;

import java.lang.ref.Cleaner;
import java.util.function.LongConsumer;
import java.util.function.LongFunction;
import java.util.function.LongUnaryOperator;

/** Counts who uses a native object. It must not refer to the object of Java that it serves. */
final class Handle implements Runnable {
  private static final Cleaner CLEANER = Cleaner.create();

  private final long address;
  private final LongConsumer free;
  private final Handle parent;
  private int users;
  private boolean closed;

  Handle(long address, LongConsumer free) {
    this(address, free, null);
  }

  /** `parent` is in use already, for this one until it is freed. */
  private Handle(long address, LongConsumer free, Handle parent) {
    this.address = address;
    this.free = free;
    this.parent = parent;
  }

  /**
   * What `create` makes of this one, which it uses as long as it lives. That is one use, from
   * before it is made: this one may be closed meanwhile.
   */
  Handle child(LongUnaryOperator create, LongConsumer free) {
    long parent = acquire();
    try {
      return new Handle(create.applyAsLong(parent), free, this);
    } catch (RuntimeException | Error e) {
      release();
      throw e;
    }
  }

  /** Closes when `owner` is forgotten. */
  Cleaner.Cleanable cleanWith(Object owner) {
    return CLEANER.register(owner, this);
  }

  /** What `call` answers to the address, which is good until it returns. */
  <T> T call(LongFunction<T> call) {
    long address = acquire();
    try {
      return call.apply(address);
    } finally {
      release();
    }
  }

  /** The same, without an answer. */
  void use(LongConsumer user) {
    call(address -> {
      user.accept(address);
      return null;
    });
  }

  private synchronized long acquire() {
    if (closed) throw new IllegalStateException("the object is closed");
    ++users;
    return address;
  }

  private void release() {
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
