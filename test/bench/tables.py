#!/usr/bin/env python3
# The tables of docs/benchmarks.md, made from what measure.py wrote.
#
# Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Prints tables in Markdown, or puts them between the markers of a document.

usage: tables.py SECTION FILE.json             prints one section
       tables.py --all FOLDER                  prints those that there are
       tables.py --all FOLDER --update FILE.md puts them into a document

A document has `<!-- begin SECTION -->` and `<!-- end SECTION -->` where a table goes.
"""
import argparse
import json
import os
import re
import sys


def table(head, rows):
    """Rows of cells as Markdown; every column but the first is aligned to the right."""
    lines = ["| " + " | ".join(head) + " |",
             "| " + " | ".join(["---"] + ["---:"] * (len(head) - 1)) + " |"]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def digits(value, unit=""):
    """Three significant digits."""
    text = f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
    return text + unit


def name_of(path):
    return re.sub(r"^base-", "", os.path.basename(path).removesuffix(".gemb"))


def machine_line(document):
    machine = document["machine"]
    bursts = ", real-time bursts" if machine["real_time"] else ""
    return (f"{document['date']}; {machine['processor']}, {machine['processors']} processors, "
            f"kernels `{machine['isa']}`{bursts}.")


def machine(document):
    rows = [[p["threads"], digits(p["int8_macs_per_second"] * 1e-9),
             digits(p["f32_macs_per_second"] * 1e-9), digits(p["read_bytes_per_second"] * 1e-9)]
            for p in document["peaks"]]
    instructions = document["machine"]
    return (machine_line(document) + "\n\n"
            + table(["threads", f"int8 GMAC/s (`{instructions['int8_instruction']}`)",
                     f"f32 GMAC/s (`{instructions['f32_instruction']}`)", "read GB/s"], rows))


def model(document):
    peaks = {p["threads"]: p for p in document["peaks"]}
    rows = []
    for c in document["configurations"]:
        bundle = document["bundles"][c["bundle"]]
        linears = [g for g in c["by_kernel"] if g["kernel"] in ("LINEAR", "LINEAR_QUANTIZED")]
        main = max(linears, key=lambda g: g["macs"])
        peak = peaks[c["threads"]]["int8_macs_per_second" if main["kernel"] == "LINEAR_QUANTIZED"
                                   else "f32_macs_per_second"]
        rate = main["macs"] / main["seconds"]
        weights = sum(g["weight_bytes"] for g in linears) / sum(g["seconds"] for g in linears)
        low, high = c["quartile_seconds"]
        rows.append([
            name_of(bundle["path"]), c["tokens"], c["threads"],
            digits(c["median_seconds"] * 1e3), digits(c["lowest_seconds"] * 1e3),
            f"{(high - low) / c['median_seconds'] * 100:.0f} %",
            digits(rate * 1e-9), f"{rate / peak * 100:.0f} %",
            f"{weights / peaks[c['threads']]['read_bytes_per_second'] * 100:.0f} %",
            f"{c['macs'] / peak / c['median_seconds'] * 100:.0f} %",
        ])
    sizes = []
    for i, bundle in enumerate(document["bundles"]):
        of = [c for c in document["configurations"] if c["bundle"] == i]
        memory = max((c["peak_memory_bytes"] or 0) for c in of)
        sizes.append([
            name_of(bundle["path"]), f"{bundle['file_size'] / 2**20:.1f}",
            digits(memory / 2**20) if memory else "?",
            digits((memory - bundle["file_size"]) / 1e6) if memory else "?",
            digits(min(c["load_seconds"] for c in of) * 1e3),
            digits(min(c["first_run_seconds"] for c in of) * 1e3),
        ])
    return (machine_line(document) + "\n\n"
            + table(["weights", "tokens", "threads", "median ms", "lowest", "spread",
                     "linears GMAC/s", "of peak", "of reading", "whole pass of its floor"], rows)
            + "\n\n"
            + table(["weights", "bundle MiB", "peak resident MiB", "beyond the bundle, MB",
                     "load ms", "first run ms, fewest tokens"], sizes))


def latency(document):
    rows, differences = [], []
    for c in document["configurations"]:
        difference = c["modelled_seconds"] / c["measured_seconds"] - 1
        differences.append(abs(difference))
        worst = max((k for k in c["kernels"]
                     if k["measured_seconds"] >= 0.05 * c["measured_seconds"]),
                    key=lambda k: abs(k["modelled_seconds"] - k["measured_seconds"]))
        rows.append([name_of(c["bundle"]), c["tokens"], c["threads"],
                     digits(c["modelled_seconds"] * 1e3), digits(c["measured_seconds"] * 1e3),
                     f"{difference * 100:+.0f} %",
                     f"`{worst['kernel']}` {worst['modelled_seconds'] / worst['measured_seconds'] * 100 - 100:+.0f} %"])
    differences.sort()
    return (machine_line(document) + "\n\n"
            + table(["bundle", "tokens", "threads", "modelled ms", "measured ms", "difference",
                     "most of it in"], rows)
            + f"\n\n{len(differences)} configurations: largest difference "
              f"{differences[-1] * 100:.0f} %, median {differences[len(differences) // 2] * 100:.0f} %.")


def breakdown(document):
    """Where the time of a pass goes: 128 tokens, the most threads."""
    threads = max(c["threads"] for c in document["configurations"])
    columns = [c for c in document["configurations"]
               if c["tokens"] == 128 and c["threads"] == threads]
    kernels = []
    for c in columns:
        kernels += [g["kernel"] for g in c["by_kernel"] if g["kernel"] not in kernels]
    rows = []
    for kernel in kernels:
        row = [f"`{kernel}`"]
        for c in columns:
            found = [g for g in c["by_kernel"] if g["kernel"] == kernel]
            row.append(digits(found[0]["seconds"] * 1e3) if found else "")
        rows.append(row)
    names = [name_of(document["bundles"][c["bundle"]]["path"]) for c in columns]
    return table([f"ms at 128 tokens, {threads} threads", *names], rows)


def load(document):
    """Opening a bundle: every mode and check of hashes, and the first session after it."""
    rows = []
    for found in document["loads"]:
        for o in found["openings"]:
            rate = o["hash_bytes_per_second"]
            rows.append([f"{o['mode']}, {o['hashes']}", o["threads"],
                         digits(o["median_seconds"] * 1e3), digits(o["lowest_seconds"] * 1e3),
                         digits(o["first_seconds"] * 1e3), digits(o["session_seconds"] * 1e3),
                         digits(rate * 1e-9) if rate else ""])
    first = document["loads"][0]
    size = digits(first["file_size"] * 1e-6)
    real_time = ", real-time priority" if document.get("real_time") else ""
    return (f"{document['date']}; {name_of(first['path'])}, {size} MB{real_time}.\n\n"
            + table(["mode, hashes", "threads", "open ms", "lowest", "first", "first session ms",
                     "hashing GB/s"], rows))


def scar(document):
    tokens = sorted({entry["tokens"] for entry in document["scar"]})
    rows = {}
    for entry in document["scar"]:
        same = [e for e in document["scar"] if e["tokens"] == entry["tokens"]]
        rows.setdefault(same.index(entry), []).append(entry)
    lines = []
    for entries in rows.values():
        by_tokens = {e["tokens"]: e for e in entries}
        lines.append([entries[0]["predicate"], f"{entries[-1]['density']:.2f}"]
                     + [f"{by_tokens[n]['speedup']:.2f} ({by_tokens[n]['of_ideal']:.2f})"
                        if n in by_tokens else "" for n in tokens])
    return (f"{document['date']}; kernels `{document['isa']}`, one thread. Speedup over dense "
            "attention, and in brackets that times the density: 1 when no work is wasted.\n\n"
            + table(["predicate", "density", *(f"N = {n}" for n in tokens)], lines))


def arm(document):
    counts, devices = [], []
    for entry in document["arm"]:
        name = name_of(entry["bundle"])
        if "cpu" in entry:
            functions = sorted(entry["functions"].items(), key=lambda item: -item[1])[:3]
            cycles = entry.get("cycles")
            counts.append([
                name, entry["tokens"], entry["cpu"].split(",")[0],
                digits(entry["instructions"] * 1e-6), digits(cycles * 1e-6) if cycles else "",
                ", ".join(f"`{f}` {100 * n / entry['instructions']:.0f} %" for f, n in functions),
            ])
            continue
        bytes_read = document.get("weight_bytes", {}).get(entry["bundle"])
        read = bytes_read / entry["read_gb_per_second"] * 1e-9 if bytes_read else 0
        devices.append([
            name, entry["tokens"], entry["device"], entry["clock_ghz"],
            entry["read_gb_per_second"], digits(entry["compute_seconds"] * 1e3),
            digits(read * 1e3) if bytes_read else "?",
            digits(max(read, entry["compute_seconds"]) * 1e3),
        ])
    text = table(["weights", "tokens", "CPU", "million instructions", "million cycles, modelled",
                  "most of them in"], counts)
    if devices:
        text += "\n\n" + table(["weights", "tokens", "device", "GHz", "GB/s", "compute ms",
                                "read ms", "modelled latency ms"], devices)
    return (f"{document['date']}; one thread.\n\n" if "date" in document else "") + text


def peers(document):
    columns = sorted({(p["tokens"], p["threads"]) for p in document["peers"]})
    rows = []
    for who in dict.fromkeys(p["who"] for p in document["peers"]):
        own = {(p["tokens"], p["threads"]): p for p in document["peers"] if p["who"] == who}
        rows.append([who] + [digits(own[c]["median_seconds"] * 1e3) if c in own else ""
                             for c in columns]
                    + [f"{max(p['peak_memory_bytes'] for p in own.values()) / 1e6:.0f}"])
    return (f"{document['date']}; ONNX Runtime {document['onnxruntime']}, in turns with GEM; ms.\n\n"
            + table(["", *(f"N = {n}, {t} thread{'s' if t > 1 else ''}" for n, t in columns),
                     "peak MB"], rows))


def accuracy(document):
    """From FOLDER/accuracy.json; the keys are those of docs/benchmarks.md."""
    def share(row, key):
        return f"{row[key] * 100:.2f} %" if row.get(key) is not None else ""

    def number(row, key):
        return f"{row[key]:.4f}" if row.get(key) is not None else ""

    rows = [[row["model"], row["recipe"], f"{row['bits_per_weight']:.2f}",
             share(row, "agreement"), number(row, "kl"), number(row, "worst_domain_kl"),
             share(row, "accuracy"), share(row, "f32_accuracy"), share(row, "routed_flips"),
             share(row, "cluster_flips")] for row in document["accuracy"]]
    return (f"{document['date']}; {document['texts']}.\n\n"
            + table(["model", "recipe", "bits/weight", "agreement", "KL", "worst domain KL",
                     "accuracy", "of f32", "routed flips", "cluster flips"], rows))


def interval(values):
    return f"{values[0]:.3f}–{values[1]:.3f}"


def transfer(row, key="cdtr"):
    summary = row["scores"].get(key)
    if not summary:
        return ["", ""]
    return [f"{summary['mean']:.3f} ({interval(summary['mean_interval'])})",
            f"{summary['min']:.3f} ({interval(summary['min_interval'])})"]


def pruning_row(row):
    overall = row["scores"]["overall"]
    return [f"{row['kept']:.3f}", *transfer(row), *transfer(row, "cdtr_unseen"),
            f"{overall['kl']:.4f}"]


PRUNING_HEAD = ["MACs kept", "CDTR mean (95 %)", "CDTR minimum (95 %)", "unseen mean",
                "unseen minimum", "KL"]


def pruning_curve(document):
    """The models at shares of their work, with preservation and without."""
    rows = [[row["model"], "yes" if row["preserved"] else "no", *pruning_row(row)]
            for found in document["models"].values() for row in found["rows"]
            if row["method"].startswith("GEM")]
    rows.sort(key=lambda row: (row[0] != "gem-tiny", row[1] != "yes", -float(row[2])))
    return f"{document['date']}.\n\n" + table(["model", "preserved", *PRUNING_HEAD], rows)


def pruning_methods(document):
    """Ways to choose what goes, at one half of the work."""
    rows = [[row["model"], "router- and domain-aware (GEM)" if row["method"] == "GEM"
             else row["method"], *pruning_row(row)]
            for found in document["models"].values() for row in found["rows"]
            if row["share"] == 0.5 and row["method"] != "GEM, no preservation"]
    return f"{document['date']}.\n\n" + table(["model", "method", *PRUNING_HEAD], rows)


def mean_accuracy(scores, unseen):
    values = [domain["accuracy"] for domain in scores["domains"]
              if bool(domain.get("unseen")) == unseen]
    return sum(values) / len(values)


def pruning_preservation(document):
    """The share of the accuracy lost without preservation that it gives back."""
    rows = []
    for name, found in document["models"].items():
        by_share = {}
        for row in found["rows"]:
            if row["method"].startswith("GEM"):
                by_share.setdefault(row["share"], {})[row["preserved"]] = row
        for unseen, label in ((False, "8 domains"), (True, "4 languages, held out")):
            # The baseline's domains do not say which are unseen; a model's do.
            first = next(iter(by_share.values()))[True]["scores"]
            names = {domain["domain"] for domain in first["domains"]
                     if bool(domain.get("unseen")) == unseen}
            whole = [domain["accuracy"] for domain in found["baseline"]["domains"]
                     if domain["domain"] in names]
            f32 = sum(whole) / len(whole)
            gained = lost = 0
            for pair in by_share.values():
                without = mean_accuracy(pair[False]["scores"], unseen)
                gained += mean_accuracy(pair[True]["scores"], unseen) - without
                lost += f32 - without
            gaps = [found["baseline"].get("gg"),
                    by_share[0.5][True]["scores"].get("gg")]
            rows.append([name, label, f"{f32:.4f}", f"{lost / len(by_share):.4f}",
                         f"{gained / len(by_share):.4f}",
                         f"{100 * gained / lost:.0f} %" if lost > 0 else "nothing lost",
                         " → ".join("" if gap is None else f"{gap:.3f}" for gap in gaps)])
    return (f"{document['date']}; mean accuracy over the domains, averaged over the shares.\n\n"
            + table(["model", "texts", "f32", "lost without", "gained by it", "recovered",
                     "GG, f32 → 0.5"], rows))


# Section: the file it is made from, and how.
SECTIONS = {
    "machine": ("model", machine),
    "model": ("model", model),
    "breakdown": ("model", breakdown),
    "load": ("load", load),
    "latency": ("latency", latency),
    "arm": ("arm", arm),
    "scar": ("scar", scar),
    "accuracy": ("accuracy", accuracy),
    "peers": ("peers", peers),
    "pruning-curve": ("pruning", pruning_curve),
    "pruning-methods": ("pruning", pruning_methods),
    "pruning-preservation": ("pruning", pruning_preservation),
}


def read(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("section", nargs="?", choices=list(SECTIONS))
    parser.add_argument("file", nargs="?")
    parser.add_argument("--all", metavar="FOLDER")
    parser.add_argument("--update", metavar="FILE.md")
    arguments = parser.parse_args()
    if arguments.all is None:
        if arguments.file is None:
            parser.error("expected a section and its file, or --all FOLDER")
        print(SECTIONS[arguments.section][1](read(arguments.file)))
        return
    tables = {}
    for section, (name, make) in SECTIONS.items():
        path = os.path.join(arguments.all, f"{name}.json")
        if os.path.exists(path):
            tables[section] = make(read(path))
    if arguments.update is None:
        for section, text in tables.items():
            print(f"## {section}\n\n{text}\n")
        return
    with open(arguments.update, encoding="utf-8") as file:
        text = file.read()
    for section, made in tables.items():
        begin, end = f"<!-- begin {section} -->", f"<!-- end {section} -->"
        if begin not in text or end not in text:
            sys.exit(f"tables: error: {arguments.update} has no markers for '{section}': "
                     f"expected '{begin}' and '{end}'")
        text = (text[:text.index(begin)] + f"{begin}\n\n{made}\n\n" + text[text.index(end):])
    with open(arguments.update, "w", encoding="utf-8") as file:
        file.write(text)
    print(f"updated {arguments.update}: {', '.join(tables)}")


if __name__ == "__main__":
    main()
