#!/usr/bin/env python3
# Writes small checkpoints, good and bad ones, for the tests of compiler/Checkpoint.
#
# Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#   make_fixtures.py FOLDER
#
# Needs nothing but Python's standard library: pickles come from its pickle
# module with stand-ins for PyTorch's classes, zip files from zipfile. bad.json
# lists what must be refused: [{"path", "model", "set", "expect": [texts]}, ...];
# "model" says that the checkpoint opens, but the model in it is refused.

import collections
import io
import json
import os
import pickle
import random
import shutil
import struct
import sys
import types
import zipfile

OUT = ""
BAD = []


def path_of(name):
    path = os.path.join(OUT, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    return path


def write(name, data):
    with open(path_of(name), "wb") as file:
        file.write(data if isinstance(data, bytes) else data.encode())
    return name


def bad(name, data, *expect, **options):
    """A file that must be refused with all of these texts in the message."""
    if data is not None:
        write(name, data)
    BAD.append({"path": name, "model": False, "set": {}, "expect": list(expect), **options})


# --- Element types -----------------------------------------------------------

SIZES = {"F32": 4, "F16": 2, "BF16": 2, "F64": 8, "I64": 8, "I32": 4, "I16": 2, "I8": 1,
         "U8": 1, "BOOL": 1}


def pack(dtype, values):
    if dtype == "BF16":  # truncated: the values here are exact
        return b"".join(struct.pack("<f", v)[2:] for v in values)
    code = {"F32": "f", "F16": "e", "F64": "d", "I64": "q", "I32": "i", "I16": "h", "I8": "b",
            "U8": "B", "BOOL": "?"}[dtype]
    return struct.pack(f"<{len(values)}{code}", *values)


def count(shape):
    result = 1
    for n in shape:
        result *= n
    return result


# --- safetensors ---------------------------------------------------------------

def st_raw(header, data, length=None):
    text = header if isinstance(header, bytes) else header.encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def safetensors(tensors, metadata=None):
    """tensors: {name: (dtype, shape, values or bytes)}; the data begins at a multiple of 8."""
    header, data = {}, b""
    if metadata is not None:
        header["__metadata__"] = metadata
    for name, (dtype, shape, values) in tensors.items():
        raw = values if isinstance(values, bytes) else pack(dtype, values)
        header[name] = {"dtype": dtype, "shape": list(shape),
                        "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header)
    return st_raw(text + " " * (-len(text) % 8), data)


# --- torch -------------------------------------------------------------------

torch = types.ModuleType("torch")
torch_utils = types.ModuleType("torch._utils")
for module in (torch, torch_utils):
    sys.modules[module.__name__] = module


def stand_in(module, name, base=object):
    cls = type(name, (base,), {"__module__": module.__name__})
    setattr(module, name, cls)
    return cls


def _stand_in_function(module, name):
    def function(*arguments):
        raise RuntimeError("only pickled, never called")
    function.__name__ = function.__qualname__ = name
    function.__module__ = module.__name__
    setattr(module, name, function)
    return function


STORAGES = {dtype: stand_in(torch, name + "Storage") for dtype, name in {
    "F32": "Float", "F16": "Half", "BF16": "BFloat16", "F64": "Double", "I64": "Long",
    "I32": "Int", "I16": "Short", "I8": "Char", "U8": "Byte", "BOOL": "Bool"}.items()}
rebuild_tensor = _stand_in_function(torch_utils, "_rebuild_tensor_v2")
rebuild_parameter = _stand_in_function(torch_utils, "_rebuild_parameter")


class Storage:
    def __init__(self, dtype, values, numel=None, key=None):
        self.dtype = dtype
        self.raw = values if isinstance(values, bytes) else pack(dtype, values)
        self.numel = len(self.raw) // SIZES[dtype] if numel is None else numel
        self.key = key


def contiguous(shape):
    strides, step = [], 1
    for n in reversed(shape):
        strides.insert(0, step)
        step *= max(n, 1)
    return strides


class Tensor:
    def __init__(self, storage, shape, strides=None, offset=0):
        self.arguments = (storage, offset, tuple(shape),
                          tuple(contiguous(shape) if strides is None else strides), False,
                          collections.OrderedDict())

    def __reduce__(self):
        return rebuild_tensor, self.arguments


class Parameter:
    def __init__(self, tensor):
        self.tensor = tensor

    def __reduce__(self):
        return rebuild_parameter, (self.tensor, True, collections.OrderedDict())


class Size(tuple):
    def __reduce__(self):
        return Size, (tuple(self),)


Size.__module__, torch.Size = "torch", Size


class TorchPickler(pickle.Pickler):
    def __init__(self, file, protocol):
        super().__init__(file, protocol)
        self.storages = {}  # key -> bytes
        self.keys = {}

    def persistent_id(self, value):
        if not isinstance(value, Storage):
            return None
        if id(value) not in self.keys:
            key = value.key if value.key is not None else str(len(self.storages))
            self.keys[id(value)] = key
            self.storages[key] = value.raw
        return ("storage", STORAGES[value.dtype], self.keys[id(value)], "cpu", value.numel)


def zip_bytes(entries, compression=zipfile.ZIP_STORED, zip64=False):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as file:
        for name, data in entries:
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            info.compress_type = compression
            with file.open(info, "w", force_zip64=zip64) as entry:
                entry.write(data)
    return buffer.getvalue()


def torch_entries(value, protocol=2, prefix="archive", byteorder=None):
    buffer = io.BytesIO()
    pickler = TorchPickler(buffer, protocol)
    pickler.dump(value)
    entries = [(f"{prefix}/data.pkl", buffer.getvalue())]
    if byteorder is not None:
        entries.append((f"{prefix}/byteorder", byteorder))
    entries += [(f"{prefix}/data/{key}", raw) for key, raw in pickler.storages.items()]
    entries.append((f"{prefix}/version", b"3\n"))
    return entries


def torch_file(value, **options):
    return zip_bytes(torch_entries(value, **options))


def pickle_file(pickled, storages=()):
    return zip_bytes([("archive/data.pkl", pickled)] +
                     [(f"archive/data/{i}", raw) for i, raw in enumerate(storages)])


# --- Models ------------------------------------------------------------------

V, H, L, A, F, P, T, C, K = 11, 4, 2, 2, 8, 6, 2, 3, 2
PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b", "##a", "##b", "the", "\u00e9"]
CONFIG = {"model_type": "gem", "vocab_size": V, "hidden_size": H, "num_hidden_layers": L,
          "num_attention_heads": A, "intermediate_size": F, "max_position_embeddings": P,
          "num_classes": C, "num_clusters": K, "threshold": 0.65, "type_vocab_size": T,
          "layer_norm_eps": 1e-12, "hidden_act": "gelu", "do_lower_case": True,
          "pad_token_id": 0}
LABELS = ["red", "green", "blue"]


def encoder_shapes(layers=L):
    shapes = {"embeddings.word_embeddings.weight": (V, H),
              "embeddings.position_embeddings.weight": (P, H),
              "embeddings.token_type_embeddings.weight": (T, H),
              "embeddings.LayerNorm.weight": (H,), "embeddings.LayerNorm.bias": (H,)}

    def linear(name, out, inner):
        shapes[name + ".weight"], shapes[name + ".bias"] = (out, inner), (out,)

    for i in range(layers):
        layer = f"encoder.layer.{i}."
        for part in ("query", "key", "value"):
            linear(layer + "attention.self." + part, H, H)
        linear(layer + "attention.output.dense", H, H)
        linear(layer + "intermediate.dense", F, H)
        linear(layer + "output.dense", H, F)
        for norm in ("attention.output.LayerNorm", "output.LayerNorm"):
            shapes[layer + norm + ".weight"] = shapes[layer + norm + ".bias"] = (H,)
    shapes["pooler.dense.weight"], shapes["pooler.dense.bias"] = (H, H), (H,)
    return shapes


def values_for(name, shape):
    """Multiples of 1/64, which every float type holds exactly."""
    source = random.Random(name)
    return [source.randint(-96, 96) / 64 for _ in range(count(shape))]


def gem(dtype="F32", centroids=True):
    shapes = {"bert.bert." + name: shape for name, shape in encoder_shapes().items()}
    shapes.update({"router.W_r": (C, H), "scar.qkv.weight": (3 * H, H), "scar.qkv.bias": (3 * H,),
                   "scar.out.weight": (H, H), "scar.out.bias": (H,),
                   "classifier.weight": (C, H), "classifier.bias": (C,)})
    if centroids:
        shapes["router.centroids"] = (K, H)
    return {name: (dtype, shape, values_for(name, shape)) for name, shape in shapes.items()}


def bert(prefix="", dtype="F32", classes=0):
    shapes = {prefix + name: shape for name, shape in encoder_shapes().items()}
    if classes:
        shapes.update({"classifier.weight": (classes, H), "classifier.bias": (classes,)})
    return {name: (dtype, shape, values_for(name, shape)) for name, shape in shapes.items()}


def as_torch(tensors):
    return collections.OrderedDict((name, Tensor(Storage(dtype, values), shape))
                                   for name, (dtype, shape, values) in tensors.items())


def dumps(value):
    return json.dumps(value, indent=1)


def model(folder, tensors, config=CONFIG, vocab=PIECES, labels=None, extra=None):
    files = {"model.safetensors": safetensors(tensors, {"format": "pt"})}
    if config is not None:
        files["config.json"] = dumps(config)
    if vocab is not None:
        files["vocab.txt"] = "".join(p + "\n" for p in vocab)
    if labels is not None:
        files["labels.json"] = dumps(labels)
    files.update(extra or {})
    for name, data in files.items():
        if data is not None:
            write(f"{folder}/{name}", data)
    return folder


def bad_model(folder, tensors, *expect, set=None, **options):
    model("bad/" + folder, tensors, **options)
    BAD.append({"path": "bad/" + folder, "model": True, "set": set or {}, "expect": list(expect)})


def without(tensors, *names):
    return {name: value for name, value in tensors.items() if name not in names}


def changed(tensors, name, dtype, shape):
    values = [0] * count(shape)
    return {**tensors, name: (dtype, shape, values)}


TOKENIZER = {
    "version": "1.0", "truncation": None, "padding": None,
    "added_tokens": [{"id": i, "content": PIECES[i], "special": True} for i in range(5)],
    "normalizer": {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True,
                   "strip_accents": None, "lowercase": False},
    "pre_tokenizer": {"type": "BertPreTokenizer"},
    "post_processor": {"type": "TemplateProcessing",
                       "single": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}},
                                  {"Sequence": {"id": "A", "type_id": 0}},
                                  {"SpecialToken": {"id": "[SEP]", "type_id": 0}}],
                       "pair": [], "special_tokens": {}},
    "decoder": {"type": "WordPiece", "prefix": "##"},
    "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
              "max_input_chars_per_word": 77, "vocab": {p: i for i, p in enumerate(PIECES)}},
}


