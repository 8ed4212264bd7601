#!/usr/bin/env python3
# Measures what docs/benchmarks.md shows; scripts/bench builds and calls it.
#
# Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Measures and writes FOLDER/SECTION.json, a file a section.

usage: measure.py --build DIR --out FOLDER [--quick] SECTION...

Sections: model (a BERT-base-shaped GEM), latency (modelled beside measured), scar (sparse
attention), arm (instructions under qemu), accuracy (trained models by recipe), pruning
(trained models by share of their work), peers (ONNX Runtime beside us). A section that lacks
something says so and leaves its old file.
"""
import argparse
import datetime
import json
import os
import re
import shutil
import statistics
import subprocess
import sys

import latency

FORMATS = ("f32", "int8", "int4")
TOKENS = (16, 128, 512)
THREADS = (1, 2)


class Missing(Exception):
    """Why a section cannot be measured here."""


def note(message):
    print(f"  {message}", flush=True)


def real_time():
    """What a command begins with to run at real-time priority; nothing where it may not."""
    first = ["chrt", "-f", "1"]
    if not shutil.which("chrt"):
        return []
    return first if subprocess.run([*first, "true"], capture_output=True).returncode == 0 else []


def run(command, **options):
    result = subprocess.run([str(c) for c in command], capture_output=True, text=True, **options)
    if result.returncode != 0:
        raise Missing(f"{os.path.basename(str(command[0]))} failed: "
                      f"{(result.stderr or result.stdout).strip()[-500:]}")
    return result.stdout


class Session:
    def __init__(self, arguments):
        self.arguments = arguments
        self.out = arguments.out
        self.shared = arguments.shared or ""
        self.quick = arguments.quick
        os.makedirs(self.out, exist_ok=True)

    def tool(self, name):
        path = os.path.join(self.arguments.build, "bin", name)
        if not os.path.exists(path):
            raise Missing(f"{path} is not built")
        return path

    def save(self, section, document):
        document = {"date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d"),
                    **document}
        path = os.path.join(self.out, f"{section}.json")
        with open(path + ".part", "w", encoding="utf-8") as file:
            json.dump(document, file, indent=1)
            file.write("\n")
        os.replace(path + ".part", path)
        note(f"wrote {path}")

    def bundles(self):
        """{format: bundle} of the BERT-base-shaped GEM; those that gem-compile can make."""
        checkpoint = os.path.join(self.out, "base")
        if not os.path.exists(os.path.join(checkpoint, "config.json")):
            run([self.tool("gem-make-checkpoint"), "--preset", "bert-base", "-q", "-o", checkpoint])
        bundles = {}
        compiler = self.tool("gem-compile")
        for name in FORMATS:
            path = os.path.join(self.out, f"base-{name}.gemb")
            if (not os.path.exists(path)
                    or os.path.getmtime(path) < os.path.getmtime(compiler)):
                command = [compiler, checkpoint, "-q", "--sequence", 512, "-o", path]
                if name != "f32":
                    command += ["--quantize", name, "--algorithm", "rtn"]
                try:
                    run(command)
                except Missing as missing:
                    note(f"without {name}: {missing}")
                    continue
            bundles[name] = path
        return bundles

    # --- sections -----------------------------------------------------------------

    def model(self):
        seconds = 0.3 if self.quick else 2
        output = run([self.tool("gem-bench"), *self.bundles().values(), "--realtime",
                      "--tokens", ",".join(map(str, TOKENS)),
                      "--threads", ",".join(map(str, THREADS)), "--seconds", seconds, "--json"])
        self.save("model", json.loads(output))

    def load(self):
        bundles = self.bundles()
        if "int8" not in bundles:
            raise Missing("there is no int8 bundle")
        # All of it takes seconds, so others can wait for it, where the system permits that.
        first = real_time()
        output = run([*first, self.tool("gem-bench"), "--load", bundles["int8"],
                      "--threads", ",".join(map(str, THREADS)), "--runs", 5, "--json"])
        self.save("load", {"real_time": bool(first), **json.loads(output)})

    def latency(self):
        """Models from tiny to BERT-base, with a profile that was measured just before."""
        profile = os.path.join(self.out, "this-machine.textproto")
        run([self.tool("gem-bench"), "--profile-device", "--realtime", "-q", "-o",
             profile])
        bundles = list(self.bundles().values())
        sources = {"tiny": "examples/gem-tiny"}
        mini = os.path.join(self.shared, "models", "gem-mini", "model.safetensors")
        if os.path.exists(mini):
            sources["mini"] = os.path.dirname(mini)
        for name, source in sources.items():
            for form in FORMATS:
                path = os.path.join(self.out, f"{name}-{form}.gemb")
                options = [] if form == "f32" else ["--quantize", form, "--algorithm", "rtn"]
                run([self.tool("gem-compile"), source, "-q", "--sequence", 512, "-o", path,
                     *options])
                bundles.append(path)
        self.save("latency", latency.compare(os.path.dirname(self.tool("gem-bench")), profile,
                                             bundles, TOKENS, THREADS,
                                             0.3 if self.quick else 1, realtime=True))

    def accuracy(self):
        here = os.path.dirname(os.path.abspath(__file__))
        if not os.path.isdir(os.path.join(self.shared, "models")):
            raise Missing("no trained models; --shared DIR says where they are")
        run([sys.executable, os.path.join(here, "accuracy.py"), "--compiler",
             self.tool("gem-compile"), "--shared", self.shared, "--out", self.out,
             *(["--quick"] if self.quick else [])])

    def pruning(self):
        here = os.path.dirname(os.path.abspath(__file__))
        if not os.path.isdir(os.path.join(self.shared, "models")):
            raise Missing("no trained models; --shared DIR says where they are")
        run([sys.executable, os.path.join(here, "pruning.py"), "--tools",
             os.path.dirname(self.tool("gem-compile")), "--shared", self.shared, "--out", self.out,
             *(["--quick"] if self.quick else [])])

    def scar(self):
        output = run([self.tool("scar-bench"), 3 if self.quick else 15])
        self.save("scar", json.loads(output))

    def arm(self):
        for program in ("qemu-aarch64", "aarch64-linux-gnu-g++"):
            if not shutil.which(program):
                raise Missing(f"no {program}: install the packages of the group `cross`")
        bundles = self.bundles()
        chosen = [bundles[name] for name in FORMATS if name in bundles
                  and not (self.quick and name == "f32")]
        tiny = os.path.join(self.out, "gem-tiny-int8.gemb")
        try:
            run([self.tool("gem-compile"), "examples/gem-tiny", "-q", "--sequence", 128, "-o", tiny,
                 "--quantize", "int8", "--algorithm", "rtn"])
            chosen.append(tiny)
        except Missing as missing:
            note(f"without gem-tiny: {missing}")
        counted = os.path.join(self.out, "arm-counted.json")
        run(["scripts/bench-arm", "--json", counted, *chosen])
        with open(counted, encoding="utf-8") as file:
            document = json.load(file)
        os.remove(counted)
        document["weight_bytes"] = {}
        for bundle in chosen:  # read once a pass
            found = json.loads(run([self.tool("gem-bench"), bundle, "--tokens", 32, "--runs", 1,
                                    "--json"]))
            document["weight_bytes"][os.path.basename(bundle)] = sum(
                group["weight_bytes"] for group in found["configurations"][0]["by_format"])
        self.save("arm", document)

    def peers(self):
        sources = os.path.join(self.arguments.shared or "", "tools", "peers")
        if not os.path.exists(os.path.join(sources, "run.js")):
            raise Missing("there is no shared folder with tools/peers (--shared DIR)")
        if not shutil.which("node") or not shutil.which("npm"):
            raise Missing("no node or npm")
        folder = os.path.join(self.out, "peers")
        os.makedirs(folder, exist_ok=True)
        for name in ("mkbert.py", "run.js"):
            shutil.copyfile(os.path.join(sources, name), os.path.join(folder, name))
        if not os.path.isdir(os.path.join(folder, "node_modules", "onnxruntime-node")):
            run(["npm", "install", "--ignore-scripts", "onnxruntime-node"], cwd=folder)
        if not os.path.exists(os.path.join(folder, "bert_int8.onnx")):
            run(["/usr/bin/python3", "mkbert.py"], cwd=folder)
        version = json.load(open(os.path.join(folder, "node_modules", "onnxruntime-node",
                                              "package.json"), encoding="utf-8"))["version"]
        self.save("peers", {"onnxruntime": version, "peers": self.beside(folder)})

    def beside(self, folder):
        """Short runs of theirs and ours in turns; medians of the turns' medians."""
        bundles = self.bundles()
        rounds = 2 if self.quick else 5
        samples = {}
        # Every run of either at real-time priority where that is permitted.
        first = real_time()

        def add(who, threads, tokens, seconds, memory):
            entry = samples.setdefault((who, threads, tokens), ([], []))
            entry[0].append(seconds)
            entry[1].append(memory)

        models = {"ONNX Runtime f32": "bert_fp32.onnx", "ONNX Runtime int8": "bert_int8.onnx"}
        for turn in range(rounds):
            note(f"peers: round {turn + 1} of {rounds}")
            for threads in THREADS:
                for tokens in TOKENS:
                    runs = max(3, 1280 // tokens)
                    for who, model in models.items():
                        line = run([*first, "node", "run.js", model, threads, tokens, runs],
                                   cwd=folder)
                        match = re.search(r"run med ([\d.]+) ms .* VmHWM (\d+) MB", line)
                        add(who, threads, tokens, float(match[1]) * 1e-3,
                            int(match[2]) * 2**20)
                    for name, bundle in bundles.items():
                        found = json.loads(run(
                            [*first, self.tool("gem-bench"), bundle, "--tokens", tokens,
                             "--threads", threads, "--runs", runs, "--json"]))
                        found = found["configurations"][0]
                        add(f"GEM {name}", threads, tokens, found["median_seconds"],
                            found["peak_memory_bytes"])
        return [{"who": who, "threads": threads, "tokens": tokens,
                 "median_seconds": statistics.median(seconds), "peak_memory_bytes": max(memory)}
                for (who, threads, tokens), (seconds, memory) in samples.items()]


SECTIONS = ("model", "latency", "load", "scar", "arm", "accuracy", "pruning", "peers")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--shared", help="folder of reference data")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("sections", nargs="*", metavar="SECTION")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.sections if name not in SECTIONS]
    if unknown:
        parser.error(f"expected sections of {', '.join(SECTIONS)}, but got '{unknown[0]}'")
    session = Session(arguments)
    failed = False
    for section in arguments.sections or SECTIONS:
        print(f"{section}:", flush=True)
        try:
            getattr(session, section)()
        except Missing as missing:
            note(f"not measured: {missing}")
            failed = failed or section in ("model", "scar")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
