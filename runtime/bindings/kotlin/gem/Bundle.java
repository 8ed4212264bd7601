// A bundle (gem_bundle_t).
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
package gem;

import java.lang.ref.Cleaner;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * An open bundle, for any number of threads.
 *
 * <pre>{@code
 * try (Bundle bundle = Bundle.open(Path.of("model.gemb"));
 *      Tokenizer tokenizer = bundle.tokenizer();
 *      Session session = bundle.session()) {
 *   session.run(tokenizer.encode("a small tool that draws graphs").ids);
 *   System.out.println(bundle.label(session.output(Tensor.Role.LOGITS).argmax()));
 * }
 * }</pre>
 *
 * A bundle that is closed goes away with the last of its sessions and tokenizers.
 */
public final class Bundle implements AutoCloseable {
  /** gem_load_mode_t. */
  public enum LoadMode {
    MAP(0),
    COPY(1);

    public final int value;

    LoadMode(int value) {
      this.value = value;
    }
  }

  /** gem_hash_check_t. */
  public enum HashCheck {
    PROGRAM(0),
    ALL(1),
    LAZY(2);

    public final int value;

    HashCheck(int value) {
      this.value = value;
    }
  }

  public static final int PUBLIC_KEY_SIZE = 32;
  public static final int SIGNATURE_SIZE = 64;

  /** Checks Ed25519 signatures instead of the library's signature component. */
  @FunctionalInterface
  public interface Verifier {
    boolean verify(byte[] signature, byte[] message, byte[] publicKey);
  }

  /** How to open; every setter returns this. */
  public static final class Options {
    private LoadMode loadMode = LoadMode.MAP;
    private HashCheck hashCheck = HashCheck.PROGRAM;
    private int hashThreads = 1;
    private byte[] key;
    private Verifier verifier;
    private Observer observer;

    public Options loadMode(LoadMode value) {
      loadMode = value;
      return this;
    }

    public Options hashCheck(HashCheck value) {
      hashCheck = value;
      return this;
    }

    /** Threads that check hashes, the caller's included. */
    public Options hashThreads(int value) {
      hashThreads = value;
      return this;
    }

    /** Refuses (UNTRUSTED) what is not signed with this key of PUBLIC_KEY_SIZE bytes. */
    public Options key(byte[] value) {
      if (value != null && value.length != PUBLIC_KEY_SIZE) {
        throw new IllegalArgumentException(
            "key: expected " + PUBLIC_KEY_SIZE + " bytes, but got " + value.length);
      }
      key = value == null ? null : value.clone();
      return this;
    }

    public Options verifier(Verifier value) {
      verifier = value;
      return this;
    }

    /** Is told messages about the bundle. */
    public Options observer(Observer value) {
      observer = value;
      return this;
    }
  }

  /** gem_bundle_info_t. */
  public static final class Info {
    public final String producer;
    public final String modelName;
    public final String architecture;
    public final long parameters;
    public final long fileSize;
    public final int formatMajor;
    public final int formatMinor;
    public final int variantCount;
    public final int labelCount;
    public final int maximumTokens;
    public final boolean padded;

    private Info(byte[][] strings, long[] numbers) {
      producer = Native.text(strings[0]);
      modelName = Native.text(strings[1]);
      architecture = Native.text(strings[2]);
      parameters = numbers[0];
      fileSize = numbers[1];
      formatMajor = (int) numbers[2];
      formatMinor = (int) numbers[3];
      variantCount = (int) numbers[4];
      labelCount = (int) numbers[5];
      maximumTokens = (int) numbers[6];
      padded = numbers[7] != 0;
    }
  }

  final Handle handle;
  private final Cleaner.Cleanable cleanable;
  private final Info info;

  private Bundle(long address, ByteBuffer keep) {
    // The buffer must live until the runtime lets go of it.
    handle = new Handle(address, keep == null ? Native::bundleClose : h -> {
      Native.bundleClose(h);
      java.lang.ref.Reference.reachabilityFence(keep);
    });
    cleanable = handle.cleanWith(this);
    byte[][] strings = new byte[3][];
    long[] numbers = new long[8];
    Native.bundleInfo(address, strings, numbers);
    info = new Info(strings, numbers);
  }

  public static Bundle open(Path path) {
    return open(path, new Options());
  }

  public static Bundle open(Path path, Options o) {
    return new Bundle(Native.bundleOpen(Native.name(path.toString()), null, 0, o.loadMode.value,
        o.hashCheck.value, o.hashThreads, o.key, o.verifier, Observer.Bridge.of(o.observer)), null);
  }

  /**
   * Opens the bytes from the buffer's position to its limit. The buffer is direct and there
   * aligned to 64 bytes ({@link ByteBuffer#alignedSlice}). With LoadMode.MAP it must stay
   * unchanged until the bundle is closed.
   */
  public static Bundle open(ByteBuffer buffer, Options o) {
    if (!buffer.isDirect()) throw new IllegalArgumentException("expected a direct buffer");
    ByteBuffer bytes = buffer.slice();
    return new Bundle(Native.bundleOpen(null, bytes, bytes.remaining(), o.loadMode.value,
        o.hashCheck.value, o.hashThreads, o.key, o.verifier, Observer.Bridge.of(o.observer)),
        bytes);
  }

  public Info info() {
    return info;
  }

  /** The label of a class, or null. */
  public String label(int index) {
    return Native.text(handle.call(address -> Native.bundleLabel(address, index)));
  }

  public List<String> labels() {
    List<String> labels = new ArrayList<>();
    for (int i = 0; i < info.labelCount; ++i) labels.add(label(i));
    return labels;
  }

  /** The device a variant was compiled for, or null past the last variant. */
  public String variantDevice(int index) {
    return Native.text(handle.call(address -> Native.bundleVariantDevice(address, index)));
  }

  public List<String> variants() {
    List<String> variants = new ArrayList<>();
    for (int i = 0; i < info.variantCount; ++i) variants.add(variantDevice(i));
    return variants;
  }

  public Session session() {
    return session(new Session.Options());
  }

  /** Creates a session; it takes all memory it will ever need. */
  public Session session(Session.Options options) {
    return new Session(this, options);
  }

  /** Makes the bundle's tokenizer; NOT_FOUND when it carries none. */
  public Tokenizer tokenizer() {
    return new Tokenizer(this);
  }

  @Override
  public void close() {
    cleanable.clean();
  }

  /** The runtime's version, "MAJOR.MINOR.PATCH". */
  public static String version() {
    return Native.text(Native.version());
  }

  /** The CPU kernels that are compiled in, best first, and whether this CPU runs them. */
  public static Map<String, Boolean> cpuKernels() {
    Map<String, Boolean> kernels = new LinkedHashMap<>();
    int[] supported = new int[1];
    for (int i = 0;; ++i) {
      String name = Native.text(Native.cpuKernels(i, supported));
      if (name == null) return kernels;
      kernels.put(name, supported[0] != 0);
    }
  }
}
