#!/usr/bin/env python3
# Tests of the Python binding: gem_test.py GOLDEN SIGNED PUBLIC-KEY [GEM-TINY]
#
# Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

import array
import contextlib
import gc
import os
import subprocess
import sys
import tempfile
import threading
import unittest
import unittest.mock

import gem

GOLDEN, SIGNED, KEY = sys.argv[1], sys.argv[2], bytes.fromhex(sys.argv[3])
TINY = sys.argv[4] if len(sys.argv) > 4 else ""
IDS = [5, 6, 7]


@contextlib.contextmanager
def closes():
    """Lists what the library closes, by names and in order."""
    log = []
    with contextlib.ExitStack() as stack:
        for kind in ("bundle", "session", "tokenizer"):
            def close(address, kind=kind, real=getattr(gem._load(), f"gem_{kind}_close")):
                log.append(kind)
                real(address)

            stack.enter_context(unittest.mock.patch.object(gem._load(), f"gem_{kind}_close", close))
        yield log


class BundleTest(unittest.TestCase):
    def test_info_labels_variants(self):
        with gem.Bundle(GOLDEN) as bundle:
            self.assertEqual(bundle.info.format_major, 1)
            self.assertEqual(bundle.info.file_size, os.path.getsize(GOLDEN))
            self.assertEqual(bundle.info.label_count, 5)
            self.assertEqual(bundle.labels(), [f"label {i}" for i in range(5)])
            self.assertIsNone(bundle.label(5))
            self.assertIsNone(bundle.label(-1))
            self.assertEqual(len(bundle.variants()), bundle.info.variant_count)
            self.assertIsNone(bundle.variant_device(bundle.info.variant_count))

    def test_options(self):
        for mode in gem.LoadMode:
            for check in gem.HashCheck:
                with gem.Bundle(GOLDEN, mode=mode, hash_check=check, hash_threads=2) as bundle:
                    self.assertEqual(bundle.info.label_count, 5)

    def test_errors_are_exceptions_of_their_own(self):
        with self.assertRaises(gem.NotFound) as caught:
            gem.Bundle("/none/such.gemb")
        self.assertEqual(caught.exception.status, gem.Status.NOT_FOUND)
        self.assertIn("/none/such.gemb", caught.exception.message)
        self.assertIn("NOT_FOUND", str(caught.exception))
        self.assertIsInstance(caught.exception, LookupError)
        with self.assertRaises(gem.CorruptBundle):
            gem.Bundle(b"no bundle at all" * 10)
        with self.assertRaises(gem.InvalidArgument):
            gem.Bundle(GOLDEN, key=b"short")

    def test_from_bytes(self):
        with open(GOLDEN, "rb") as file:
            content = file.read()
        with gem.Bundle(content) as bundle, bundle.session() as session:
            session.run(IDS)
            logits = session.output(gem.Role.LOGITS).values
        with gem.Bundle(GOLDEN) as bundle, bundle.session() as session:
            session.run(IDS)
            self.assertEqual(session.output(gem.Role.LOGITS).values, logits)

    def test_unsigned_is_untrusted(self):
        # A verifier that believes everything does not make a signature.
        with self.assertRaises(gem.Untrusted):
            gem.Bundle(GOLDEN, key=bytes(32), verifier=lambda *unused: True)

    def test_signed(self):
        try:
            bundle = gem.Bundle(SIGNED, key=KEY)
        except gem.Unsupported as error:
            self.skipTest(error.message)
        with bundle, bundle.session() as session:
            self.assertEqual(len(bundle.variants()), 2)
            self.assertEqual(bundle.variant_device(session.info.variant),
                             session.info.variant_device)
            session.run(IDS)
        with self.assertRaises(gem.Untrusted):
            gem.Bundle(SIGNED, key=bytes(range(32)))

    def test_a_verifier_of_ones_own(self):
        calls = []

        def verify(signature, message, key):
            calls.append((len(signature), message[:4], key))
            return len(calls) == 1

        gem.Bundle(SIGNED, key=KEY, verifier=verify).close()
        with self.assertRaises(gem.Untrusted):
            gem.Bundle(SIGNED, key=KEY, verifier=verify)
        self.assertEqual(calls, [(64, b"gem ", KEY)] * 2)

    def test_closed(self):
        bundle = gem.Bundle(GOLDEN)
        session = bundle.session()
        bundle.close()
        session.run(IDS)  # The session keeps what it needs.
        with self.assertRaises(ValueError):
            bundle.label(0)
        session.close()
        session.close()
        with self.assertRaises(ValueError):
            session.run(IDS)

    def test_forgotten_in_any_order(self):
        with closes() as log:
            for _ in range(50):
                bundle = gem.Bundle(GOLDEN)
                bundle.cycle = bundle  # Both are freed by the collector at once.
                bundle.mine = bundle.session()
                del bundle
            gc.collect()
        self.assertEqual(sorted(log), ["bundle"] * 50 + ["session"] * 50)
        for i in range(len(log)):
            self.assertLessEqual(log[:i].count("bundle"), log[:i].count("session"))

    def test_closed_while_a_session_is_created(self):
        with closes() as log:
            bundle = gem.Bundle(GOLDEN)
            session = bundle.session(observer=lambda event: bundle.close())
            session.run(IDS)
            self.assertEqual(log, [])
            session.close()
        self.assertEqual(log, ["session", "bundle"])

    def test_names_with_nul(self):
        with self.assertRaises(gem.InvalidArgument):
            gem.Bundle(GOLDEN + "\0b")
        with gem.Bundle(GOLDEN) as bundle:
            for name in ("entry", "cpu"):
                with self.assertRaises(gem.InvalidArgument):
                    bundle.session(**{name: "scalar\0x"})

    def test_integers_that_do_not_fit(self):
        def refused(call, *arguments, **keywords):
            with self.assertRaises(gem.OutOfRange):
                call(*arguments, **keywords)

        refused(gem.Bundle, GOLDEN, hash_threads=2**32 + 1)
        refused(gem.Bundle, GOLDEN, mode=2**32)
        with gem.Bundle(GOLDEN) as bundle:
            refused(bundle.session, threads=2**32 + 1)
            refused(bundle.session, variant=-1)
            with bundle.session() as session:
                refused(session.run, [2**32 + 5, 6, 7])
                refused(session.input, 2**32)
                refused(session.set_input, 0, array.array("i", IDS), (2**32 + 3,))
                session.run(IDS)
                refused(session.output, 2**32)