def tokenizer_json(**changes):
    result = json.loads(json.dumps(TOKENIZER))
    for key, value in changes.items():
        result[key] = {**result[key], **value} if isinstance(value, dict) else value
    return dumps(result)


def good_models():
    ids = {str(i): name for i, name in enumerate(LABELS)}
    model("gem", gem(), labels={"classes": LABELS})
    model("gem-f16", gem("F16"), config={**CONFIG, "id2label": ids})
    model("gem-bf16", gem("BF16"))
    model("gem-crlf", gem(), vocab=None, labels=LABELS, extra={
        "vocab.txt": "".join(p + "\r\n" for p in PIECES) + "\r\n",
        "tokenizer_config.json": dumps({"do_lower_case": False, "strip_accents": True,
                                        "tokenizer_class": "BertTokenizer",
                                        "mask_token": {"content": "[MASK]"}})})
    model("gem-tokenizer-json", gem(), extra={
        "tokenizer.json": tokenizer_json(added_tokens=TOKENIZER["added_tokens"])})
    model("gem-bpe", gem(), vocab=None, extra={
        "tokenizer.json": tokenizer_json(model={"type": "BPE"})})
    model("gem-no-config", gem(), config=None, vocab=None)
    model("gem-short-vocab", gem(), vocab=PIECES[:7])
    model("encoder", {**without(bert(), "embeddings.LayerNorm.weight", "embeddings.LayerNorm.bias"),
                      "embeddings.LayerNorm.gamma": ("F32", (H,), [1.0] * H),
                      "embeddings.LayerNorm.beta": ("F32", (H,), [0.0] * H),
                      "embeddings.position_ids": ("I64", (1, P), list(range(P))),
                      "cls.predictions.bias": ("F32", (V,), [0.0] * V)},
          config={"model_type": "bert", "num_attention_heads": A, "num_labels": 2})
    model("classifier", bert("bert.", classes=C),
          config={"model_type": "bert", "num_attention_heads": A, "id2label": ids,
                  "position_embedding_type": "absolute", "is_decoder": False})

    write("gem.pth", torch_file(as_torch(gem(centroids=False))))
    for protocol in (3, 4, 5):
        write(f"gem-protocol-{protocol}.pth",
              torch_file(as_torch(gem(centroids=False)), protocol=protocol, byteorder=b"little"))
    parameters = collections.OrderedDict(
        (name, Parameter(tensor)) for name, tensor in as_torch(gem(centroids=False)).items())
    write("gem-parameters.pth", torch_file(parameters))
    write("gem-zip64.pth", zip_bytes(torch_entries(as_torch(gem(centroids=False))), zip64=True))
    wrapped = {"module." + name: value for name, value in as_torch(gem(centroids=False)).items()}
    teacher = {"module.teacher." + name: value for name, value in as_torch(bert("bert.")).items()}
    write("training.pth", torch_file({
        "epoch": 3, "loss": 0.5, "args": None, "flags": [True, False, -1, 2**40, -2**33, 0, 300],
        "nested": {"a": ({}, [], ()), 7: "seven"}, "state_dict": {**wrapped, **teacher},
        "optimizer": {"state": {0: {"step": Tensor(Storage("F32", [3.0]), ())}},
                      "param_groups": [{"lr": 1e-3, "betas": (0.9, 0.999), "params": [0, 1]}]}}))

    names = sorted(gem())
    shards = {"model-00001-of-00002.safetensors": names[:20],
              "model-00002-of-00002.safetensors": names[20:]}
    for name, members in shards.items():
        write("sharded/" + name, safetensors({m: gem()[m] for m in members}))
    index = {"metadata": {"total_size": 1}, "weight_map": {
        member: name for name, members in shards.items() for member in members}}
    write("sharded/model.safetensors.index.json", dumps(index))
    write("sharded/config.json", dumps(CONFIG))
    broken = json.loads(dumps(index))
    broken["weight_map"]["router.W_r"] = "model-00001-of-00002.safetensors"
    broken["weight_map"]["absent"] = "model-00003-of-00003.safetensors"
    for name in shards:
        shutil.copy(path_of("sharded/" + name), path_of("bad/sharded/" + name))
    bad("bad/sharded/model.safetensors.index.json", dumps(broken),
        "'router.W_r': not found in 'model-00001-of-00002.safetensors'",
        "'router.W_r': found in 'model-00002-of-00002.safetensors', which the index does not say",
        "model-00003-of-00003.safetensors: no such file")
    write("bad/torch-shards/pytorch_model-1.bin", torch_file({}))
    bad("bad/torch-shards/pytorch_model.bin.index.json",
        '{"weight_map": {"a": "pytorch_model-1.bin"}}', "pytorch_model-1.bin: is a shard that torch.save")
    broken["weight_map"]["absent"] = "../secret"
    bad("bad/escape/model.safetensors.index.json", dumps(broken),
        "'absent': found the file name '../secret', expected a plain name")


