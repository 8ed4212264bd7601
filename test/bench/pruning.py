#!/usr/bin/env python3
# What pruning costs trained models by domain, and what it gains a large one.
#
# Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""pruning.py --tools DIR --shared DIR --out DIR [--quick]

Prunes the trained models of SHARED/models to shares of their work, with and without
preservation, and by magnitude and domain-blind importance at the same work; calibrates on
calibration.jsonl; evaluates on test.jsonl and multilingual.jsonl, which nothing was chosen on.
Then the modelled latency of a BERT-base-shaped GEM on a Raspberry Pi 4 by share. Writes
OUT/pruning.json, and the chart OUT/pruning-latency.svg.
"""

import argparse
import datetime
import json
import pathlib
import re
import subprocess
import sys

# Name, tokens, shares of the work.
MODELS = [("gem-tiny", 64, (0.75, 0.6, 0.5, 0.4, 0.3, 0.25)), ("gem-mini", 48, (0.75, 0.5, 0.25))]
LATENCY_SHARES = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.15, 0.1)
# Other ways to choose, for comparison. Magnitude is what needs no texts at all.
METHODS = [
    ("magnitude, no texts", ["--importance", "magnitude", "--no-preservation"], False),
    ("activation, domain-blind, router-blind",
     ["--importance", "activation", "--domain-blind", "--router-blind"], True),
    ("fisher, domain-aware", ["--importance", "fisher"], True),
    ("hessian, domain-blind, router-blind", ["--domain-blind", "--router-blind"], True),
]


def run(command):
    result = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if result.returncode:
        sys.exit(f"pruning: {' '.join(str(part) for part in command)}\n{result.stderr}")
    return result.stdout


class Bench:
    def __init__(self, arguments):
        self.tools, self.out, self.quick = arguments.tools, arguments.out, arguments.quick
        self.data = arguments.shared / "data" / "debian"
        self.models = arguments.shared / "models"
        self.out.mkdir(parents=True, exist_ok=True)
        held_out = self.out / "held-out.jsonl"
        held_out.write_text("".join((self.data / f"{part}.jsonl").read_text()
                                    for part in ("test", "multilingual")))
        self.held_out = held_out

    def compile(self, model, sequence, name, options):
        """The bundle and its report; those of an interrupted run of the same tool are good."""
        bundle = self.out / f"{model}-{name}.gemb"
        report, made = bundle.with_suffix(".json"), bundle.with_suffix(".made")
        tool = self.tools / "gem-compile"
        how = json.dumps([tool.stat().st_mtime_ns, [str(option) for option in options]])
        if not made.exists() or made.read_text() != how:
            made.unlink(missing_ok=True)
            run([tool, self.models / model, "--sequence", sequence, "-o", bundle, "--report", report,
                 "-q", *options])
            made.write_text(how)
        return bundle, json.loads(report.read_text())

    def evaluate(self, bundles, baseline):
        return json.loads(run([self.tools / "gem-eval", *bundles, "--data", self.held_out,
                               "--against", baseline, "--calibration",
                               self.data / "calibration.jsonl", "--json", "-", "-q"]))

    def model(self, model, sequence, shares):
        calibrate = ["--calibrate", self.data / "calibration.jsonl"]
        plain, _ = self.compile(model, sequence, "f32", [])
        recipes = []
        if self.quick:
            shares = (0.5,)
        for share in shares:
            prune = ["--prune-to", share]
            recipes.append((share, "GEM", True, [*calibrate, *prune]))
            recipes.append((share, "GEM, no preservation", False,
                            [*calibrate, *prune, "--no-preservation"]))
        for name, options, needs_texts in METHODS:
            recipes.append((0.5, name, True,
                            [*(calibrate if needs_texts else []), "--prune-to", 0.5, *options]))
        rows, bundles = [], []
        for share, name, preserved, options in recipes:
            print(f"{model}: {name}, {share}", file=sys.stderr)
            file = re.sub(r"[^a-z0-9.]+", "-", f"{name} {share}".lower())
            bundle, report = self.compile(model, sequence, file, options)
            bundles.append(bundle)
            pruning = report["pruning"]
            rows.append({"model": model, "share": share, "method": name,
                         "preserved": preserved,
                         "kept": pruning["kept"],
                         "spaces": pruning["spaces"]})
        evaluation = self.evaluate(bundles, plain)
        for row, scores in zip(rows, evaluation["models"]):
            row["scores"] = scores
        return {"rows": rows, "baseline": evaluation["baseline"]}

    def latency(self):
        base = self.out / "base"
        if not (base / "model.safetensors").exists():
            run([self.tools / "gem-make-checkpoint", "--preset", "bert-base", "-o", base, "-q"])
        points = []
        for quantize in ("int8", "int4"):
            for share in LATENCY_SHARES:
                report = self.out / "latency.json"
                prune = [] if share == 1.0 else ["--prune-to", share, "--importance", "magnitude",
                                                 "--no-preservation"]
                run([self.tools / "gem-compile", base, "--sequence", 128, "--device",
                     "raspberry-pi-4", "--quantize", quantize, "--algorithm", "rtn",
                     "--no-bias-correction", "--dry-run", "--report", report, "-q", *prune])
                found = json.loads(report.read_text())
                points.append({"quantize": quantize, "share": share,
                               "kept": (found.get("pruning") or {}).get("kept", 1.0),
                               "seconds": found["latency"]["seconds"]})
                print(f"BERT-base, {quantize}, {share}: {points[-1]['seconds'] * 1e3:.0f} ms",
                      file=sys.stderr)
        return points


def chart(points):
    """Seconds by share as SVG; light and dark by the reader's preference."""
    width, height, left, right, top, bottom = 640, 380, 64, 20, 24, 52
    highest = max(point["seconds"] for point in points) * 1e3
    step = 100 if highest <= 900 else 200
    ceiling = (int(highest / step) + 1) * step

    def x(share):
        return left + share * (width - left - right)

    def y(milliseconds):
        return height - bottom - milliseconds / ceiling * (height - top - bottom)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
        'aria-label="Modelled latency of a BERT-base-shaped GEM on a Raspberry Pi 4 at 128 tokens '
        'by the share of multiply-accumulates kept">',
        '<style>text{font:13px system-ui,sans-serif;fill:#333}.grid{stroke:#ddd}.int8{stroke:'
        '#2f6fb0;fill:none;stroke-width:2}.int4{stroke:#b0542f;fill:none;stroke-width:2}'
        '.goal{stroke:#888;stroke-dasharray:5 4}.d8{fill:#2f6fb0}.d4{fill:#b0542f}'
        '@media(prefers-color-scheme:dark){text{fill:#ccc}.grid{stroke:#444}.goal{stroke:#aaa}}'
        '</style>']
    for tick in range(0, ceiling + 1, step):
        parts.append(f'<path class="grid" d="M{left} {y(tick):.1f}H{width - right}"/>'
                     f'<text x="{left - 8}" y="{y(tick) + 4:.1f}" text-anchor="end">{tick}</text>')
    for tick in range(0, 11, 2):
        parts.append(f'<text x="{x(tick / 10):.1f}" y="{height - bottom + 18}" '
                     f'text-anchor="middle">{tick / 10:g}</text>')
    for goal in (50, 100):
        parts.append(f'<path class="goal" d="M{left} {y(goal):.1f}H{width - right}"/>'
                     f'<text x="{width - right - 4}" y="{y(goal) - 4:.1f}" text-anchor="end">'
                     f'{goal} ms</text>')
    for name in ("int8", "int4"):
        line = [(x(point["kept"]), y(point["seconds"] * 1e3)) for point in points
                if point["quantize"] == name]
        path = "M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in line)
        parts.append(f'<path class="{name}" d="{path}"/>')
        parts += [f'<circle class="d{name[3]}" cx="{a:.1f}" cy="{b:.1f}" r="3"/>' for a, b in line]
    for row, name in enumerate(("int8", "int4")):
        parts.append(f'<path class="{name}" d="M{left + 14} {top + 12 + 20 * row}h24"/>'
                     f'<text x="{left + 44}" y="{top + 16 + 20 * row}">{name}</text>')
    parts.append(f'<text x="{(left + width - right) / 2}" y="{height - 12}" text-anchor="middle">'
                 'share of multiply-accumulates kept</text>')
    parts.append(f'<text transform="translate(16 {(top + height - bottom) / 2}) rotate(-90)" '
                 'text-anchor="middle">modelled ms</text></svg>')
    return "\n".join(parts) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--tools", type=pathlib.Path, required=True, help="folder of the tools")
    parser.add_argument("--shared", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--quick", action="store_true", help="gem-tiny at one half only")
    arguments = parser.parse_args()
    if not (arguments.shared / "models").is_dir():
        print(f"pruning: no trained models in {arguments.shared}: skipped", file=sys.stderr)
        return 0
    bench = Bench(arguments)
    bench.out = arguments.out / "pruning"
    bench.out.mkdir(parents=True, exist_ok=True)
    document = {"date": datetime.date.today().isoformat(),
                "models": {model[0]: bench.model(*model)
                           for model in (MODELS[:1] if bench.quick else MODELS)},
                "latency": bench.latency()}
    (arguments.out / "pruning.json").write_text(json.dumps(document, indent=1) + "\n")
    (arguments.out / "pruning-latency.svg").write_text(chart(document["latency"]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