class SessionTest(unittest.TestCase):
    def setUp(self):
        self.bundle = gem.Bundle(GOLDEN)
        self.addCleanup(self.bundle.close)

    def test_info_and_run(self):
        with self.bundle.session(threads=2, variant=0, cpu="scalar") as session:
            self.assertEqual(session.info.cpu, "scalar")
            self.assertEqual(session.info.thread_count, 2)
            self.assertGreater(session.info.session_bytes, session.info.arena_bytes)
            self.assertEqual(len(session.output(gem.Role.LOGITS).values), 0)
            session.run(IDS)
            logits = session.output(gem.Role.LOGITS)
            self.assertEqual((logits.role, logits.element_type), (gem.Role.LOGITS, gem.ElementType.F32))
            self.assertEqual(len(logits.values), 5)
            self.assertIn(logits.argmax(), range(5))
            routed = session.output(gem.Role.ROUTED)
            self.assertEqual((routed.shape, routed.element_type), ((3,), gem.ElementType.U8))
            by_index = [session.output(i) for i in range(session.info.output_count)]
            self.assertIn(logits, by_index)
            with self.assertRaises(gem.NotFound):
                session.output(len(by_index))

    def test_set_input(self):
        with self.bundle.session() as session:
            session.run(IDS)
            expected = session.output(gem.Role.LOGITS).values
        with self.bundle.session() as session:
            session.set_input(0, array.array("i", IDS))
            session.run()
            self.assertEqual(session.output(gem.Role.LOGITS).values, expected)
            with self.assertRaises(gem.InvalidArgument):
                session.set_input(0, array.array("f", [1, 2]))
            with self.assertRaises(gem.InvalidArgument):
                session.set_input(0, array.array("i", IDS), (4,))
            with self.assertRaises(gem.OutOfRange):
                session.set_input(0, array.array("i", [1, 10**6]))

    def test_numpy(self):
        try:
            import numpy
        except ImportError:
            self.skipTest("numpy is not installed")
        with self.bundle.session() as session:
            session.set_input(0, numpy.array(IDS, dtype=numpy.int32))
            session.run()
            values = session.output(gem.Role.LOGITS).numpy()
            self.assertEqual((values.dtype, values.shape), (numpy.float32, (5,)))

    def test_cancel(self):
        with self.bundle.session() as session:
            session.cancel()
            with self.assertRaises(gem.Cancelled):
                session.run(IDS)
            session.run(IDS)

    def test_close_waits_for_a_run_elsewhere(self):
        running, closed, failures = threading.Event(), threading.Event(), []

        def wait(event):
            if event.kind == gem.EventKind.COMMAND and not running.is_set():
                running.set()
                closed.wait()

        def work():
            try:
                session.run(IDS)
            except Exception as error:  # pylint: disable=broad-except
                failures.append(error)

        with closes() as log:
            session = self.bundle.session(observer=wait)
            thread = threading.Thread(target=work)
            thread.start()
            running.wait()
            session.close()
            during = list(log)
            closed.set()
            thread.join()
        self.assertEqual((during, log, failures), ([], ["session"], []))

    def test_profile(self):
        with self.bundle.session() as session:
            session.profile()
            session.run(IDS)
            session.run(IDS)
            profiles = session.command_profiles()
            self.assertEqual({p.runs for p in profiles}, {2})
            self.assertIn("LINEAR", " ".join(p.kernel for p in profiles))
            self.assertGreater(sum(p.weight_bytes for p in profiles), 0)

    def test_observer(self):
        events = []
        with self.bundle.session(observer=events.append) as session:
            session.run(IDS)
            runs = [e for e in events if e.kind == gem.EventKind.RUN]
            self.assertEqual([e.status for e in runs], [gem.Status.OK])
            commands = [e for e in events if e.kind == gem.EventKind.COMMAND]
            self.assertEqual([e.command for e in commands], list(range(len(commands))))
            self.assertTrue(all(e.kernel and e.begin_ns <= e.end_ns for e in commands))
            session.profile()
            self.assertEqual(len(session.command_profiles()), len(commands))

    def test_what_an_observer_raises_is_raised(self):
        def raises(event):
            if event.kind == gem.EventKind.COMMAND:
                raise KeyError(event.kernel)

        with self.bundle.session(observer=raises) as session:
            with self.assertRaises(KeyError):
                session.run(IDS)
        with self.assertRaises(ZeroDivisionError):  # The message of what is created.
            self.bundle.session(observer=lambda event: 1 // 0)

    def test_kernels_and_version(self):
        self.assertTrue(gem.cpu_kernels()["scalar"])
        self.assertRegex(gem.version(), r"^\d+\.\d+\.\d+$")


@unittest.skipUnless(TINY, "there is no gem-compile")
class TextTest(unittest.TestCase):
    def test_encode(self):
        with gem.Bundle(TINY) as bundle, bundle.tokenizer() as tokenizer:
            encoding = tokenizer.encode("Draws graphs.")
            self.assertFalse(encoding.truncated)
            self.assertEqual(tokenizer.piece(encoding.ids[0]), "[CLS]")
            self.assertEqual(tokenizer.piece(encoding.ids[-1]), "[SEP]")
            self.assertIsNone(tokenizer.piece(-1))
            self.assertEqual(tokenizer.encode("draws graphs. " * 99, 8).truncated, True)
            self.assertEqual(tokenizer.encode(b"\xff\xfe").ids, tokenizer.encode("\ufffd\ufffd").ids)
            self.assertGreater(tokenizer.vocabulary_size, 1000)
            self.assertIsNone(tokenizer.piece(2**32 + encoding.ids[0]))
            with self.assertRaises(gem.OutOfRange):
                tokenizer.encode("a", 2**32 + 8)

    def test_closed_while_a_tokenizer_is_created(self):
        create = gem._load().gem_tokenizer_create

        def create_and_close(*arguments):
            status = create(*arguments)
            bundle.close()
            return status

        with closes() as log, unittest.mock.patch.object(gem._load(), "gem_tokenizer_create",
                                                         create_and_close):
            bundle = gem.Bundle(TINY)
            tokenizer = bundle.tokenizer()
            self.assertTrue(tokenizer.encode("Draws graphs.").ids)
            tokenizer.close()
        self.assertEqual(log, ["tokenizer", "bundle"])


class LibraryTest(unittest.TestCase):
    def fails(self, library, words):
        environment = {**os.environ, "GEM_LIBRARY": library}
        result = subprocess.run([sys.executable, "-c", "import gem; gem.version()"],
                                env=environment, capture_output=True, text=True)
        self.assertNotEqual(result.returncode, 0)
        self.assertIn(words, result.stderr)

    def test_absent(self):
        self.fails("/none/libgem.so", "could not be loaded")

    def test_no_library_of_ours(self):
        self.fails("libc.so.6", "expected a function gem_version")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=1)
