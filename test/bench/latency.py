#!/usr/bin/env python3
# Compares the latency that the compiler models with what is measured.
#
# Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Prints, for bundles on this machine, modelled and measured latency side by side.

usage: latency.py [--tools DIR] --profile FILE.textproto [--tokens N,...] [--threads N,...]
                  [--seconds S] [--json FILE] BUNDLE...

The profile is one that `gem-bench --profile-device` measured here. gem-inspect --latency
models every call of a bundle with it, gem-bench measures them. A difference of +10 % means
that the model says 10 % more than was measured.
"""
import argparse
import collections
import json
import os
import statistics
import subprocess
import sys


def run(command):
    result = subprocess.run([str(c) for c in command], capture_output=True, text=True)
    if result.returncode != 0:
        sys.exit(f"latency: error: {os.path.basename(str(command[0]))} failed: "
                 f"{(result.stderr or result.stdout).strip()[-500:]}")
    return result.stdout


def kernels_of(calls):
    """{(kernel, weights): [calls, seconds]} of calls as either tool lists them."""
    groups = collections.OrderedDict()
    for kernel, weights, seconds in calls:
        group = groups.setdefault((kernel, weights), [0, 0.0])
        group[0] += 1
        group[1] += seconds
    return groups


def compare(tools, profile, bundles, tokens, threads, seconds, realtime=False):
    """What measure.py stores: a list of configurations, each with its kernels."""
    numbers = ["--tokens", ",".join(map(str, tokens)), "--threads", ",".join(map(str, threads))]
    measured = json.loads(run([os.path.join(tools, "gem-bench"), *bundles, *numbers, "--seconds",
                               seconds, "--json", *(["--realtime"] if realtime else [])]))
    modelled = {}
    for i, bundle in enumerate(bundles):
        found = json.loads(run([os.path.join(tools, "gem-inspect"), bundle, "--latency", profile,
                                *numbers, "--json"]))
        for configuration in found["runs"]:
            modelled[i, configuration["tokens"], configuration["threads"]] = configuration
    rows = []
    for found in measured["configurations"]:
        model = modelled[found["bundle"], found["tokens"], found["threads"]]
        operations = found["operations"]
        if len(operations) != len(model["calls"]):
            sys.exit(f"latency: error: {bundles[found['bundle']]}: expected the same program from "
                     f"both tools, but got {len(operations)} operations and "
                     f"{len(model['calls'])} calls")
        # The measured operation tells the weights, the modelled call its time.
        pairs = list(zip(operations, model["calls"]))
        theirs = kernels_of((o["kernel"], o["format"] if o["macs"] else "", o["seconds"])
                            for o, _ in pairs)
        ours = kernels_of((o["kernel"], o["format"] if o["macs"] else "", c["seconds"])
                          for o, c in pairs)
        rows.append({
            "bundle": os.path.basename(bundles[found["bundle"]]),
            "tokens": found["tokens"], "threads": found["threads"],
            "measured_seconds": found["median_seconds"],
            "lowest_seconds": found["lowest_seconds"],
            "modelled_seconds": model["seconds"],
            "kernels": [{"kernel": kernel, "weights": weights, "calls": count,
                         "measured_seconds": spent, "modelled_seconds": ours[kernel, weights][1]}
                        for (kernel, weights), (count, spent) in theirs.items()]})
    return {"machine": measured["machine"], "configurations": rows}


def difference(row):
    return row["modelled_seconds"] / row["measured_seconds"] - 1


def milliseconds(seconds):
    return f"{seconds * 1e3:.3g}"


def print_rows(document):
    rows = [["bundle", "tokens", "threads", "modelled ms", "measured ms", "difference"]]
    for row in document["configurations"]:
        rows.append([row["bundle"], row["tokens"], row["threads"],
                     milliseconds(row["modelled_seconds"]), milliseconds(row["measured_seconds"]),
                     f"{difference(row) * 100:+.0f} %"])
        for kernel in sorted(row["kernels"], key=lambda k: -k["measured_seconds"]):
            share = kernel["measured_seconds"] / row["measured_seconds"]
            if share < 0.01 or kernel["measured_seconds"] <= 0:
                continue
            rows.append([f"  {kernel['kernel']} {kernel['weights']}".rstrip(), "", kernel["calls"],
                         milliseconds(kernel["modelled_seconds"]),
                         milliseconds(kernel["measured_seconds"]),
                         f"{difference(kernel) * 100:+.0f} %"])
    widths = [max(len(str(row[i])) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        cells = [str(row[0]).ljust(widths[0])]
        cells += [str(cell).rjust(width) for cell, width in zip(row[1:], widths[1:])]
        print("  ".join(cells).rstrip())
    differences = [difference(row) for row in document["configurations"]]
    magnitudes = [abs(d) for d in differences]
    print(f"\n{len(differences)} configurations: largest difference {max(magnitudes) * 100:.0f} %, "
          f"median {statistics.median(magnitudes) * 100:.0f} %, within 20 %: "
          f"{sum(m <= 0.2 for m in magnitudes)}")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tools", default="",
                        help="folder of gem-bench and gem-inspect (default: found by name)")
    parser.add_argument("--profile", required=True)
    parser.add_argument("--tokens", default="16,128")
    parser.add_argument("--threads", default="1")
    parser.add_argument("--seconds", type=float, default=1)
    parser.add_argument("--realtime", action="store_true")
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("bundles", nargs="+", metavar="BUNDLE")
    arguments = parser.parse_args()
    document = compare(arguments.tools, arguments.profile, arguments.bundles,
                       [int(n) for n in arguments.tokens.split(",")],
                       [int(n) for n in arguments.threads.split(",")], arguments.seconds,
                       arguments.realtime)
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump(document, file, indent=1)
            file.write("\n")
    print_rows(document)


if __name__ == "__main__":
    main()
