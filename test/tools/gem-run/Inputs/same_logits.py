# same_logits.py A B: whether two outputs of gem-run --json agree but for their times.
#
# Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

import json
import sys

first, second = ([json.loads(line) for line in open(path)] for path in sys.argv[1:])
assert first and len(first) == len(second), (len(first), len(second))
for a, b in zip(first, second):
    for record in (a, b):
        del record["micros"]
    assert a == b, (a, b)
