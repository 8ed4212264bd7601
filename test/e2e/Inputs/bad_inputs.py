# What the tools must refuse.
#
# Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Feeds the tools what they must refuse.

usage: bad_inputs.py EXAMPLE_FOLDER WORK_FOLDER

Every case must end with the exit code it names (see tools/common/ExitCodes.h), one error
on standard error that says what the case expects, no stack trace, and no output file.
"""
import json
import os
import resource
import shutil
import signal
import struct
import subprocess
import sys

example, work = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
shutil.rmtree(work, ignore_errors=True)
os.makedirs(work)
os.chdir(work)
problems, count = [], 0


def expect(name, command, code, *needles, output="out.gemb", **keywords):
    global count
    count += 1
    before = set(os.listdir("."))
    run = subprocess.run(command, capture_output=True, timeout=120, **keywords)
    stderr = run.stderr.decode("utf-8", "replace")
    def fail(why):
        problems.append(f"{name}: {why}\n  {' '.join(map(str, command))}\n  {stderr.strip()[:600]}")
    if run.returncode != code:
        return fail(f"expected exit code {code}, but got {run.returncode}")
    if code == 0:
        return
    for needle in needles:
        if needle not in stderr:
            return fail(f"expected an error with '{needle}'")
    tool = os.path.basename(str(command[0]))
    first = stderr.split("\n")[0]
    if not first.startswith(f"{tool}: error: "):
        return fail("expected the first line to be the error")
    for line in stderr.strip().split("\n")[1:]:
        if not line.startswith(("  ", f"{tool}: ")):
            return fail(f"expected further lines to list further problems, but got '{line}'")
    for trace in ("Stack dump", "PLEASE submit", "terminate called", "AddressSanitizer", "Traceback"):
        if trace in stderr:
            return fail("a trace was printed")
    left = set(os.listdir(".")) - before
    if left:
        fail(f"expected no output, but got {sorted(left)}")


def variant(name, config=None, tensors=None, keep=("vocab.txt", "labels.json")):
    """A copy of the example with changes, and its folder."""
    folder = os.path.join(work, name)
    os.makedirs(folder)
    for file in keep:
        shutil.copy(os.path.join(example, file), folder)
    with open(os.path.join(example, "config.json")) as file:
        values = json.load(file)
    (config or (lambda c: None))(values)
    with open(os.path.join(folder, "config.json"), "w") as file:
        json.dump(values, file)
    with open(os.path.join(example, "model.safetensors"), "rb") as file:
        (size,) = struct.unpack("<Q", file.read(8))
        header, data = json.loads(file.read(size)), bytearray(file.read())
    if tensors:
        header, data = tensors(header, data)
    text = json.dumps(header).encode()
    with open(os.path.join(folder, "model.safetensors"), "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + bytes(data))
    return folder


def compile_(model, *options):
    return ["gem-compile", model, "-o", "out.gemb", "--sequence", "16", *options]


# --- checkpoints -------------------------------------------------------------------------
expect("no such model", compile_("nothing-here"), 3, "nothing-here")
expect("empty folder", compile_(os.makedirs("empty") or "empty"), 3, "empty")
for name, content in {
    "html.safetensors": b"<!DOCTYPE html><html>Not found</html>",
    "lfs.safetensors": b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n",
    "empty.safetensors": b"",
    "zeros.safetensors": bytes(64),
    "huge-header.safetensors": struct.pack("<Q", 1 << 62) + b"{}",
}.items():
    with open(name, "wb") as file:
        file.write(content)
    expect(name, compile_(name), 3, name)
with open(os.path.join(example, "model.safetensors"), "rb") as file:
    whole = file.read()
for length in (1, 7, 8, 100, 4000, len(whole) // 2, len(whole) - 1):
    name = f"cut-{length}.safetensors"
    with open(name, "wb") as file:
        file.write(whole[:length])
    expect(name, compile_(name), 3, name)
pickle = b"\x80\x02cos\nsystem\nX\x09\x00\x00\x00touch pwn\x85R."
import zipfile  # noqa: E402  (only these cases need it)
with zipfile.ZipFile("evil.pth", "w", zipfile.ZIP_STORED) as archive:
    archive.writestr("archive/data.pkl", pickle)
    archive.writestr("archive/byteorder", "little")
    archive.writestr("archive/version", "3\n")
expect("a pickle that calls os.system", compile_("evil.pth"), 3, "os.system")
if os.path.exists("pwn"):
    problems.append("the pickle was executed")

# --- configurations ----------------------------------------------------------------------
def setting(key, value):
    return lambda config: config.__setitem__(key, value)

for name, change, needle in [
    ("heads-do-not-divide", setting("num_attention_heads", 3), "num_attention_heads"),
    ("nan-threshold", setting("threshold", float("nan")), "threshold"),
    ("threshold-out-of-range", setting("threshold", 1.5), "threshold"),
    ("layers-that-are-not-there", setting("num_hidden_layers", 3), "num_hidden_layers"),
    ("other-hidden-size", setting("hidden_size", 256), "hidden_size"),
    ("other-vocabulary", setting("vocab_size", 1000), "vocab_size"),
    ("unknown-activation", setting("hidden_act", "swish"), "hidden_act"),
    ("no-heads", lambda config: config.pop("num_attention_heads"), "num_attention_heads"),
    ("labels-with-a-gap", lambda config: config["id2label"].pop("5"), "label"),
]:
    expect(name, compile_(variant(name, change)), 3, needle)
with open(os.path.join(variant("broken-config"), "config.json"), "w") as file:
    file.write("{\"hidden_size\": ")
expect("broken-config", compile_("broken-config"), 3, "config.json")

# --- tensors -----------------------------------------------------------------------------
def poke(name, value):
    def change(header, data):
        begin = header[name]["data_offsets"][0]
        data[begin:begin + 4] = struct.pack("<f", value)
        return header, data
    return change

def rename(old, new):
    def change(header, data):
        return {new if key == old else key: info for key, info in header.items()}, data
    return change

def reshape(name, shape):
    def change(header, data):
        header[name]["shape"] = shape
        return header, data
    return change

expect("nan-weight", compile_(variant("nan-weight", tensors=poke("scar.out.weight", float("nan")))),
       3, "scar.out.weight", "NaN")
expect("infinite-weight",
       compile_(variant("infinite-weight", tensors=poke("classifier.bias", float("inf")))),
       3, "classifier.bias", "infinity")
expect("missing-tensor",
       compile_(variant("missing-tensor", tensors=rename("scar.out.bias", "scar.out.bais"))),
       3, "scar.out.bias", "scar.out.bais")
expect("wrong-shape", compile_(variant("wrong-shape", tensors=reshape("router.W_r", [128, 39]))),
       3, "router.W_r")

# --- options and files -------------------------------------------------------------------
expect("no output", ["gem-compile", example], 2, "-o OUT")
expect("no model", ["gem-compile", "-o", "out.gemb"], 2, "MODEL")
expect("unknown flag", compile_(example, "--sequense", "4"), 2, "--sequense", "--sequence")
expect("unknown device", compile_(example, "--device", "toaster"), 3, "toaster", "raspberry-pi-4")
expect("unknown format", compile_(example, "--quantize", "int9"), 2, "int9", "f32")
expect("unknown setting", compile_(example, "--set", "num_heads=2"), 2, "num_heads",
       "num_attention_heads")
expect("pad without sequence", ["gem-compile", example, "-o", "out.gemb", "--pad"], 3, "--sequence")
expect("unknown report", compile_(example, "--report", "report.pdf"), 2, "report.pdf", ".json")
expect("no calibration file", compile_(variant("fit", tensors=lambda h, d: (
    {k: v for k, v in h.items() if k != "router.centroids"} | {"router.centroids_": h["router.centroids"]}, d))),
       3, "router.centroids_")
expect("no such directory", ["gem-compile", example, "-o", "nowhere/out.gemb", "--sequence", "16"],
       1, "nowhere")
expect("a directory as output", ["gem-compile", example, "-o", "empty", "--sequence", "16"], 1, "empty")
expect("a full device", ["gem-compile", example, "-o", "/dev/full", "--sequence", "16"], 1, "/dev/full")

def limit_file_size():
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))

expect("a disk that fills up", compile_(example), 1, "out.gemb", preexec_fn=limit_file_size)

# --- quantization ------------------------------------------------------------------------
def texts_file(name, *lines):
    with open(name, "w") as file:
        file.writelines(line + "\n" for line in lines)
    return name

def quantize(*options):
    return compile_(example, *options)

TEXTS = texts_file("calibration.jsonl", '{"text": "card games", "domain": "a"}',
                   '{"text": "protein sequences", "domain": "b"}')
for name in ("int5", "int4g16", "int8g32", "INT8", "f8", ""):
    expect(f"format '{name}'", quantize("--quantize", name), 2, f"'{name}'", "int4g64")
for name in ("huge", "-5MB", "10parsecs", "0", "MB", "1e99GB"):
    expect(f"size '{name}'", quantize("--quantize", "hybrid", f"--max-size={name}",
                                      "--calibrate", TEXTS), 2, "--max-size", f"'{name}'", "6MB")
for name in ("soon", "50", "-1ms"):
    expect(f"latency '{name}'", quantize("--quantize", "hybrid", f"--max-latency={name}",
                                         "--calibrate", TEXTS), 2, "--max-latency", f"'{name}'")
expect("a budget without a choice", quantize("--quantize", "int8", "--max-size", "1MB"), 2,
       "--max-size", "hybrid", "int8")
expect("a choice without a budget", quantize("--quantize", "hybrid", "--calibrate", TEXTS), 2,
       "--max-size", "--max-bits", "--max-latency")
expect("hybrid without texts", quantize("--quantize", "hybrid", "--max-size", "1MB"), 2,
       "--calibrate")
expect("gptq without texts", quantize("--quantize", "int4", "--algorithm", "gptq"), 2,
       "--calibrate", "--statistics")
expect("an algorithm there is not", quantize("--quantize", "int4", "--algorithm", "best"), 2, "best")
expect("statistics of nothing", quantize("--quantize", "int4", "--save-statistics", "new.stats"), 2,
       "--calibrate")
expect("a recipe and a format", quantize("--recipe", "x.recipe", "--quantize", "int4"), 2,
       "--recipe", "--quantize int4")
for name, lines, needles in [
    ("no-texts.jsonl", [], ["no texts"]),
    ("blank-texts.jsonl", ["", "  "], ["no texts"]),
    ("other-texts.jsonl", ['{"label": 1}'], ["other-texts.jsonl:1", "text"]),
    ("broken-texts.jsonl", ['{"text": "fine"}', '{"text": '], ["broken-texts.jsonl:2"]),
    ("label-texts.jsonl", ['{"text": "fine", "label": -1}'], ["label-texts.jsonl:1", "label"]),
]:
    expect(name, quantize("--quantize", "int4", "--calibrate", texts_file(name, *lines),
                          "--save-statistics", "new.stats"), 3, name, *needles)
expect("no such texts", quantize("--quantize", "int4", "--calibrate", "nowhere.jsonl"), 3,
       "nowhere.jsonl")
# The smallest size there is, and what takes it.
expect("a budget that cannot be met",
       quantize("--quantize", "hybrid", "--max-size", "10kB", "--calibrate", TEXTS,
                "--save-recipe", "new.recipe"), 3,
       "10000 bytes", "the smallest possible is", "embeddings.word_embeddings.weight")
expect("a latency that cannot be met",
       quantize("--quantize", "hybrid", "--max-latency", "1us", "--calibrate", TEXTS,
                "--device", "raspberry-pi-4"), 3, "1e-06 seconds", "the smallest possible is")
expect("routes that may not change",
       quantize("--quantize", "int2", "--calibrate", TEXTS, "--max-route-flips", "0",
                "--no-preservation"), 3, "--max-route-flips")

def recipe(name, *lines):
    return quantize("--recipe", texts_file(name, "version: 1", *lines), "--save-recipe",
                    "new.recipe")

ALL = 'tensor { name: "*" format: "int8" }'
expect("a tensor there is not", recipe("1.recipe", ALL,
       'tensor { name: "scar.out.wieght" format: "int8" }'), 3,
       "1.recipe:3", "scar.out.wieght", "scar.out.weight")
expect("a format there is not", recipe("2.recipe", 'tensor { name: "*" format: "int9" }'), 3,
       "2.recipe:2", "int9", "int8")
expect("an algorithm of a recipe", recipe("3.recipe",
       'tensor { name: "*" format: "int8" algorithm: "magic" }'), 3, "3.recipe:2", "magic")
expect("no recipe", recipe("4.recipe", "<html>"), 3, "4.recipe")
expect("a tensor without a format", recipe("5.recipe",
       'tensor { name: "scar.*" format: "int8" }'), 3, "5.recipe",
       "embeddings.word_embeddings.weight", "14 more")
expect("a router that would be quantized", recipe("6.recipe", ALL,
       'tensor { name: "router.W_r" format: "int8" }'), 3, "router.W_r", "f32 or f16")
expect("more rows than there are", recipe("7.recipe", ALL,
       'tensor { name: "embeddings.word_embeddings.weight" '
       'rows { count: 9000 format: "int8" } rows { format: "int4" } }'), 3, "7.recipe:3", "8192")
expect("rows of a matrix", recipe("8.recipe", ALL,
       'tensor { name: "scar.out.weight" rows { count: 8 format: "int8" } '
       'rows { format: "int4" } }'), 3, "8.recipe:3", "scar.out.weight")
expect("channels that are not scaled", recipe("9.recipe",
       'tensor { name: "*" format: "int8" equalize: true }'), 3, "9.recipe", "equalize")
expect("no such recipe", quantize("--recipe", "nowhere.recipe"), 3, "nowhere.recipe")

subprocess.run(quantize("--quantize", "int4", "--calibrate", TEXTS, "--save-statistics",
                        "good.stats", "--quiet"), check=True)
os.remove("out.gemb")
with open("good.stats", "rb") as file:
    statistics = file.read()
for length in (0, 1, 8, 64, 1000, len(statistics) // 2, len(statistics) - 1):
    with open("cut.stats", "wb") as file:
        file.write(statistics[:length])
    expect(f"statistics cut to {length}", quantize("--quantize", "int4", "--statistics", "cut.stats"),
           3, "cut.stats")
for offset in [*range(0, 64, 7), *range(64, len(statistics), len(statistics) // 60)]:
    with open("flipped.stats", "wb") as file:
        file.write(statistics[:offset] + bytes([statistics[offset] ^ 0x10]) + statistics[offset + 1:])
    expect(f"statistics flipped at {offset}",
           quantize("--quantize", "int4", "--statistics", "flipped.stats"), 3, "flipped.stats")
expect("statistics of another model",
       ["gem-compile", variant("other", tensors=poke("scar.out.weight", 0.75)), "-o", "out.gemb",
        "--sequence", "16", "--quantize", "int4", "--statistics", "good.stats"], 3, "good.stats")
expect("no such statistics", quantize("--quantize", "int4", "--statistics", "nowhere.stats"), 3,
       "nowhere.stats")
expect("statistics that cannot be kept",
       quantize("--quantize", "int4", "--calibrate", TEXTS, "--save-statistics", "nowhere/a.stats"),
       1, "nowhere/a.stats")
expect("a recipe that cannot be kept",
       quantize("--quantize", "int4", "--save-recipe", "nowhere/a.recipe"), 1, "nowhere/a.recipe")

# --- bundles and their inputs ------------------------------------------------------------
subprocess.run(["gem-compile", example, "-o", "good.gemb", "--sequence", "16", "--quiet"], check=True)
with open("good.gemb", "rb") as file:
    bundle = file.read()
for length in (0, 1, 63, 64, 1000, 20000, len(bundle) // 2, len(bundle) - 1):
    with open("cut.gemb", "wb") as file:
        file.write(bundle[:length])
    expect(f"bundle cut to {length}", ["gem-run", "cut.gemb", "--text", "x"], 3, "cut.gemb")
for offset in list(range(64)) + list(range(64, 12000, 191)):
    with open("flipped.gemb", "wb") as file:
        file.write(bundle[:offset] + bytes([bundle[offset] ^ 0x10]) + bundle[offset + 1:])
    expect(f"bundle flipped at {offset}", ["gem-run", "flipped.gemb", "--text", "x"], 3, "flipped.gemb")
with open("texts.jsonl", "w") as file:
    file.write('{"text": "fine"}\n{"text": 5}\n')
expect("a text that is a number", ["gem-run", "good.gemb", "--input", "texts.jsonl", "--json"], 3,
       "texts.jsonl:2", "text")
with open("texts.jsonl", "w") as file:
    file.write('{"text": "fine"}\n\n{"text": "fi')
expect("a line that is no JSON", ["gem-run", "good.gemb", "--input", "texts.jsonl", "--json"], 3,
       "texts.jsonl:3")
expect("an id out of the vocabulary", ["gem-run", "good.gemb", "--ids", "2 9999 3"], 3, "9999")
expect("no kernels of that name", ["gem-run", "good.gemb", "--text", "x", "--cpu", "z80"], 2, "z80")
expect("a checkpoint instead of a bundle",
       ["gem-run", os.path.join(example, "model.safetensors"), "--text", "x"], 3, "model.safetensors")

print("\n".join(problems))
print(f"{count - len(problems)} of {count} cases refused as they should be")
sys.exit(1 if problems else 0)