def good_files():
    """Single files whose elements the tests know."""
    halves = bytes(b for i in range(65536) for b in struct.pack("<H", i))
    widened = b"".join(struct.pack("<f", struct.unpack("<e", struct.pack("<H", i))[0])
                       for i in range(65536))
    write("half.safetensors", safetensors({"half": ("F16", (65536,), halves),
                                           "wide": ("F32", (65536,), widened)}))
    write("types.safetensors", safetensors({
        "u8": ("U8", (3,), [0, 1, 255]), "f32": ("F32", (2,), [0.5, -3.25]),
        "f64": ("F64", (1,), [1.5]), "i64": ("I64", (2,), [-1, 2**40]),
        "i32": ("I32", (), [-7]), "i16": ("I16", (2,), [-300, 300]),
        "i8": ("I8", (2,), [-128, 127]), "bool": ("BOOL", (2,), [True, False]),
        "bf16": ("BF16", (2, 1), [1.5, -0.25]), "empty": ("F32", (0, 3), []),
    }, {"format": "pt"}))
    small = collections.OrderedDict(x=Tensor(Storage("F32", [1.0, 2.0, 3.0, 4.0]), (2, 2)),
                                    y=Tensor(Storage("F16", [0.5, -1.5]), (2,)))
    write("small.pth", torch_file(small, byteorder=b"little"))
    write("small.safetensors", safetensors({"x": ("F32", (2, 2), [1.0, 2.0, 3.0, 4.0]),
                                            "y": ("F16", (2,), [0.5, -1.5])}, {"format": "pt"}))
    shared = Storage("F32", [float(i) for i in range(12)])
    write("views.pth", torch_file({
        "all": Tensor(shared, Size((3, 4))), "transposed": Tensor(shared, (4, 3), (1, 4)),
        "column": Tensor(shared, (3,), (4,), 1), "repeated": Tensor(shared, (2, 3), (0, 1), 9),
        "reversed": Tensor(shared, (2, 2, 3), (6, 3, 1)), "none": Tensor(shared, (0, 4), (4, 1), 12),
        "scalar": Tensor(shared, (), (), 11), "note": "no tensor"}))


