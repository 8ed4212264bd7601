# Writes labelled texts in two domains for gem-tiny, and others to calibrate on.
#
# Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""usage: sweep_texts.py DATA CALIBRATION"""
import itertools
import json
import sys

# By domain: label of examples/gem-tiny/labels.json, and a sentence.
SENTENCES = {
    "code": [(5, "Python library that {}"), (15, "Rust crate that {}"), (9, "Java class that {}")],
    "media": [(27, "Audio player that {}"), (28, "Video editor that {}"),
              (38, "Puzzle game that {}")],
}
WHAT = ["reads configuration files", "draws charts", "connects to a server", "runs in a terminal",
        "sorts long lists", "talks to hardware", "keeps a history", "works without a network",
        "opens compressed archives", "measures time", "plays recorded sounds", "shows pictures"]


def write(path, choices):
    with open(path, "w", encoding="utf-8") as file:
        for (domain, sentences), what in itertools.product(SENTENCES.items(), choices):
            for label, sentence in sentences:
                line = {"text": sentence.format(what), "domain": domain, "label": label}
                file.write(json.dumps(line) + "\n")


write(sys.argv[1], WHAT[:8])
write(sys.argv[2], WHAT[8:])
