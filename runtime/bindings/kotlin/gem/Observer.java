// Who is told what happens (gem_observer_t).
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
package gem;

/**
 * Is called on the thread that opens, creates or runs, and must not call into the object that it
 * is told about. What it throws, that call throws; until then it is told nothing more.
 */
@FunctionalInterface
public interface Observer {
  /** gem_event_kind_t. */
  enum Kind {
    MESSAGE(0),
    COMMAND(1),
    RUN(2);

    public final int value;

    Kind(int value) {
      this.value = value;
    }
  }

  void event(Event event);

  /** gem_event_t; times are nanoseconds of which only differences mean something. */
  final class Event {
    public final Kind kind;
    public final GemException.Status status;
    public final String text;
    public final int command;
    public final String kernel;
    public final String name;
    public final String format;
    public final long beginNanos;
    public final long endNanos;

    Event(Kind kind, GemException.Status status, String text, int command, String kernel,
        String name, String format, long beginNanos, long endNanos) {
      this.kind = kind;
      this.status = status;
      this.text = text;
      this.command = command;
      this.kernel = kernel;
      this.name = name;
      this.format = format;
      this.beginNanos = beginNanos;
      this.endNanos = endNanos;
    }
  }

  /** What the native side calls. */
  final class Bridge {
    private final Observer observer;

    private Bridge(Observer observer) {
      this.observer = observer;
    }

    static Bridge of(Observer observer) {
      return observer == null ? null : new Bridge(observer);
    }

    void event(int kind, int status, byte[] text, int command, byte[] kernel, byte[] name,
        byte[] format, long beginNanos, long endNanos) {
      if (kind < 0 || kind >= Kind.values().length) return; // Of a newer runtime.
      observer.event(new Event(Kind.values()[kind], GemException.Status.of(status),
          Native.text(text), command, Native.text(kernel), Native.text(name), Native.text(format),
          beginNanos, endNanos));
    }
  }
}
