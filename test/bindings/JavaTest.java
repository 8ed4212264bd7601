// Tests of the Java binding: JavaTest GOLDEN SIGNED PUBLIC-KEY
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import gem.Bundle;
import gem.GemException;
import gem.Observer;
import gem.Session;
import gem.Tensor;
import java.io.File;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

class JavaTest {
  private static final int[] IDS = {5, 6, 7};
  // That the machine of Java may start meanwhile.
  private static final int OTHER_THREADS = 30;

  private static void expect(boolean condition, String what) {
    if (!condition) throw new AssertionError(what);
  }

  private static void fails(GemException.Status status, String words, Runnable call) {
    try {
      call.run();
    } catch (GemException e) {
      expect(e.status() == status, "status: " + e);
      expect(e.getMessage().startsWith(status + ": "), "name in: " + e);
      expect(e.getMessage().contains(words), words + " in: " + e);
      return;
    }
    throw new AssertionError("expected " + status);
  }

  private static void closed(Runnable call) {
    try {
      call.run();
    } catch (IllegalStateException e) {
      return;
    }
    throw new AssertionError("expected an exception of a closed object");
  }

  private static float[] logits(Session session) {
    session.run(IDS);
    return session.output(Tensor.Role.LOGITS).floats();
  }

  private static void bundles(Path golden) throws IOException {
    try (Bundle bundle = Bundle.open(golden)) {
      Bundle.Info info = bundle.info();
      expect(info.fileSize == Files.size(golden), "fileSize");
      expect(info.labelCount == 5 && info.formatMajor == 1, "info");
      expect(bundle.labels().equals(
          List.of("label 0", "label 1", "label 2", "label 3", "label 4")), "labels");
      expect(bundle.label(5) == null && bundle.label(-1) == null, "label past the last");
      expect(bundle.variants().size() == info.variantCount, "variants");
      expect(bundle.variantDevice(info.variantCount) == null, "variant past the last");
    }
    Bundle.Options all = new Bundle.Options().loadMode(Bundle.LoadMode.COPY)
        .hashCheck(Bundle.HashCheck.ALL).hashThreads(2);
    Bundle.open(golden, all).close();
    fails(GemException.Status.NOT_FOUND, "none", () -> Bundle.open(Path.of("none")));
    fails(GemException.Status.CORRUPT, "", () -> Bundle.open(
        ByteBuffer.allocateDirect(4096).alignedSlice(64), new Bundle.Options()));
    // A verifier that believes everything does not make a signature.
    Bundle.Options keyed = new Bundle.Options().key(new byte[32]).verifier((s, m, k) -> true);
    fails(GemException.Status.UNTRUSTED, "signature", () -> Bundle.open(golden, keyed));
    expect(Bundle.cpuKernels().get("scalar"), "kernels");
    expect(Bundle.version().matches("[0-9]+[.][0-9]+[.][0-9]+"), "version");
  }

  private static void signatures(Path signed, byte[] key) {
    int[] calls = new int[1];
    Bundle.Options own = new Bundle.Options().key(key).verifier((signature, message, k) -> {
      expect(signature.length == Bundle.SIGNATURE_SIZE && Arrays.equals(k, key), "arguments");
      return ++calls[0] == 1;
    });
    try (Bundle bundle = Bundle.open(signed, own); Session session = bundle.session()) {
      expect(bundle.variantDevice(session.info().variant).equals(session.info().variantDevice),
          "variant");
      session.run(IDS);
    }
    fails(GemException.Status.UNTRUSTED, "signature", () -> Bundle.open(signed, own));
    // The library's verifier, where it was built in: without one the options are wrong.
    try {
      Bundle.open(signed, new Bundle.Options().key(key)).close();
    } catch (GemException e) {
      expect(e.status() == GemException.Status.INVALID_ARGUMENT, e.toString());
      return;
    }
    fails(GemException.Status.UNTRUSTED, "signature",
        () -> Bundle.open(signed, new Bundle.Options().key(new byte[32])));
  }

