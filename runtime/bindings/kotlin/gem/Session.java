// A session (gem_session_t).
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
package gem;

import java.lang.ref.Cleaner;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/** Runs one entry of one variant of a bundle: one call after the other, from any thread. */
public final class Session implements AutoCloseable {
  /** The variant that suits this machine. */
  public static final int VARIANT_AUTO = 0xFFFFFFFF;

  /** What to create; every setter returns this. */
  public static final class Options {
    private int threads = 1;
    private int variant = VARIANT_AUTO;
    private String entry;
    private String cpu;
    private Observer observer;

    /** Threads that compute, the caller's included. */
    public Options threads(int value) {
      threads = value;
      return this;
    }

    public Options variant(int value) {
      variant = value;
      return this;
    }

    /** null: the first entry. */
    public Options entry(String value) {
      entry = value;
      return this;
    }

    /** "scalar", "avx2", "neon", ...; null: the best this CPU has. */
    public Options cpu(String value) {
      cpu = value;
      return this;
    }

    /** Is told of this session's runs and commands. */
    public Options observer(Observer value) {
      observer = value;
      return this;
    }
  }

  /** gem_session_info_t. */
  public static final class Info {
    public final String cpu;
    public final String cpuReason;
    public final String variantDevice;
    public final String variantReason;
    public final int threadCount;
    public final long arenaBytes;
    public final long sessionBytes;
    public final int inputCount;
    public final int outputCount;
    public final int variant;

    private Info(byte[][] strings, long[] numbers) {
      cpu = Native.text(strings[0]);
      cpuReason = Native.text(strings[1]);
      variantDevice = Native.text(strings[2]);
      variantReason = Native.text(strings[3]);
      threadCount = (int) numbers[0];
      arenaBytes = numbers[1];
      sessionBytes = numbers[2];
      inputCount = (int) numbers[3];
      outputCount = (int) numbers[4];
      variant = (int) numbers[5];
    }
  }

  /** gem_command_profile_t. */
  public static final class CommandProfile {
    public final String kernel;
    public final String name;
    public final String format;
    public final long runs;
    public final long nanoseconds;
    public final long macs;
    public final long weightBytes;

    private CommandProfile(byte[][] strings, long[] numbers) {
      kernel = Native.text(strings[0]);
      name = Native.text(strings[1]);
      format = Native.text(strings[2]);
      runs = numbers[0];
      nanoseconds = numbers[1];
      macs = numbers[2];
      weightBytes = numbers[3];
    }
  }

  final Handle handle;
  private final Cleaner.Cleanable cleanable;
  private final Info info;

  Session(Bundle bundle, Options o) {
    byte[] entry = Native.name(o.entry);
    byte[] cpu = Native.name(o.cpu);
    Observer.Bridge observer = Observer.Bridge.of(o.observer);
    handle = bundle.handle.child(
        parent -> Native.sessionCreate(parent, o.threads, o.variant, entry, cpu, observer),
        Native::sessionClose);
    cleanable = handle.cleanWith(this);
    byte[][] strings = new byte[4][];
    long[] numbers = new long[6];
    handle.use(address -> Native.sessionInfo(address, strings, numbers));
    info = new Info(strings, numbers);
  }

  public Info info() {
    return info;
  }

  /** Describes an input; NOT_FOUND past the last. */
  public Tensor input(int index) {
    return tensor(0, index);
  }

  public Tensor output(int index) {
    return tensor(1, index);
  }

  /** The first output with a role. */
  public Tensor output(Tensor.Role role) {
    return tensor(2, role.value);
  }

  private synchronized Tensor tensor(int which, int index) {
    return handle.call(address -> {
      byte[][] name = new byte[1][];
      int[] numbers = new int[3 + Tensor.MAX_RANK];
      ByteBuffer data = Native.sessionTensor(address, which, index, name, numbers);
      return new Tensor(Native.text(name[0]), numbers, data);
    });
  }

  /**
   * Copies an input in: the bytes of a direct buffer in the machine's byte order, from its
   * position to its limit, as many as `dims` tell.
   */
  public synchronized void setInput(int index, ByteBuffer data, int... dims) {
    if (!data.isDirect()) throw new IllegalArgumentException("expected a direct buffer");
    Tensor input = input(index);
    long bytes = input.elementType.bytes;
    for (int extent : dims) {
      if (extent < 0) throw new IllegalArgumentException("dims: got " + extent);
      bytes = Math.multiplyExact(bytes, (long) extent);
    }
    if (bytes != data.remaining()) {
      throw new IllegalArgumentException(
          "input " + index + ": expected " + bytes + " bytes, but got " + data.remaining());
    }
    handle.use(address -> Native.sessionSetInput(address, index, data, data.position(), dims));
  }

  /** Runs on the inputs that were set. */
  public synchronized void run() {
    handle.use(Native::sessionRun);
  }

  /** Sets the token inputs and runs. */
  public synchronized void run(int[] ids) {
    handle.use(address -> Native.sessionRunTokens(address, ids, ids.length));
  }

  /** Makes a run in progress on another thread, else the next, throw CANCELLED. */
  public void cancel() {
    handle.use(Native::sessionCancel);
  }

  /** Switches the timing of commands on (clearing what was counted) or off. */
  public synchronized void profile(boolean on) {
    handle.use(address -> Native.sessionProfile(address, on));
  }

  /** What each command cost since profile(true). */
  public synchronized List<CommandProfile> commandProfiles() {
    List<CommandProfile> profiles = new ArrayList<>();
    byte[][] strings = new byte[3][];
    long[] numbers = new long[4];
    handle.use(address -> {
      while (Native.sessionCommandProfile(address, profiles.size(), strings, numbers)) {
        profiles.add(new CommandProfile(strings, numbers));
      }
    });
    return profiles;
  }

  @Override
  public void close() {
    cleanable.clean();
  }
}
