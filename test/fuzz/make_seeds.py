#!/usr/bin/env python3
# Writes first inputs for the fuzz targets of checkpoints, vocabularies and the dialect.
#
# Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#   make_seeds.py FOLDER    writes FOLDER/{safetensors,torch,vocabulary,gem-dialect}/
#
# Needs Python's standard library only. What others wrote for their tests is taken as it
# is: test/compiler/checkpoint/torch and test/dialects/Gem.

import io
import json
import os
import struct
import sys
import zipfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
OUT = ""


def write(target, name, data):
    folder = os.path.join(OUT, target)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "wb") as file:
        file.write(data if isinstance(data, bytes) else data.encode())


def read(path):
    with open(os.path.join(ROOT, path), "rb") as file:
        return file.read()


# --- safetensors -------------------------------------------------------------

SIZES = {"F32": 4, "F16": 2, "BF16": 2, "F64": 8, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1,
         "BOOL": 1}


def safetensors(tensors, metadata=None, with_length=False):
    """{name: (dtype, shape)}; the elements are zeros."""
    header, end = {}, 0
    if metadata is not None:
        header["__metadata__"] = metadata
    for name, (dtype, shape) in tensors.items():
        count = 1
        for extent in shape:
            count *= extent
        header[name] = {"dtype": dtype, "shape": shape,
                        "data_offsets": [end, end + count * SIZES[dtype]]}
        end += count * SIZES[dtype]
    text = json.dumps(header, separators=(",", ":")).encode()
    return (struct.pack("<Q", len(text)) if with_length else b"") + text + bytes(end)


def bert(prefix=""):
    """A BERT encoder of one layer, as small as there is."""
    hidden, inner = 2, 3
    tensors = {
        "embeddings.word_embeddings.weight": [4, hidden],
        "embeddings.position_embeddings.weight": [3, hidden],
        "embeddings.token_type_embeddings.weight": [2, hidden],
    }
    linear = {
        "attention.self.query": [hidden, hidden], "attention.self.key": [hidden, hidden],
        "attention.self.value": [hidden, hidden], "attention.output.dense": [hidden, hidden],
        "intermediate.dense": [inner, hidden], "output.dense": [hidden, inner],
    }
    for name, shape in linear.items():
        tensors[f"encoder.layer.0.{name}.weight"] = shape
        tensors[f"encoder.layer.0.{name}.bias"] = shape[:1]
    for name in ("embeddings", "encoder.layer.0.attention.output", "encoder.layer.0.output"):
        tensors[f"{name}.LayerNorm.weight"] = [hidden]
        tensors[f"{name}.LayerNorm.bias"] = [hidden]
    return {prefix + name: ("F32", shape) for name, shape in tensors.items()}


def write_safetensors():
    every = {f"t{i}": (dtype, [2, 3]) for i, dtype in enumerate(SIZES)}
    write("safetensors", "types", safetensors(every, {"format": "pt"}))
    write("safetensors", "types-with-length", safetensors(every, with_length=True))
    write("safetensors", "shapes", safetensors({"scalar": ("F32", []), "none": ("I8", [0, 7]),
                                                "deep": ("U8", [1] * 32)}))
    write("safetensors", "bert", safetensors(bert()))
    gem = {**bert(), "router.W_r": ("F32", [2, 2]), "router.centroids": ("F32", [2, 2]),
           "scar.qkv.weight": ("F32", [6, 2]), "scar.qkv.bias": ("F32", [6]),
           "scar.out.weight": ("F32", [2, 2]), "scar.out.bias": ("F32", [2]),
           "classifier.weight": ("F32", [2, 2]), "classifier.bias": ("F32", [2])}
    write("safetensors", "gem", safetensors(gem))
    write("safetensors", "index", '{"weight_map":{"a":"0","b":"../x"},"metadata":{}}')


# --- torch -------------------------------------------------------------------

def short_string(text):
    return b"X" + struct.pack("<I", len(text)) + text.encode()


def name(module, attribute):
    return f"c{module}\n{attribute}\n".encode()


def integer(value):
    return b"K" + bytes([value]) if 0 <= value < 256 else b"J" + struct.pack("<i", value)