def one(entry):
    return st_raw(json.dumps({"x": entry}), b"\0" * 8)


def bad_safetensors():
    f32 = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
    bad("bad/empty.safetensors", b"", "is an empty file")
    bad("bad/short.safetensors", b"\x05\0\0\0", "is of no known format", "cut short")
    bad("bad/length.safetensors", st_raw('{"x":1}', b"", 2**64 - 1), "the header's length is",
        "expected at most 100000000")
    bad("bad/long.safetensors", st_raw("{}", b"", 100_000_001), "100000001", "expected at most")
    bad("bad/cut.safetensors", st_raw('{"x":1}', b"", 1000), "the header has 1000 bytes", "only 7")
    bad("bad/json.safetensors", st_raw('{"x":', b""), "invalid JSON")
    bad("bad/utf8.safetensors", st_raw(b'{"\xff":1}', b""), "invalid JSON", "invalid string")
    bad("bad/deep.safetensors", st_raw('{"x":' + "[" * 1_000_000, b""), "nested more than 64 deep")
    bad("bad/many.safetensors", st_raw('{"x":[' + "0," * 2_100_000 + "0]}", b""),
        "more than 2000000 values")
    bad("bad/twice.safetensors", st_raw('{"x":%s,"x":%s}' % (json.dumps(f32), json.dumps(f32)),
                                        b"\0" * 8), "'x' appears more than once")
    bad("bad/entry.safetensors", st_raw('{"x":3}', b""), "'x': found the number 3")
    bad("bad/no-dtype.safetensors", one({"shape": [2], "data_offsets": [0, 8]}), "dtype: found nothing")
    bad("bad/dtype.safetensors", one({**f32, "dtype": "F8_E4M3"}), "found 'F8_E4M3', expected F32")
    bad("bad/shape.safetensors", one({**f32, "shape": [2.5]}), "shape: found the number 2.5")
    bad("bad/negative.safetensors", one({**f32, "shape": [-2]}), "shape: found the number -2")
    bad("bad/rank.safetensors", one({**f32, "shape": [1] * 33}), "33 dimensions, expected at most 32")
    bad("bad/overflow.safetensors", one({**f32, "shape": [2**31, 2**31, 2**31]}), "63 bits")
    bad("bad/overflow-zero.safetensors", one({**f32, "shape": [2**62, 2**62, 0],
                                              "data_offsets": [0, 0]}), "63 bits")
    bad("bad/offsets.safetensors", one({**f32, "data_offsets": [8, 0]}), "expected [begin, end]")
    bad("bad/offsets-one.safetensors", one({**f32, "data_offsets": [8]}), "a list of 1")
    bad("bad/offsets-big.safetensors", one({**f32, "data_offsets": [2**63, 2**63 + 8]}),
        "expected [begin, end]")
    bad("bad/size.safetensors", one({**f32, "data_offsets": [0, 4]}),
        "found 4 bytes, expected 8 for f32[2]")
    bad("bad/past.safetensors", one({**f32, "shape": [4], "data_offsets": [0, 16]}),
        "found [0,16], but the file holds 8 bytes")
    bad("bad/gap.safetensors", one({**f32, "shape": [1], "data_offsets": [4, 8]}),
        "begins at 4, expected 0", "gap")
    bad("bad/overlap.safetensors", st_raw(json.dumps({
        "x": f32, "y": {**f32, "shape": [1], "data_offsets": [4, 8]}}), b"\0" * 8),
        "'y': data_offsets: begins at 4, expected 8", "overlaps")
    bad("bad/rest.safetensors", one({**f32, "shape": [1], "data_offsets": [0, 4]}),
        "end at byte 4 of the data, expected its end at 8")
    bad("bad/metadata.safetensors", st_raw('{"__metadata__":{"a":1}}', b""), "'a': found the number 1")
    bad("bad/several.safetensors", st_raw('{"x":3,"y":4}', b""), "(2 problems)", "'x'", "'y'")
    bad("bad/control.safetensors", st_raw('{"a\\u001b[31m\\n":3}', b""), "'a\\x1b[31m\\x0a'")


