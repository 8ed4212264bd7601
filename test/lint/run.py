#!/usr/bin/env python3
# Runs the lints of this folder over the repository, after each one's self-tests.
#
# Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

import argparse
import os
import sys
import time
import xml.etree.ElementTree as ElementTree

import check_lines
import constraints
import doc_paths
import error_catalogue
import formatting
import includes
import message_phrases
import pass_names
import sources
from tree import SampleTree, Tree

LINTS = [includes, check_lines, constraints, doc_paths, error_catalogue, message_phrases, sources, pass_names,
         formatting]


def self_test(lint, texts, expected):
    """What is wrong with the lint itself, judged by one sample."""
    problems = lint.check(SampleTree(texts))
    if not expected and problems:
        return [f"self-test: expected no problem, but got: {p}" for p in problems]
    return [
        f"self-test: expected a problem with '{part}', but got {problems}"
        for part in expected if not any(part in p for p in problems)
    ]


def main():
    parser = argparse.ArgumentParser(description="Runs the lints over the repository.")
    parser.add_argument("--junit", help="also write the results to this file")
    arguments = parser.parse_args()
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    tree = Tree(root)
    suite = ElementTree.Element("testsuite", name="lint")
    passed = failed = skipped = 0
    for lint in LINTS:
        name = lint.__name__
        reason = lint.skip() if hasattr(lint, "skip") else None
        cases = [
            (f"{name}.self-test-{i}", lambda t=t, e=e: self_test(lint, t, e))
            for i, (t, e) in enumerate(lint.SELF_TESTS, 1)
        ] + [(name, lambda: lint.check(tree))]
        for case_name, run in cases:
            case = ElementTree.SubElement(suite, "testcase", name=case_name, classname="lint")
            if reason:
                skipped += 1
                ElementTree.SubElement(case, "skipped", message=reason)
                continue
            start = time.monotonic()
            problems = run()
            case.set("time", f"{time.monotonic() - start:.3f}")
            if problems:
                failed += 1
                ElementTree.SubElement(case, "failure", message=problems[0]).text = "\n".join(problems)
                print("\n".join(problems))
            else:
                passed += 1
        if reason:
            print(f"{name}: skipped: {reason}")
    if arguments.junit:
        ElementTree.ElementTree(suite).write(arguments.junit, encoding="utf-8")
    print(f"lints: {passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