def tensor(storage, key, elements, offset, shape, strides):
    extents = b"".join(integer(e) for e in shape)
    steps = b"".join(integer(s) for s in strides)
    return (name("torch._utils", "_rebuild_tensor_v2") + b"((" + short_string("storage")
            + name("torch", storage) + short_string(key) + short_string("cpu") + integer(elements)
            + b"tQ" + integer(offset) + b"(" + extents + b"t(" + steps + b"t\x89"
            + name("collections", "OrderedDict") + b")RtR")


def write_torch():
    float_tensor = tensor("FloatStorage", "0", 64, 2, [3, 4], [4, 1])
    half_tensor = tensor("HalfStorage", "1", 8, 0, [8], [1])
    expanded = tensor("FloatStorage", "0", 64, 0, [3, 4], [0, 0])
    parameter = (name("torch._utils", "_rebuild_parameter") + b"(" + float_tensor + b"\x88"
                 + name("collections", "OrderedDict") + b")RtR")
    state = (name("collections", "OrderedDict") + b")R(" + short_string("a") + float_tensor
             + short_string("b") + half_tensor + short_string("c") + expanded + short_string("d")
             + parameter + b"u}(" + short_string("_metadata") + b"}ub")
    write("torch", "state-dict", b"\x80\x02" + state + b".")
    write("torch", "training", b"\x80\x02}(" + short_string("epoch") + integer(300)
          + short_string("loss") + b"G" + struct.pack(">d", 0.5) + short_string("model_state_dict")
          + state + short_string("list") + b"](K\x01\x88\x89Ne" + short_string("size")
          + name("torch", "Size") + b"((K\x02K\x03ttRu.")
    write("torch", "memo", b"\x80\x04\x95\x00\x00\x00\x00\x00\x00\x00\x00}\x94(\x8c\x01a\x94h\x01u.")
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as file:
        # A fixed time, so that the bytes are the same every day.
        def add(path, data):
            file.writestr(zipfile.ZipInfo(path, (1980, 1, 1, 0, 0, 0)), data)
        add("m/data.pkl", b"\x80\x02}" + short_string("b") + half_tensor + b"s.")
        add("m/data/1", bytes(16))
        add("m/version", b"3\n")
    write("torch", "zip", archive.getvalue())
    for path in ("module.pth", "odd.pth"):
        write("torch", path, read(f"test/compiler/checkpoint/torch/{path}"))


# --- vocabularies ------------------------------------------------------------

def write_vocabularies():
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "##s", "caf\u00e9", "a"]
    write("vocabulary", "vocab.txt", "\n".join(pieces) + "\n")
    write("vocabulary", "vocab-crlf.txt", "\ufeff" + "\r\n".join(pieces))
    tokenizer = {
        "added_tokens": [{"id": 0, "content": "[PAD]"}, {"id": 9, "content": "new"}],
        "normalizer": {"type": "BertNormalizer", "clean_text": True, "lowercase": True,
                       "strip_accents": None, "handle_chinese_chars": True},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {"type": "TemplateProcessing", "single": [
            {"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A"}},
            {"SpecialToken": {"id": "[SEP]", "type_id": 0}}]},
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                  "max_input_chars_per_word": 100,
                  "vocab": {piece: i for i, piece in enumerate(pieces)}},
    }
    write("vocabulary", "tokenizer.json", json.dumps(tokenizer))
    tokenizer["normalizer"] = None
    tokenizer["post_processor"] = {"type": "BertProcessing", "sep": ["[SEP]", 3],
                                   "cls": ["[CLS]", 2]}
    del tokenizer["added_tokens"]
    write("vocabulary", "tokenizer-bert.json", json.dumps(tokenizer))


# --- the dialect -------------------------------------------------------------

def write_modules():
    for path in ("ops", "canonicalize", "invalid", "invalid-weights"):
        text = read(f"test/dialects/Gem/{path}.mlir").decode()
        for number, case in enumerate(text.split("// -----")):
            lines = [line for line in case.splitlines() if not line.strip().startswith("//")]
            write("gem-dialect", f"{path}-{number}", "\n".join(lines).strip() + "\n")


def main():
    global OUT
    if len(sys.argv) != 2:
        sys.exit("usage: make_seeds.py FOLDER")
    OUT = sys.argv[1]
    write_safetensors()
    write_torch()
    write_vocabularies()
    write_modules()


if __name__ == "__main__":
    main()
