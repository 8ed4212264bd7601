#!/usr/bin/env python3
# Texts of a file several times over, each time worded otherwise.
#
# Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""repeat_texts.py FILE.jsonl TIMES"""

import json
import sys

with open(sys.argv[1], encoding="utf-8") as file:
    texts = [json.loads(line) for line in file if line.strip()]
for time in range(int(sys.argv[2])):
    for text in texts:
        print(json.dumps({**text, "text": f"{text['text']} version {time}"}))
