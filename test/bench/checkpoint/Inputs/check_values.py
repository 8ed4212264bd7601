# Checks the values of random checkpoints.
#
# Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compares the f32, f16 and bf16 forms of one checkpoint, and prints its statistics.

usage: check_values.py F32_DIR F16_DIR BF16_DIR
"""
import array
import json
import math
import struct
import sys


def read(folder):
    with open(f"{folder}/model.safetensors", "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        data = file.read()
    header.pop("__metadata__")
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        raw = data[begin:end]
        if entry["dtype"] == "F32":
            values = array.array("f", raw)
        elif entry["dtype"] == "F16":
            values = struct.unpack(f"<{len(raw) // 2}e", raw)
        else:
            words = array.array("I", [w << 16 for w in array.array("H", raw)])
            values = array.array("f", words.tobytes())
        assert len(values) == math.prod(entry["shape"]), name
        tensors[name] = values
    return tensors


def describe(values):
    mean = sum(values) / len(values)
    return mean, math.sqrt(sum((v - mean) ** 2 for v in values) / len(values))


one, half, brain = (read(folder) for folder in sys.argv[1:4])
print("tensors:", len(one))
words = describe(one["bert.bert.embeddings.word_embeddings.weight"])
print("word embeddings: mean %.3f, deviation %.3f" % (abs(words[0]), words[1]))
print("norm: mean %.2f" % describe(one["bert.bert.embeddings.LayerNorm.weight"])[0])
for other, relative, absolute in ((half, 2**-11, 2**-25), (brain, 2**-8, 0)):
    assert list(other) == list(one)
    for name, values in one.items():
        for a, b in zip(values, other[name]):
            assert abs(a - b) <= max(relative * abs(a), absolute), (name, a, b)
print("f16 and bf16 agree")
