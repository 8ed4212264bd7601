# Writes a profile whose memory holds weights and arena, and not what the runtime takes besides.
#
# Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import json
import os
import subprocess
import sys

folder = sys.argv[1]
here = os.path.dirname(os.path.abspath(__file__))
report = os.path.join(folder, "fits.json")
model = os.path.join(here, *[".."] * 4, "examples", "gem-tiny")
subprocess.run(["gem-compile", model, "--sequence", "64", "-q", "-o",
                os.path.join(folder, "fits.gemb"), "--report", report], check=True)
with open(report, encoding="utf-8") as file:
    document = json.load(file)
limit = document["output"]["weight_bytes"] + document["memory"]["arena_bytes"] + 1
assert limit < document["memory"]["peak_bytes"]
with open(os.path.join(here, "small-board.textproto"), encoding="utf-8") as file:
    text = file.read()
with open(os.path.join(folder, "tight.textproto"), "w", encoding="utf-8") as file:
    file.write(text.replace("LIMIT", str(limit)))