def bad_zips():
    entries = torch_entries({"x": Tensor(Storage("F32", [1.0, 2.0]), (2,))})
    data = zip_bytes(entries)
    bad("bad/deflate.pth", zip_bytes(entries, zipfile.ZIP_DEFLATED), "is compressed (method 8")
    bad("bad/crc.pth", data.replace(struct.pack("<2f", 1, 2), struct.pack("<2f", 1, 3)),
        "'archive/data/0': its CRC-32 is")
    bad("bad/crc-pickle.pth", data.replace(b"FloatStorage", b"HalfStorage\n"),
        "'archive/data.pkl': its CRC-32 is")
    bad("bad/cut.pth", data[:-30], "no end-of-directory record", "cut short")
    bad("bad/npz.pth", zip_bytes([("x.npy", b"\x93NUMPY")]), "is a NumPy .npz file")
    bad("bad/other.pth", zip_bytes([("hello.txt", b"hi")]), "begins with the entry 'hello.txt'")
    bad("bad/empty-zip.pth", zip_bytes([]), "an empty zip file")
    bad("bad/two.pth", zip_bytes(entries + [("b/data.pkl", b"N.")]), "contradict each other")
    bad("bad/big-endian.pth", torch_file({"x": Tensor(Storage("F32", [1.0]), (1,))},
                                         byteorder=b"big"), "byteorder: found 'big'")
    bad("bad/script.pth", zip_bytes(entries + [("archive/constants.pkl", b").")]), "TorchScript")

    def patched(offset_in_record, value, name=b"archive/data/0"):
        """Changes a 4-byte field of the entry's directory record."""
        at = data.rindex(name) - 46
        assert data[at:at + 4] == b"PK\1\2"
        return (data[:at + offset_in_record] + struct.pack("<I", value) +
                data[at + offset_in_record + 4:])

    bad("bad/local.pth", patched(42, 5), "no local header found at offset 5")
    bad("bad/local-past.pth", patched(42, 0xFFFFFFF0), "no local header found")
    bad("bad/sizes.pth", patched(20, 4), "is stored, but has the sizes 4 and 8")
    bad("bad/zip64-missing.pth", patched(42, 0xFFFFFFFF), "zip64 sizes are missing")
    bad("bad/encrypted.pth", patched(8, 1), "is encrypted")
    long = patched(20, 0x7FFFFFFF)
    at = long.rindex(b"archive/data/0") - 46
    bad("bad/extent.pth", long[:at + 24] + struct.pack("<I", 0x7FFFFFFF) + long[at + 28:],
        "do not lie in the file")
    # Two directory records for one entry's bytes, under two names.
    first = data.index(b"archive/data/0") - 30
    shifted = patched(42, first)
    assert shifted == data
    record = data.rindex(b"archive/version") - 46
    twin = data[:record + 42] + struct.pack("<I", first) + data[record + 46:]
    bad("bad/name.pth", twin, "has another name in its local header")
    end = data.rindex(b"PK\5\6")
    bad("bad/count.pth", data[:end + 10] + struct.pack("<H", 9000) + data[end + 12:],
        "cannot hold 9000 entries")
    bad("bad/volume.pth", data[:end + 4] + b"\1\0" + data[end + 6:], "one volume of several")
    bad("bad/directory.pth", data[:end + 16] + struct.pack("<I", 0x7FFFFFFF) + data[end + 20:],
        "does not lie in the file")
    bad("bad/locator.pth", data[:end + 16] + b"\xff" * 4 + data[end + 20:], "needs a zip64 locator")
    inner = zip_bytes([("a/data.pkl", b"N.")])
    nested = zip_bytes([("a/data.pkl", b"N."), ("a/data/0", inner)])
    # An entry inside another: its header and data lie in the outer one's data.
    start = nested.index(inner)
    record = nested.index(b"PK\1\2", start + len(inner))
    bad("bad/overlap.pth", nested[:record + 42] + struct.pack("<I", start) + nested[record + 46:],
        "overlap")
    bad("bad/storage.pth", zip_bytes([e for e in entries if not e[0].endswith("/0")]),
        "'x': its storage '0' is not in the file")
    bad("bad/storage-size.pth",
        torch_file({"x": Tensor(Storage("F32", [1.0, 2.0], numel=5), (2,))}),
        "'x': its storage '0' has 8 bytes, expected 5 elements of 4")
    bad("bad/tensor.pth", torch_file(Tensor(Storage("F32", [1.0]), (1,))), "holds a tensor, expected")
    bad("bad/no-state.pth", torch_file({"epoch": 1, "net": {}}), "no state dict found", "'epoch', 'net'")
    bad("bad/key.pth", torch_file({"x": Tensor(Storage("F32", [1.0]), (1,)), 3: 4}),
        "an integer as a key")