  private static void sessions(Path golden) throws IOException {
    float[] expected;
    Bundle bundle = Bundle.open(golden);
    try (Session session = bundle.session(
        new Session.Options().threads(2).variant(0).cpu("scalar"))) {
      expect(session.info().cpu.equals("scalar") && session.info().threadCount == 2, "info");
      expect(session.output(Tensor.Role.LOGITS).floats().length == 0, "nothing before a run");
      expected = logits(session);
      expect(expected.length == 5, "logits");
      Tensor routed = session.output(Tensor.Role.ROUTED);
      expect(routed.elementType == Tensor.ElementType.U8, "type");
      expect(Arrays.equals(routed.dims(), new int[] {3}), "dims");
      expect(session.output(Tensor.Role.CLUSTER).ints().length == 3, "ints");
      fails(GemException.Status.NOT_FOUND, "", () -> session.output(99));
      fails(GemException.Status.OUT_OF_RANGE, "", () -> session.run(new int[] {1 << 20}));

      ByteBuffer ids = ByteBuffer.allocateDirect(16).order(ByteOrder.nativeOrder());
      ids.putInt(99).putInt(5).putInt(6).putInt(7).position(4);
      session.setInput(0, ids, 3);
      session.run();
      expect(Arrays.equals(session.output(Tensor.Role.LOGITS).floats(), expected), "setInput");

      session.cancel();
      fails(GemException.Status.CANCELLED, "", () -> session.run(IDS));
      session.profile(true);
      session.run(IDS);
      List<Session.CommandProfile> profiles = session.commandProfiles();
      expect(!profiles.isEmpty() && profiles.get(0).runs == 1, "profile");
    }
    // From memory; and a bundle that is closed serves the session that it has.
    byte[] content = Files.readAllBytes(golden);
    ByteBuffer direct = ByteBuffer.allocateDirect(content.length + 128).alignedSlice(64);
    direct.put(content).flip();
    Session session;
    try (Bundle inMemory = Bundle.open(direct, new Bundle.Options())) {
      session = inMemory.session();
    }
    expect(Arrays.equals(logits(session), expected), "from memory");
    session.close();
    session.close();
    closed(() -> session.run(IDS));
    // The golden file's tokenizer is a stand-in.
    fails(GemException.Status.CORRUPT, "tokenizer", () -> bundle.tokenizer());
    bundle.close();
    closed(() -> bundle.session());
  }

  private static void observers(Path golden) {
    List<Observer.Event> events = new ArrayList<>();
    try (Bundle bundle = Bundle.open(golden);
        Session session = bundle.session(new Session.Options().observer(events::add))) {
      session.run(IDS);
      long runs = events.stream().filter(e -> e.kind == Observer.Kind.RUN).count();
      long commands = events.stream().filter(e -> e.kind == Observer.Kind.COMMAND).count();
      expect(runs == 1 && commands > 5, "events");
      // The first is the message of what was created.
      expect(events.get(0).kind == Observer.Kind.MESSAGE && !events.get(0).text.isEmpty(), "text");
      Observer.Event first = events.get(1);
      expect(first.kernel.equals("EMBEDDING") && first.command == 0, "kernel");
      expect(first.endNanos >= first.beginNanos, "times");
    }
    // What it throws, the run throws, once.
    int[] calls = new int[1];
    try (Bundle bundle = Bundle.open(golden);
        Session session = bundle.session(new Session.Options().observer(e -> {
          if (e.kind != Observer.Kind.COMMAND) return;
          ++calls[0];
          throw new IllegalStateException("mine");
        }))) {
      session.run(IDS);
      throw new AssertionError("expected what the observer throws");
    } catch (IllegalStateException e) {
      expect(e.getMessage().equals("mine") && calls[0] == 1, "thrown");
    }
  }

  private static int threads() {
    return new File("/proc/self/task").list().length;
  }

  // Waits until the threads of sessions are gone, collecting what is forgotten.
  private static void settles(int before, String what) throws InterruptedException {
    long deadline = System.nanoTime() + 60_000_000_000L;
    while (threads() > before + OTHER_THREADS) {
      expect(System.nanoTime() < deadline, what + ": " + (threads() - before) + " threads more");
      System.gc();
      Thread.sleep(10);
    }
  }

  // A bundle may be closed while a session of it is created, which then keeps it.
  private static void closedMeanwhile(Path golden) throws InterruptedException {
    int before = threads();
    for (int i = 0; i < 20; ++i) {
      Bundle bundle = Bundle.open(golden);
      Session session = bundle.session(
          new Session.Options().threads(4).observer(event -> bundle.close()));
      expect(logits(session).length == 5, "logits");
      closed(() -> bundle.label(0));
      session.close();
    }
    settles(before, "closed meanwhile");
  }

  // What is forgotten is freed, sessions before bundles, whatever the collector's order.
  private static void forgotten(Path golden) throws InterruptedException {
    int before = threads();
    for (int i = 0; i < 200; ++i) {
      logits(Bundle.open(golden).session(new Session.Options().threads(2)));
    }
    settles(before, "forgotten");
  }

  public static void main(String[] arguments) throws IOException, InterruptedException {
    Path golden = Path.of(arguments[0]);
    byte[] key = new byte[Bundle.PUBLIC_KEY_SIZE];
    for (int i = 0; i < key.length; ++i) {
      key[i] = (byte) Integer.parseInt(arguments[2].substring(2 * i, 2 * i + 2), 16);
    }
    bundles(golden);
    signatures(Path.of(arguments[1]), key);
    sessions(golden);
    observers(golden);
    closedMeanwhile(golden);
    forgotten(golden);
    System.out.println("passed");
  }
}
