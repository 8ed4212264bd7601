#!/usr/bin/env python3
# What compressing costs trained models: agreement with f32, KL, accuracy, by recipe.
#
# Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""accuracy.py --compiler GEM-COMPILE --shared DIR --out DIR [--quick]

Compiles the trained models of DIR/models by uniform formats, by obvious mixes and by hybrid
allocation, each calibrated on calibration.jsonl, and compares them with f32 on the texts of
validation.jsonl and test.jsonl together, which no compilation saw. Writes OUT/accuracy.json.
"""

import argparse
import datetime
import json
import pathlib
import subprocess
import sys
import tempfile

MODELS = [("gem-tiny", 64), ("gem-mini", 48)]
MIX = """version: 1
tensor {{ name: "*" format: "int4g32" algorithm: "{algorithm}" }}
tensor {{ name: "embeddings.word_embeddings.weight" format: "{table}" }}
tensor {{ name: "router.*" format: "f32" }}
"""


def recipes():
    """(name, arguments, text of a recipe or None)."""
    rows = []
    for algorithm in ("rtn", "gptq"):
        plain = ["--algorithm", algorithm]
        if algorithm == "rtn":
            plain += ["--no-bias-correction", "--no-router-fit"]
        for fmt in ("int8", "int4", "int3"):
            rows.append((f"{fmt}, {algorithm}", ["--quantize", fmt, *plain], None))
        rows.append((f"int4 with int8 embeddings, {algorithm}", plain,
                     MIX.format(algorithm=algorithm, table="int8")))
    for bits in (5.0, 4.5, 3.6):
        rows.append((f"hybrid, at most {bits} bits",
                     ["--quantize", "hybrid", "--max-bits", str(bits)], None))
    return rows


def measure(arguments, model, sequence, name, options, recipe, folder):
    data = arguments.shared / "data" / "debian"
    report = folder / "report.json"
    command = [arguments.compiler, str(arguments.shared / "models" / model), "--sequence",
               str(sequence), "--calibrate", str(data / "calibration.jsonl"), "--evaluate",
               str(folder / "held-out.jsonl"), "--report", str(report), "-o",
               str(folder / "out.gemb"), "-q", *options]
    if recipe is not None:
        path = folder / "mix.recipe"
        path.write_text(recipe)
        command += ["--recipe", str(path)]
    subprocess.run(command, check=True)
    result = json.loads(report.read_text())
    overall, domains = result["evaluation"]["overall"], result["evaluation"]["domains"]
    flips = overall["flips"] or {}
    return {
        "model": model, "recipe": name,
        "bits_per_weight": 8 * result["output"]["weight_bytes"] / result["model"]["parameters"],
        "agreement": overall["agreement"], "kl": overall["divergence"],
        "worst_domain_kl": max(domain["divergence"] for domain in domains),
        "accuracy": overall["accuracy"], "f32_accuracy": overall["accuracy_f32"],
        "routed_flips": flips.get("routed"), "cluster_flips": flips.get("cluster"),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--compiler", required=True)
    parser.add_argument("--shared", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--quick", action="store_true", help="gem-tiny only")
    arguments = parser.parse_args()
    if not (arguments.shared / "models").is_dir():
        print(f"accuracy: no trained models in {arguments.shared}: skipped", file=sys.stderr)
        return 0
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        data = arguments.shared / "data" / "debian"
        (folder / "held-out.jsonl").write_text(
            "".join((data / f"{part}.jsonl").read_text() for part in ("validation", "test")))
        for model, sequence in MODELS[:1] if arguments.quick else MODELS:
            for name, options, recipe in recipes():
                print(f"{model}: {name}", file=sys.stderr)
                rows.append(measure(arguments, model, sequence, name, options, recipe, folder))
    document = {"date": datetime.date.today().isoformat(),
                "texts": "validation and test texts of Debian's package descriptions, 1,969",
                "accuracy": rows}
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "accuracy.json").write_text(json.dumps(document, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