def bad_pickles():
    class Evil:
        def __reduce__(self):
            return os.system, ("echo pwned",)

    def refuse(name, pickled, *expect):
        bad(f"bad/pickle-{name}.pth", pickle_file(pickled), *expect)

    for protocol in (2, 4):
        pickled = pickle.dumps({"x": Evil()}, protocol)
        kind = "GLOBAL" if protocol == 2 else "STACK_GLOBAL"
        offset = pickled.index(b"cposix\nsystem\n" if protocol == 2 else b"\x93")
        refuse(f"system-{protocol}", pickled,
               f"'{kind} posix.system' at offset {offset} is not allowed")
    refuse("eval", b"\x80\x02c__builtin__\neval\nX\1\0\0\0a\x85R.", "'GLOBAL __builtin__.eval'")
    refuse("dotted", b"\x80\x02ctorch\nSize.__class__\n.", "torch.Size.__class__")
    refuse("newobj", pickle.dumps(collections.Counter(), 2), "GLOBAL collections.Counter")
    refuse("opcode-newobj", b"\x80\x02}}\x81.", "byte 0x81 'NEWOBJ' at offset 4 is not allowed")
    refuse("inst", b"(iposix\nsystem\n.", "byte 0x69 'INST' at offset 1")
    refuse("obj", b"(o.", "'OBJ' at offset 1")
    refuse("ext", b"\x82\1.", "'EXT1'")
    refuse("unknown", b"\x80\x02\xff.", "byte 0xff 'unknown opcode' at offset 2")
    refuse("text", b"I1\n.", "byte 0x49 'INT' at offset 0")
    refuse("protocol", b"\x80\x01N.", "pickle protocol 1, expected 2 to 5")
    refuse("empty", b"", "ends without STOP")
    refuse("no-stop", b"\x80\x02N", "offset 3", "ends without STOP")
    refuse("stop-empty", b"\x80\x02.", "STOP with 0 values")
    refuse("stop-mark", b"\x80\x02(N.", "STOP with 1 values")
    refuse("underflow", b"\x80\x02\x86.", "needs 2 values on the stack, found 0")
    refuse("mark-underflow", b"\x80\x02N(\x85.", "needs 1 values on the stack, found 0")
    refuse("no-mark", b"\x80\x02}u.", "needs a mark")
    refuse("odd", b"\x80\x02}(Nu.", "adds 1 keys and values")
    refuse("append", b"\x80\x02}Na.", "adds items to a dict, expected a list")
    refuse("setitem", b"\x80\x02]NNs.", "adds items to a list, expected a dict")
    refuse("string", b"\x80\x02X\xff\xff\xff\x7fab.", "argument of 2147483647 bytes, but only 3")
    refuse("string8", b"\x80\x02\x8d" + b"\xff" * 8 + b"ab.", "argument of 18446744073709551615 bytes")
    refuse("frame", b"\x80\x04\x95" + b"\xff" * 8 + b"N.", "argument of 18446744073709551615 bytes")
    refuse("line", b"\x80\x02ctorch", "a line without end")
    refuse("long", b"\x80\x02\x8a\x09" + b"\1" * 9 + b".", "an integer of 9 bytes")
    refuse("memo-far", b"\x80\x02Nr\xff\xff\xff\xff.", "memo entry 4294967295, expected at most 0")
    refuse("memo-none", b"\x80\x02h\0.", "memo entry 0, but there are 0")
    refuse("many", b"\x80\x02(" + b"N" * 2_100_000 + b"t.", "more than 2000000 values")
    # Doubling a shared list: 2^n leaves if anything walked it.
    bomb = b"\x80\x02]" + b"".join(b"q" + bytes([i]) + b"]h" + bytes([i]) + b"ah" + bytes([i]) + b"a"
                                   for i in range(200)) + b"."
    refuse("bomb", bomb, "STOP with 201 values")
    refuse("items", b"\x80\x02]q\0(" + b"h\0" * 3_000_000 + b"e(" + b"h\0" * 3_000_000 + b"e(" +
           b"h\0" * 3_000_000 + b"e.", "more than 8000000 items")
    refuse("marks", b"\x80\x02" + b"(" * 8_100_000, "more than 8000000 marks")
    refuse("cycle", b"\x80\x02]q\0h\0a.", "holds a list, expected a state dict")
    refuse("build", b"\x80\x02}}b.", "'BUILD' at offset 4 is not allowed: found a dict and a dict")
    refuse("build-state", b"\x80\x02ccollections\nOrderedDict\n)RNb.", "found an OrderedDict and None")
    refuse("ordered", b"\x80\x02ccollections\nOrderedDict\nN\x85R.", "OrderedDict with 1 arguments")
    refuse("call", b"\x80\x02ctorch\nFloatStorage\n)R.", "a storage type cannot be called")
    refuse("reduce", b"\x80\x02}})R.", "REDUCE of a dict with a tuple")
    refuse("size", b"\x80\x02ctorch\nSize\n)R.", "torch.Size with other arguments")
    refuse("persid", b"\x80\x02NQ.", "a persistent id is None")
    refuse("persid-short", b"\x80\x02)Q.", "a tuple of 0 items")
    refuse("parameter", b"\x80\x02ctorch._utils\n_rebuild_parameter\nNNN\x87R.",
           "_rebuild_parameter with other arguments")
    refuse("arguments", b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\nN\x85R.",
           "_rebuild_tensor_v2 with 1 arguments")

    def view(name, expect, shape, strides, offset=0, numel=4):
        storage = Storage("F32", [0.0] * 4, numel=numel)
        bad(f"bad/view-{name}.pth", torch_file({"x": Tensor(storage, shape, strides, offset)}), expect)

    view("past", "reaches outside its storage '0' of 4 elements", (5,), (1,))
    view("stride", "reaches outside its storage", (2, 2), (3, 1))
    view("offset", "reaches outside its storage", (4,), (1,), 1)
    view("offset-negative", "reaches outside its storage", (1,), (1,), -1)
    view("stride-negative", "stride holds -1", (2,), (-1,), 1)
    view("shape-negative", "shape holds -2", (-2,), (1,))
    view("stride-overflow", "reaches outside its storage", (3,), (2**62,))
    view("sum-overflow", "reaches outside its storage", (2, 2), (2**62, 2**62), 0)
    view("shape-overflow", "does not fit in 63 bits", (2**40, 2**40), (0, 0))
    view("expanded", "repeats a storage of only 4 elements", (2**30,), (0,))
    view("rank", "33 dimensions", (1,) * 33, (1,) * 33)
    view("ranks", "a tensor of 2 dimensions has 1 strides", (1, 1), (1,))
    view("numel", "has -4 elements", (1,), (1,), 0, -4)
    view("type", "shape holds a float", (1.5,), (1,))
    view("empty-offset", "reaches outside its storage", (0,), (1,), 5)
    pickled = dict(torch_entries({"x": Tensor(Storage("F32", [0.0], key="../x"), (1,))}))
    refuse("storage-key", pickled["archive/data.pkl"], "'x': its storage '../x' is not in the file")


def bad_formats():
    bad("bad/lfs.safetensors", "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n",
        "is a git-lfs pointer", "git lfs pull")
    bad("bad/page.safetensors", "<!DOCTYPE html><html><body>404</body></html>", "is an HTML page")
    bad("bad/page2.safetensors", "\n <HTML>\n", "is an HTML page")
    bad("bad/gzip.pth", b"\x1f\x8b\x08\0\0\0\0\0\0\3", "is gzip-compressed", "gunzip")
    bad("bad/zstd.pth", b"\x28\xb5\x2f\xfd\0\0\0\0\0", "is zstd-compressed")
    bad("bad/pickle.pth", pickle.dumps({}, 4), "is a bare Python pickle")
    bad("bad/gguf.bin", b"GGUF\3\0\0\0" + b"\0" * 64, "is a GGUF file")
    bad("bad/hdf5.h5", b"\x89HDF\r\n\x1a\n", "is an HDF5 file")
    bad("bad/numpy.npy", b"\x93NUMPY\1\0", "is a NumPy file")
    bad("bad/bundle.gemb", b"\x89GEM\r\n\x1a\n" + b"\0" * 64, "is a GEM bundle")
    bad("bad/text.pth", "hello\n", "is a text file")
    bad("bad/some.json", '{"a": 1}', 'is a JSON document without "weight_map"')
    bad("bad/zeros.bin", b"\0" * 100, "begins with zeros")
    bad("bad/noise.bin", random.Random(1).randbytes(100), "of no known format")
    bad("bad/index.json", '{"weight_map": [', "invalid JSON")
    bad("bad/index2.json", '{"weight_map": []}', "weight_map: found a list of 0")
    bad("bad/absent.pth", None, "no such file or folder")
    write("bad/several/a.pth", torch_file({}))
    write("bad/several/b.safetensors", safetensors({}))
    bad("bad/several", None, "holds 2 checkpoints ('a.pth', 'b.safetensors'); name the one")
    write("bad/nothing/README.md", "hello")
    write("bad/nothing/weights.bin", "<html>")
    bad("bad/nothing", None, "no checkpoint in this folder", "'weights.bin' (an HTML page")
    write("bad/pointer/model.safetensors", "version https://git-lfs.github.com/spec/v1\n")
    write("bad/pointer/other.pth", torch_file({}))
    bad("bad/pointer", None, "model.safetensors: is a git-lfs pointer")
    write("preferred/model.safetensors", safetensors({"right": ("F32", (1,), [1.0])}))
    write("preferred/pytorch_model.bin", torch_file({"wrong": Tensor(Storage("F32", [1.0]), (1,))}))
    write("preferred/notes.txt", "hello")


