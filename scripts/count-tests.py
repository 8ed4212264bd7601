#!/usr/bin/env python3
# Prints "PASSED FAILED SKIPPED" of a JUnit XML file, as ctest, lit and the lints
# write it; then, one a line, why tests were skipped.
#
# Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

import collections
import re
import sys
import xml.etree.ElementTree as ElementTree

# What GTEST_SKIP prints: "path:line: Skipped" and then the message.
GTEST_SKIP = re.compile(r"^\S+:\d+: Skipped\n(.+)$", re.M)


def reason_of(case, skipped):
    match = GTEST_SKIP.search(case.findtext("system-out") or "")
    if match and not match.group(1).startswith("["):
        return match.group(1)
    return skipped.get("message") or "no reason given"


def main():
    if len(sys.argv) != 2:
        print("usage: count-tests.py RESULTS.xml", file=sys.stderr)
        return 2
    try:
        root = ElementTree.parse(sys.argv[1]).getroot()
    except (OSError, ElementTree.ParseError) as error:
        print(f"count-tests: {sys.argv[1]}: {error}", file=sys.stderr)
        return 1
    passed = failed = 0
    reasons = collections.Counter()
    for case in root.iter("testcase"):
        skipped = case.find("skipped")
        if case.find("failure") is not None or case.find("error") is not None:
            failed += 1
        elif skipped is not None:
            reasons[reason_of(case, skipped)] += 1
        elif case.get("status") in ("notrun", "disabled"):
            reasons[case.get("status")] += 1
        else:
            passed += 1
    if passed + failed + sum(reasons.values()) == 0:
        print(f"count-tests: {sys.argv[1]}: no test ran", file=sys.stderr)
        return 1
    print(passed, failed, sum(reasons.values()))
    for reason, count in reasons.most_common():
        print(f"{count} skipped: {reason}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
