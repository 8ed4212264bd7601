# Adds a date to a document of gem-bench, as measure.py does.
#
# Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""usage: add_date.py FROM.json TO.json"""
import json
import sys

document = json.load(open(sys.argv[1], encoding="utf-8"))
json.dump({"date": "2026-01-31", **document}, open(sys.argv[2], "w", encoding="utf-8"))