def bad_models():
    good = gem()
    word = "bert.bert.embeddings.word_embeddings.weight"
    query = "bert.bert.encoder.layer.1.attention.self.query.weight"
    bad_model("missing", without(good, "scar.out.bias", query),
              "not a valid GEM (2 problems)", "'scar.out.bias': not found, expected [4]",
              f"'{query}': not found, expected [4,4]")
    bad_model("unknown", {**good, "scar.extra": ("F32", (3,), [0.0] * 3),
                          "bert.bert.encoder.layer.07.output.dense.bias": ("F32", (1,), [0.0])},
              "'scar.extra': found f32[3], expected no tensor of this name in a GEM",
              "layer.07.output.dense.bias': found")
    bad_model("shape", changed(changed(good, "classifier.bias", "F32", (7,)), query, "F32", (4,)),
              "'classifier.bias': found f32[7], expected [3]", f"'{query}': found f32[4], expected [4,4]")
    bad_model("dtype", changed(good, "scar.qkv.bias", "F64", (12,)),
              "'scar.qkv.bias': found f64[12], expected f32, f16 or bf16 [12]")
    bad_model("no-words", without(good, word), "not a valid GEM: ",
              f"'{word}': not found, expected [11,4]")
    bad_model("flat-words", changed(good, word, "F32", (44,)), f"'{word}': found f32[44], expected")
    bad_model("zero", changed(good, word, "F32", (11, 0)), "expected dimensions from 1 to")
    bad_model("layers", without(good, *[n for n in good if ".layer." in n]), "found no layers")
    bad_model("gap", {**without(good, *[n for n in good if ".layer.0." in n])},
              "layer.0.attention.self.query.weight': not found", "(16 problems)")
    bad_model("far", {**good, "bert.bert.encoder.layer.3000.output.dense.bias": ("F32", (4,), [0.0] * 4)},
              "(47984 problems)", "and 47934 more")
    bad_model("classes", changed(good, "router.W_r", "F32", (5, 4)), "'router.W_r': found f32[5,4], expected [3,4]")
    bad_model("centroids", changed(good, "router.centroids", "F32", (2, 5)),
              "'router.centroids': found f32[2,5], expected [2,4]")
    bad_model("two-names", {**good, "bert.bert.embeddings.LayerNorm.gamma": ("F32", (4,), [0.0] * 4)},
              "is another name of")
    bad_model("heads", good, "num_attention_heads: found 3, expected a divisor of the hidden size 4",
              config={**CONFIG, "num_attention_heads": 3})
    bad_model("heads-zero", good, "num_attention_heads: found the number 0, expected an integer from 1",
              config={**CONFIG, "num_attention_heads": 0})
    bad_model("heads-text", good, "num_attention_heads: found the string '2'",
              config={**CONFIG, "num_attention_heads": "2"})
    bad_model("nothing-told", gem(centroids=False), "(3 problems)",
              "num_attention_heads: not in config.json (there is none)", "--set num_attention_heads=N",
              "--set threshold=0.65", "--set num_clusters=256", config=None)
    bad_model("nan", good, "invalid JSON", "NaN and Infinity are no JSON",
              config=None, extra={"config.json": '{"threshold": NaN}'})
    bad_model("infinite", good, "invalid JSON", "NaN and Infinity are no JSON",
              config=None, extra={"config.json": '{"threshold": -Infinity}'})
    bad_model("overflow", good, "invalid JSON", "number overflow",
              config=None, extra={"config.json": '{"threshold": 1e999}'})
    bad_model("threshold", good, "threshold: found 1.5, expected a probability",
              config={**CONFIG, "threshold": 1.5})
    bad_model("threshold-set", good, "--set: threshold: found nan, expected a probability",
              set={"threshold": "nan"})
    bad_model("threshold-text", good, "--set: threshold: found 'high', expected a number",
              set={"threshold": "high"})
    bad_model("eps", good, "layer_norm_eps: found 0, expected", config={**CONFIG, "layer_norm_eps": 0})
    bad_model("eps-tiny", good, "layer_norm_eps: found 1e-60, expected",
              config={**CONFIG, "layer_norm_eps": 1e-60})
    bad_model("act", good, "hidden_act: found 'gelu_new', which is not supported",
              config={**CONFIG, "hidden_act": "gelu_new"})
    bad_model("config-layers", good, "num_hidden_layers: found the number 4, but the checkpoint has",
              config={**CONFIG, "num_hidden_layers": 4})
    bad_model("config-vocab", good, "vocab_size: found the number 12, but", "expected 11",
              config={**CONFIG, "vocab_size": 12})
    bad_model("config-clusters", good, "num_clusters: found 9, but 'router.centroids' is f32[2,4]",
              config={**CONFIG, "num_clusters": 9})
    bad_model("set-clusters", good, "--set: num_clusters: found 5, but", set={"num_clusters": "5"})
    bad_model("config-list", good, "found a list of 0, expected an object", config=[])
    bad_model("config-deep", good, "nested more than 64 deep", config=None,
              extra={"config.json": "[" * 100000})
    bad_model("pad", good, "pad_token_id: found 11, expected less than", config={**CONFIG, "pad_token_id": 11})
    bad_model("model-type", good, "model_type: found 'roberta', expected", config={"model_type": "roberta"})
    bad_model("positions", good, "position_embedding_type: found the string 'relative_key'",
              config={**CONFIG, "position_embedding_type": "relative_key"})
    bad_model("decoder", good, "is_decoder: found true", config={**CONFIG, "is_decoder": True})
    bad_model("tokens", bert("bert.", classes=3), "architectures: found 'BertForTokenClassification'",
              config={"architectures": ["BertForTokenClassification"], "num_attention_heads": 2})
    bad_model("no-pooler", without(bert("bert.", classes=3), "bert.pooler.dense.weight"),
              "not a valid BERT classifier", "'bert.pooler.dense.weight': not found, expected [4,4]",
              config={"model_type": "bert", "num_attention_heads": 2})
    bad_model("gem-without-router", {"bert." + n: t for n, t in bert("bert.").items()},
              "not a valid GEM (7 problems)", "'router.W_r': not found, expected [3,4]")
    bad_model("classifier-without-head", bert("bert."), "not a valid BERT classifier (2 problems)",
              "'classifier.weight': not found, expected [?,4]",
              config={"architectures": ["BertForSequenceClassification"], "num_attention_heads": 2})
    bad_model("roberta", {"roberta." + n: t for n, t in bert().items()},
              "is no model that can be compiled (its names are those of a RoBERTa)", config=None)
    bad_model("no-tensors", {}, "is no model that can be compiled", "found 0 tensors", config=None)
    bad_model("set-key", good, "--set: unknown key 'heads', expected one of num_attention_heads",
              set={"heads": "2"})
    bad_model("set-config", good, "absent.json: no such file", set={"config": "absent.json"})

    ids = {"0": "red", "1": "green", "2": "blue"}
    bad_model("labels-gap", good, "id2label: class 1 has no name",
              config={**CONFIG, "id2label": {"0": "red", "2": "blue"}})
    bad_model("labels-more", good, "id2label: found the class '3', expected 0 to 2",
              config={**CONFIG, "id2label": {**ids, "3": "x"}})
    bad_model("labels-twice", good, "class 1 is named twice",
              config={**CONFIG, "id2label": {**ids, "01": "x"}})
    bad_model("labels-type", good, "class 1: found the number 5", config={**CONFIG, "id2label": {**ids, "1": 5}})
    bad_model("labels-empty", good, "class 1: found '', expected a name",
              config={**CONFIG, "id2label": {**ids, "1": ""}})
    bad_model("labels-count", good, "classes: found 2 labels, expected one for each of 3",
              labels={"classes": ["a", "b"]})
    bad_model("labels-differ", good, "disagree: class 1 is 'green' in the one, 'pink' in the other",
              config={**CONFIG, "id2label": ids}, labels=["red", "pink", "blue"])
    bad_model("labels-absent", good, "absent.txt: no such file", set={"labels": "absent.txt"})

    bad_model("vocab-large", good, "found 12 pieces, expected at most the model's vocab_size of 11",
              vocab=PIECES + ["more"])
    bad_model("vocab-special", good, "the piece '[SEP]' (sep_token) is missing",
              vocab=[p for p in PIECES if p != "[SEP]"])
    bad_model("vocab-utf8", good, "the piece with the id 5, '\\xff', is no UTF-8", vocab=None,
              extra={"vocab.txt": "\n".join(PIECES[:5]).encode() + b"\n\xff\n"})
    bad_model("vocab-nul", good, "holds NUL bytes", vocab=None, extra={"vocab.txt": b"a\0b\n"})
    bad_model("vocab-empty", good, "holds no pieces", vocab=None, extra={"vocab.txt": b""})
    bad_model("tokenizer-gap", good, "'the': found the number 99, expected an id from 0 to 10",
              extra={"tokenizer.json": tokenizer_json(model={"vocab": {
                  **TOKENIZER["model"]["vocab"], "the": 99}})})
    bad_model("tokenizer-same", good, "have the same id 5",
              extra={"tokenizer.json": tokenizer_json(model={"vocab": {
                  **TOKENIZER["model"]["vocab"], "the": 5}})})
    bad_model("tokenizer-added", good, "added_tokens: id 1 is 'x', but in the vocabulary it is '[UNK]'",
              extra={"tokenizer.json": tokenizer_json(added_tokens=[{"id": 1, "content": "x"}])})
    bad_model("tokenizer-far", good, "'x' has the id 50, expected at most 11",
              extra={"tokenizer.json": tokenizer_json(added_tokens=[{"id": 50, "content": "x"}])})
    bad_model("tokenizer-json", good, "tokenizer.json: invalid JSON", extra={"tokenizer.json": '{"model":'})
    bad_model("set-bool", good, "--set: do_lower_case: found 'maybe', expected true or false",
              set={"do_lower_case": "maybe"})

    nan, infinity = float("nan"), float("inf")
    values = list(gem()["scar.qkv.weight"][2])
    values[5], values[7] = nan, infinity
    bias = [0.0, -infinity, 0.0]
    for dtype in ("F32", "F16", "BF16"):
        tensors = gem(dtype)
        tensors["scar.qkv.weight"] = (dtype, (12, 4), values)
        tensors["classifier.bias"] = (dtype, (3,), bias)
        model(f"non-finite-{dtype}", tensors)


def main():
    global OUT
    OUT = sys.argv[1]
    shutil.rmtree(OUT, ignore_errors=True)
    for make in (good_models, good_files, bad_safetensors, bad_zips, bad_pickles, bad_formats,
                 bad_models):
        make()
    write("bad.json", dumps(BAD))


if __name__ == "__main__":
    main()
