#!/usr/bin/env python3
# Tests of check_size.py: what it reads of a linker map and what it refuses.
#
# Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

import unittest

import check_size

MAP = """\
Discarded input sections

 .text.gone     0x0000000000000000      0x999 libgem_core.a(Session.cpp.o)

Linker script and memory map

 .text._ZN3gem7Session3RunEv
                0x0000000000001000      0x100 runtime/libgem_core.a(Session.cpp.o)
 .text.a        0x0000000000001100       0x10 runtime/kernels/libgem_kernels.a(Linear.cpp.o)
 .rodata.str1.1
                0x0000000000002000       0x21 runtime/libgem_core.a(Session.cpp.o)
                                         0x40 (size before relaxing)
 .eh_frame      0x0000000000002100       0x30 runtime/libgem_core.a(Session.cpp.o)
 .data.rel.ro.t 0x0000000000003000        0x8 size.dir/Registry-avx2.cpp.o
 .text          0x0000000000004000      0x500 /usr/lib/libc.a(printf.o)
 .text.b        0x0000000000005000        0x7 runtime/text/libgem_text.a(Tokenizer.cpp.o)
 .comment       0x0000000000000000       0x20 runtime/libgem_core.a(Session.cpp.o)
"""


class CheckSizeTest(unittest.TestCase):

    def test_counts_what_is_linked_of_the_runtime(self):
        self.assertEqual(check_size.measure(MAP),
                         {"core": 0x121, "kernels": 0x18, "tokenizer": 7})

    def test_accepts_what_is_within_limits_and_baseline(self):
        sizes = {"avx2": {"core": 1000, "kernels": 2000}}
        self.assertEqual(check_size.check(sizes, {"avx2": {"core": 985, "kernels": 3000}}), [])

    def test_refuses_what_has_grown(self):
        sizes = {"avx2": {"core": 1000, "kernels": 2000}}
        problems = check_size.check(sizes, {"avx2": {"core": 979, "kernels": 2000}})
        self.assertEqual(len(problems), 1)
        self.assertIn("avx2: core: expected at most 2% more than the 979 bytes", problems[0])

    def test_refuses_what_is_over_a_limit(self):
        problems = check_size.check({"neon": {"core": 61441, "kernels": 92160}}, {})
        self.assertEqual(len(problems), 2)
        self.assertIn("neon: core: expected at most 61440 bytes, but got 61441", problems[0])
        self.assertIn("core and kernels: expected at most 153600 bytes, but got 153601", problems[1])

    def test_refuses_a_map_without_the_runtime(self):
        problems = check_size.check({"neon": {}}, {})
        self.assertIn("neon: found nothing of part 'core' in the map", problems)


if __name__ == "__main__":
    unittest.main()
