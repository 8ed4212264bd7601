# Whether two results of gem-run --json are the same but for the time that they took.
#
# Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

import json
import sys


def results(path):
    with open(path) as file:
        lines = [json.loads(line) for line in file]
    for line in lines:
        del line["micros"]
    return lines


a, b = results(sys.argv[1]), results(sys.argv[2])
assert a and a == b, f"{a}\n{b}"
