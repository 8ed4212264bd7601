# Checks a JSON report of gem-eval against gem-run, and its figures against each other.
#
# Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Computes every score again from what gem-run answers, and the measures from the scores.

usage: check_report.py REPORT.json TEXTS.jsonl BUNDLE COMPILE_REPORT.json
                       [--same OTHER.json] [--width REPORT.txt]
"""
import argparse
import json
import math
import os
import subprocess
import sys

TIMES = ("seconds",)


def fail(message):
    sys.exit(f"check_report.py: {message}")


def near(got, want, what, tolerance=1e-9):
    if got is None or not math.isclose(got, want, rel_tol=tolerance, abs_tol=1e-12):
        fail(f"{what}: expected {want}, but got {got}")


def load(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def without_times(value):
    if isinstance(value, dict):
        return {k: without_times(v) for k, v in value.items() if k not in TIMES}
    if isinstance(value, list):
        return [without_times(v) for v in value]
    return value


def macro_f1(labels, best):
    scores = []
    for c in set(labels):
        tp = sum(l == c and b == c for l, b in zip(labels, best))
        fp = sum(l != c and b == c for l, b in zip(labels, best))
        fn = sum(l == c and b != c for l, b in zip(labels, best))
        scores.append(2 * tp / (2 * tp + fp + fn))
    return sum(scores) / len(scores)


def check_scores(model, texts, answers):
    for scores in model["domains"] + [model["overall"]]:
        domain = scores["domain"]
        rows = [i for i, text in enumerate(texts) if domain in (None, text["domain"])]
        labels = [texts[i]["label"] for i in rows]
        best = [max(range(len(answers[i])), key=lambda c: (answers[i][c], -c)) for i in rows]
        loss = 0.0
        for i in rows:
            largest = max(answers[i])
            log_sum = largest + math.log(sum(math.exp(x - largest) for x in answers[i]))
            loss += log_sum - answers[i][texts[i]["label"]]
        if scores["labelled"] != len(rows):
            fail(f"{domain}: expected {len(rows)} labelled texts, but got {scores['labelled']}")
        right = sum(l == b for l, b in zip(labels, best))
        near(scores["accuracy"], right / len(rows), f"accuracy of {domain}")
        near(scores["macro_f1"], macro_f1(labels, best), f"macro-F1 of {domain}")
        # gem-run prints logits as the shortest text that reads back as the same f32.
        near(scores["loss"], loss / len(rows), f"loss of {domain}", 1e-6)
    print("accuracies and macro-F1 as gem-run has them")


def check_measures(model, baseline, kind):
    key = {"accuracy": "accuracy", "macro_f1": "macro_f1"}[kind]
    domains = model["domains"]
    ratios = []
    for d, b in zip(domains, baseline["domains"]):
        near(d["score"], d[key], "score")
        others = [x["score"] for x in domains if x is not d]
        near(d["dsi"], (d["score"] - sum(others) / len(others)) / d["score"], f"DSI of {d['domain']}")
        near(d["cdtr"], d["score"] / b["score"], f"CDTR of {d['domain']}")
        for value, ends in ((d["score"], d["score_interval"]), (d["cdtr"], d["cdtr_interval"])):
            if not ends[0] <= value <= ends[1]:
                fail(f"{d['domain']}: expected {value} within {ends}")
        if d["specialised"]:
            ratios.append(d["cdtr"])
    inside = [d["score"] for d in domains if d["specialised"]]
    outside = [d["score"] for d in domains if not d["specialised"]]
    near(model["gg"], sum(inside) / len(inside) - sum(outside) / len(outside), "GG")
    near(model["cdtr"]["mean"], sum(ratios) / len(ratios), "mean CDTR")
    near(model["cdtr"]["min"], min(ratios), "least CDTR")
    near(model["dsi_max"], max(d["dsi"] for d in domains), "largest DSI")
    print("ratios, indices and gap as they are defined")


def check_figures(model):
    figures = model["figures"]
    near(figures["cdtr.mean"], model["cdtr"]["mean"], "cdtr.mean")
    near(figures["cdtr.min"], model["cdtr"]["min"], "cdtr.min")
    near(figures["cdtr.min.low"], model["cdtr"]["min_interval"][0], "cdtr.min.low")
    near(figures["kl.max"], max(d["kl"] for d in model["domains"]), "kl.max")
    near(figures["flips.mask"], model["overall"]["flips"]["mask"], "flips.mask")
    for d in model["domains"]:
        near(figures["dsi." + d["domain"]], d["dsi"], "dsi")
        near(figures["cdtr." + d["domain"]], d["cdtr"], "cdtr")
        near(figures["agreement." + d["domain"]], d["agreement"], "agreement")
    print("figures under their names")


parser = argparse.ArgumentParser()
parser.add_argument("report")
parser.add_argument("texts")
parser.add_argument("bundle")
parser.add_argument("compile_report")
parser.add_argument("--same")
parser.add_argument("--width")
options = parser.parse_args()

report = load(options.report)
model, baseline = report["models"][0], report["baseline"]
with open(options.texts, encoding="utf-8") as file:
    texts = [json.loads(line) for line in file]
run = subprocess.run(["gem-run", options.bundle, "--input", options.texts, "--json"],
                     capture_output=True, text=True, encoding="utf-8", check=True)
answers = [json.loads(line)["logits"] for line in run.stdout.splitlines()]
print("keys:", " ".join(report))
check_scores(model, texts, answers)
check_measures(model, baseline, report["score"])
check_figures(model)
if model["bytes"] != os.path.getsize(options.bundle):
    fail(f"expected {os.path.getsize(options.bundle)} bytes, but got {model['bytes']}")
near(model["bits_per_weight"], load(options.compile_report)["output"]["bits_per_weight"], "bits")
print("sizes as they are")
if options.width:
    with open(options.width, encoding="utf-8") as file:
        for line in file:
            # A word that is wider than a line, a path, stays whole.
            if len(line.rstrip("\n")) > 80 and " " in line.strip():
                fail(f"expected at most 80 columns, but got '{line}'")
    print("lines of 80 columns")
if options.same:
    for each in (model, baseline):
        for label, row in enumerate(each["confusion"]):
            if sum(row) != sum(text["label"] == label for text in texts):
                fail(f"confusion: row {label} does not add up")
        right = sum(row[label] for label, row in enumerate(each["confusion"]))
        near(each["overall"]["accuracy"], right / len(texts), "confusion's diagonal")
    print("confusion adds up")
    if without_times(report) != without_times(load(options.same)):
        fail("expected the same for any number of threads")
    print("the same but for times")
