# Checks that a bundle's parts, as gem-inspect --json lists them, cover the file without
# gap or overlap, at both levels: check_bytes.py JSON BUNDLE [PART FILE]...
# Each PART ("program" or a segment) must have the bytes of FILE.
#
# Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

import json
import os
import sys


def check(parts, begin, end):
    for part in parts:
        assert part["offset"] == begin, (part, begin)
        assert part["bytes"] > 0, part
        if part["kind"] == "padding":
            assert part["is_zero"], part
        if "parts" in part:
            check(part["parts"], begin, begin + part["bytes"])
        begin += part["bytes"]
    assert begin == end, (begin, end)


document = json.load(open(sys.argv[1]))
bundle = open(sys.argv[2], "rb").read()
assert document["schema_version"] == 1 and document["kind"] == "bundle"
assert document["file_bytes"] == len(bundle) == os.path.getsize(sys.argv[2])
check(document["bytes"], 0, len(bundle))
assert not any(inner["kind"] == "unused" for part in document["bytes"]
               for inner in part.get("parts", []))
segments = {part.get("name", part["kind"]): part for part in document["bytes"]}
for segment in document["segments"]:
    assert segment["hash_matches"], segment
    assert segments[segment["name"]]["offset"] == segment["offset"], segment
assert "gemrt.program @main" in document["program"]

# Every constant of a variant is one of the parts of its segment, in the same place.
for variant in document["variants"]:
    for constant in variant["constants"]:
        segment = segments[constant["segment"]]
        assert any(part["kind"] == "constant"
                   and part["offset"] == segment["offset"] + constant["offset"]
                   and part["bytes"] == constant["bytes"]
                   and constant["name"] in part["name"].split(", ")
                   for part in segment["parts"]), constant

arguments = sys.argv[3:]
for name, path in zip(arguments[::2], arguments[1::2]):
    part = segments[name]
    data = open(path, "rb").read()
    assert data == bundle[part["offset"]:part["offset"] + part["bytes"]], name
