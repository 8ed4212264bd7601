# Changes a file of labelled texts.
#
# Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes the texts of a file, changed, to standard output.

usage: change.py FILE [--without-labels] [--keep DOMAIN=COUNT] [--label INDEX=LABEL]
"""
import argparse
import json
import sys

parser = argparse.ArgumentParser()
parser.add_argument("file")
parser.add_argument("--without-labels", action="store_true")
parser.add_argument("--keep", help="only the first COUNT texts of DOMAIN")
parser.add_argument("--label", help="another label for the text at INDEX")
options = parser.parse_args()

with open(options.file, encoding="utf-8") as file:
    texts = [json.loads(line) for line in file]
if options.without_labels:
    for text in texts:
        del text["label"]
if options.keep:
    domain, count = options.keep.split("=")
    kept = [text for text in texts if text["domain"] == domain][: int(count)]
    texts = [text for text in texts if text["domain"] != domain] + kept
if options.label:
    index, label = options.label.split("=")
    texts[int(index)]["label"] = int(label)
sys.stdout.reconfigure(encoding="utf-8")
for text in texts:
    print(json.dumps(text, ensure_ascii=False))
