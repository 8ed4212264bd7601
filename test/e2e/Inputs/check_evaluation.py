# Checks what a compile report says of a quantized model's answers.
#
# Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Checks that a quantized model agrees with the f32 one, and that its report is sound.

usage: check_evaluation.py REPORT.json AGREEMENT KL

At least the share AGREEMENT of the texts must be answered as in f32, with a mean divergence of
KL nats at most, and the router's fit must not make more tokens change than before it.
"""
import json
import sys

with open(sys.argv[1], encoding="utf-8") as file:
    evaluation = json.load(file)["evaluation"]
overall = evaluation["overall"]
agreement, divergence = overall["agreement"], overall["divergence"]
print(f"agreement {agreement:.4f}, KL {divergence:.5f}, "
      f"flips {overall['flips_before_refit']} -> {overall['flips']}")
if agreement < float(sys.argv[2]) or not 0 < divergence <= float(sys.argv[3]):
    sys.exit(f"expected agreement of {sys.argv[2]} and KL of {sys.argv[3]}")
if sum(domain["texts"] for domain in evaluation["domains"]) != overall["texts"]:
    sys.exit("expected the domains' texts to add up")
# A fit to other texts may lose a little on these.
for decision, before in overall["flips_before_refit"].items():
    if overall["flips"][decision] > before + 0.01:
        sys.exit(f"expected no more tokens to change {decision} after the router's fit")
