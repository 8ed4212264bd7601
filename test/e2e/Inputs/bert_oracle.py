# Random models, and a double-precision forward pass to check against.
#
# Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes small random models and checks gem-run against a plain double-precision run.

usage: bert_oracle.py make KIND FOLDER        KIND: gem, bert, bert-classifier
       bert_oracle.py check KIND FOLDER RESULTS.jsonl [--pad N]

The forward pass below follows the papers and the published trainer, in Python floats and
nested lists: it shares nothing with the project but the arithmetic.
"""
import json
import math
import os
import random
import struct
import sys

H, LAYERS, HEADS, FFN, VOCAB, POSITIONS, CLASSES, CLUSTERS, TAU = 24, 2, 3, 40, 30, 32, 5, 4, 0.53
EPS = 1e-12
TEXTS = [[2, 7, 9, 3], [2, 3], [2] + list(range(5, 25)) + [3]]


def make(kind, folder):
    rng = random.Random(7)
    tensors = {}

    def add(name, *shape, scale=0.4, mean=0.0):
        count = math.prod(shape)
        values = [rng.gauss(mean, scale) for _ in range(count)]
        tensors[name] = (shape, list(struct.unpack(f"<{count}f", struct.pack(f"<{count}f", *values))))

    prefix = {"gem": "bert.bert.", "bert": "", "bert-classifier": "bert."}[kind]
    for table, rows in (("word", VOCAB), ("position", POSITIONS), ("token_type", 2)):
        add(f"{prefix}embeddings.{table}_embeddings.weight", rows, H, scale=1.0)

    def norm(name):
        add(f"{prefix}{name}.weight", H, scale=0.2, mean=1.0)
        add(f"{prefix}{name}.bias", H, scale=0.2)

    def dense(name, rows, width):
        add(f"{name}.weight", rows, width)
        add(f"{name}.bias", rows)

    norm("embeddings.LayerNorm")
    for i in range(LAYERS):
        layer = f"encoder.layer.{i}."
        for part in ("query", "key", "value"):
            dense(f"{prefix}{layer}attention.self.{part}", H, H)
        dense(f"{prefix}{layer}attention.output.dense", H, H)
        norm(f"{layer}attention.output.LayerNorm")
        dense(f"{prefix}{layer}intermediate.dense", FFN, H)
        dense(f"{prefix}{layer}output.dense", H, FFN)
        norm(f"{layer}output.LayerNorm")
    dense(f"{prefix}pooler.dense", H, H)
    if kind == "gem":
        add("router.W_r", CLASSES, H, scale=0.5)
        add("router.centroids", CLUSTERS, H, scale=1.0)
        dense("scar.qkv", 3 * H, H)
        dense("scar.out", H, H)
    if kind != "bert":
        dense("classifier", CLASSES, H)

    os.makedirs(folder, exist_ok=True)
    header, data = {}, b""
    for name, (shape, values) in tensors.items():
        blob = struct.pack(f"<{len(values)}f", *values)
        header[name] = {"dtype": "F32", "shape": list(shape),
                        "data_offsets": [len(data), len(data) + len(blob)]}
        data += blob
    text = json.dumps(header).encode()
    with open(os.path.join(folder, "model.safetensors"), "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)
    config = {"model_type": "gem" if kind == "gem" else "bert", "hidden_act": "gelu",
              "num_attention_heads": HEADS, "layer_norm_eps": EPS, "pad_token_id": 0}
    if kind == "gem":
        config.update(num_clusters=CLUSTERS, threshold=TAU)
    if kind == "bert":
        config["architectures"] = ["BertModel"]
    if kind == "bert-classifier":
        config["architectures"] = ["BertForSequenceClassification"]
    with open(os.path.join(folder, "config.json"), "w") as file:
        json.dump(config, file)
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"] + [chr(97 + i) for i in range(VOCAB - 4)]
    with open(os.path.join(folder, "vocab.txt"), "w") as file:
        file.write("\n".join(pieces) + "\n")


def load(folder):
    with open(os.path.join(folder, "model.safetensors"), "rb") as file:
        (size,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(size))
        data = file.read()
    tensors = {}
    for name, info in header.items():
        begin, end = info["data_offsets"]
        values = struct.unpack(f"<{(end - begin) // 4}f", data[begin:end])
        shape = info["shape"]
        short = name.removeprefix("bert.bert.").removeprefix("bert.")
        tensors[short] = (list(values) if len(shape) == 1 else
                          [list(values[i * shape[1]:(i + 1) * shape[1]]) for i in range(shape[0])])
    return tensors


def dot(a, b):
    return math.fsum(x * y for x, y in zip(a, b))


def linear(t, name, x, rows=slice(None)):
    return [[dot(row, w) + b for w, b in zip(t[name + ".weight"][rows], t[name + ".bias"][rows])]
            for row in x]


def layer_norm(t, name, x):
    out = []
    for row in x:
        mean = math.fsum(row) / len(row)
        variance = math.fsum((v - mean) ** 2 for v in row) / len(row)
        out.append([(v - mean) / math.sqrt(variance + EPS) * g + b
                    for v, g, b in zip(row, t[name + ".weight"], t[name + ".bias"])])
    return out


def softmax(values):
    top = max(values)
    weights = [math.exp(v - top) for v in values]
    total = math.fsum(weights)
    return [w / total for w in weights]


def attention(q, k, v, allowed):
    d = H // HEADS
    out = [[0.0] * H for _ in q]
    for h in range(HEADS):
        part = slice(h * d, (h + 1) * d)
        for i, row in enumerate(q):
            keys = [j for j in range(len(k)) if allowed(i, j)]
            weights = softmax([dot(row[part], k[j][part]) / math.sqrt(d) for j in keys])
            for c in range(h * d, (h + 1) * d):
                out[i][c] = math.fsum(w * v[j][c] for w, j in zip(weights, keys))
    return out


def add(a, b):
    return [[x + y for x, y in zip(p, q)] for p, q in zip(a, b)]


def encode(t, ids, real):
    x = [[w + p + y for w, p, y in zip(t["embeddings.word_embeddings.weight"][token],
                                       t["embeddings.position_embeddings.weight"][i],
                                       t["embeddings.token_type_embeddings.weight"][0])]
         for i, token in enumerate(ids)]
    x = layer_norm(t, "embeddings.LayerNorm", x)
    for i in range(LAYERS):
        layer = f"encoder.layer.{i}."
        q, k, v = (linear(t, f"{layer}attention.self.{part}", x) for part in ("query", "key", "value"))
        y = attention(q, k, v, lambda _, j: j < real)
        y = linear(t, layer + "attention.output.dense", y)
        x = layer_norm(t, layer + "attention.output.LayerNorm", add(y, x))
        y = linear(t, layer + "intermediate.dense", x)
        y = [[0.5 * u * (1 + math.erf(u / math.sqrt(2))) for u in row] for row in y]
        x = layer_norm(t, layer + "output.LayerNorm", add(linear(t, layer + "output.dense", y), x))
    return x


def check(kind, folder, path, pad):
    t = load(folder)
    with open(path) as file:
        results = [json.loads(line) for line in file]
    assert len(results) == len(TEXTS), f"expected {len(TEXTS)} results, but got {len(results)}"
    worst = 0.0
    for ids, got in zip(TEXTS, results):
        x = encode(t, ids + [0] * (pad - len(ids)), len(ids))
        want = {}
        if kind == "bert":
            want = {"cls": x[0], "hidden_states": x}
        elif kind == "bert-classifier":
            pooled = [[math.tanh(v) for v in row] for row in linear(t, "pooler.dense", x[:1])]
            want = {"logits": linear(t, "classifier", pooled)[0]}
        else:
            routed = [int(max(softmax([dot(row, w) for w in t["router.W_r"]])) > TAU) for row in x]
            cluster = []
            for row in x:
                distances = [math.fsum((a - b) ** 2 for a, b in zip(row, c))
                             for c in t["router.centroids"]]
                cluster.append(distances.index(min(distances)))
            q, k, v = (linear(t, "scar.qkv", x, slice(p * H, (p + 1) * H)) for p in range(3))
            y = attention(q, k, v, lambda i, j: routed[i] == routed[j] or cluster[i] == cluster[j])
            want = {"logits": linear(t, "classifier", linear(t, "scar.out", y)[:1])[0]}
            assert 0 < sum(routed) < len(routed) or len(ids) == 2, "the case shows no routing"
            assert got["routed"][:len(ids)] == routed[:len(ids)], (got["routed"], routed)
            assert got["cluster"][:len(ids)] == cluster[:len(ids)], (got["cluster"], cluster)
        for key, values in want.items():
            flat = lambda v: [u for row in v for u in row] if isinstance(v[0], list) else v
            a, b = flat(values), flat(got[key])
            assert len(a) == len(b), f"{key}: expected {len(a)} values, but got {len(b)}"
            worst = max(worst, *(abs(p - q) for p, q in zip(a, b)))
    print(f"{kind}: largest difference {worst:.2g}")
    assert worst < 2e-5, worst


if sys.argv[1] == "make":
    make(sys.argv[2], sys.argv[3])
elif sys.argv[1] == "ids":
    print("\n".join(" ".join(map(str, ids)) for ids in TEXTS))
else:
    check(sys.argv[2], sys.argv[3], sys.argv[4],
          int(sys.argv[6]) if len(sys.argv) > 5 else 0)
