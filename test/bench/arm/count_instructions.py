#!/usr/bin/env python3
# Instructions and modelled cycles of a forward pass on 64-bit ARM, without a device.
#
# Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Counts the instructions of one forward pass under qemu-user, and models its cycles.

usage: count_instructions.py --gem-bench PROGRAM --plugin LIBRARY [options] BUNDLE...

A static gem-bench runs each bundle with one pass and with two; the difference is one
pass, without loading. Counts are exact and the same every time. Cycles are those that
llvm-mca gives for the blocks that make up nearly all instructions, each as a loop of
its own: they know the core's pipelines but no cache, no memory and no mispredicted
branch. A device's latency is then the cycles over its clock, or the time to read the
weights once, whichever is longer.
"""
import argparse
import collections
import json
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

# The emulated CPUs: what each stands for, and the scheduling model nearest to it. LLVM 19
# has none of its own for the Cortex-A76.
CPUS = {
    "cortex-a72": ("NEON", "cortex-a72"),
    "cortex-a76": ("NEON with dot products", "neoverse-n1"),
    "max,sve=off,sme=off": ("NEON with int8 matrix products", "neoverse-v1"),
}
# Devices: the CPU to count on, the scheduling model, GHz of the core that would run one
# thread, and GB/s that this core reads from memory.
DEVICES = {
    "Raspberry Pi 4 (Cortex-A72)": ("cortex-a72", "cortex-a72", 1.5, 4.0),
    "Pixel 6 (Cortex-X1)": ("cortex-a76", "neoverse-v1", 2.8, 20.0),
    "iPhone 13 (A15)": ("max,sve=off,sme=off", "apple-a15", 3.2, 30.0),
}
MCA_FEATURES = "+dotprod,+i8mm,+fullfp16"
COSTED_SHARE = 0.99  # of the instructions are costed by llvm-mca


def fail(message):
    sys.exit(f"count_instructions: error: {message}")


class Program:
    """The static gem-bench, its disassembly, and llvm-mca's cycles of its blocks."""

    def __init__(self, arguments):
        self.arguments = arguments
        self.text = self.disassemble()
        self.cycles_of = {}

    def blocks(self, cpu, bundle, passes):
        """{(address, instructions): [executions, symbol]} of a run."""
        with tempfile.TemporaryDirectory() as folder:
            log = os.path.join(folder, "blocks")
            command = [
                "qemu-aarch64", "-cpu", cpu, "-plugin",
                f"{os.path.abspath(self.arguments.plugin)},out={log}",
                self.arguments.gem_bench, bundle, "--tokens", str(self.arguments.tokens),
                "--passes", str(passes),
            ]
            run = subprocess.run(command, capture_output=True, text=True)
            if run.returncode != 0:
                fail(f"gem-bench ended with {run.returncode} on {cpu}: {run.stderr.strip()[-400:]}")
            blocks = {}
            with open(log, encoding="utf-8") as file:
                for line in file:
                    address, instructions, executions, symbol = line.rstrip("\n").split(" ", 3)
                    entry = blocks.setdefault((int(address, 16), int(instructions)), [0, symbol])
                    entry[0] += int(executions)
            return blocks

    def one_pass(self, cpu, bundle):
        with ThreadPoolExecutor(2) as pool:
            once, twice = pool.map(lambda n: self.blocks(cpu, bundle, n), (1, 2))
        result = {}
        for key, (executions, symbol) in twice.items():
            difference = executions - once.get(key, (0,))[0]
            if difference > 0:
                result[key] = (difference, symbol)
        return result

    def disassemble(self):
        """{address: instruction}, without symbols: llvm-mca knows none."""
        listing = subprocess.run(
            [self.arguments.objdump, "-d", "--no-show-raw-insn", self.arguments.gem_bench],
            capture_output=True, text=True, check=True).stdout
        text = {}
        for line in listing.split("\n"):
            match = re.match(r"\s*([0-9a-f]+):\s+(.*)", line)
            if match:
                # A branch to itself costs the same.
                code = re.sub(r"\b[0-9a-f]+ <[^>]*>", ".", match[2])
                text[int(match[1], 16)] = re.sub(r"\s*//.*", "", code)
        return text

    def block_cycles(self, model, address, instructions):
        """Cycles of a block that runs again and again, or None when llvm-mca refuses it."""
        key = (model, address, instructions)
        if key not in self.cycles_of:
            body = "\n".join(self.text[address + 4 * i] for i in range(instructions))
            run = subprocess.run(
                [self.arguments.llvm_mca, "-mtriple=aarch64", f"-mcpu={model}",
                 f"-mattr={MCA_FEATURES}", "-iterations=100", "--instruction-info=0",
                 "--resource-pressure=0"],
                input=body, capture_output=True, text=True)
            match = re.search(r"Total Cycles:\s+(\d+)", run.stdout)
            self.cycles_of[key] = int(match[1]) / 100 if match else None
        return self.cycles_of[key]

    def cycles(self, model, blocks):
        """Cycles of a pass, None without any; what llvm-mca did not see is scaled up."""
        total = sum(n * executions for (_, n), (executions, _) in blocks.items())
        costed, cycles = 0, 0.0
        hottest = sorted(blocks.items(), key=lambda item: -item[0][1] * item[1][0])
        wanted = []
        for (address, n), (executions, _) in hottest:
            if costed >= COSTED_SHARE * total:
                break
            wanted.append((address, n, executions))
            costed += n * executions
        with ThreadPoolExecutor(2) as pool:
            each = list(pool.map(lambda b: self.block_cycles(model, b[0], b[1]), wanted))
        seen = 0
        for (_, n, executions), block in zip(wanted, each):
            if block is not None:
                cycles += block * executions
                seen += n * executions
        return cycles * total / seen if seen else None


def demangle(names):
    run = subprocess.run(["c++filt"], input="\n".join(names), capture_output=True, text=True)
    return dict(zip(names, run.stdout.split("\n"))) if run.returncode == 0 else {}


def short_name(name):
    """A function without its arguments, template arguments and anonymous namespaces."""
    name = name.replace("(anonymous namespace)::", "").replace("gem::", "")
    while True:
        shorter = re.sub(r"<[^<>]*>|\([^()]*\)|\{[^{}]*\}|\[[^\[\]]*\]", "", name)
        if shorter == name:
            break
        name = shorter
    name = re.sub(r"^(void|bool|float|int|auto|unsigned int) ", "", name)
    return re.sub(r"( const)?( \.[.\w]+)?(::)?$", "", name.split("::operator")[0]).strip()


def functions_of(blocks):
    counts = collections.Counter()
    for (_, n), (executions, symbol) in blocks.items():
        counts[symbol] += n * executions
    names = demangle(list(counts))
    result = collections.Counter()
    for symbol, count in counts.items():
        result[short_name(names.get(symbol) or symbol)] += count
    return result


def measure(arguments):
    program = Program(arguments)
    results = []
    for bundle in arguments.bundles:
        passes = {}
        for cpu in arguments.cpu:
            blocks = passes[cpu] = program.one_pass(cpu, bundle)
            functions = functions_of(blocks)
            results.append({
                "bundle": os.path.basename(bundle),
                "tokens": arguments.tokens,
                "cpu": cpu,
                "isa": CPUS[cpu][0],
                "instructions": sum(functions.values()),
                "functions": dict(functions.most_common(10)),
            })
            if not arguments.no_cycles:
                results[-1]["model"] = CPUS[cpu][1]
                results[-1]["cycles"] = program.cycles(CPUS[cpu][1], blocks)
        if arguments.no_cycles:
            continue
        for device, (cpu, model, clock, bandwidth) in DEVICES.items():
            if cpu not in passes:
                continue
            cycles = program.cycles(model, passes[cpu])
            if cycles is None:
                fail(f"llvm-mca costed no block for {model}")
            results.append({
                "bundle": os.path.basename(bundle),
                "tokens": arguments.tokens,
                "device": device,
                "model": model,
                "clock_ghz": clock,
                "read_gb_per_second": bandwidth,
                "cycles": cycles,
                "compute_seconds": cycles / clock * 1e-9,
            })
    return results


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gem-bench", required=True, help="statically linked for aarch64")
    parser.add_argument("--plugin", required=True, help="InstructionCounter.c, compiled")
    parser.add_argument("--tokens", type=int, default=32)
    parser.add_argument("--cpu", action="append", choices=list(CPUS), help="may be given again")
    parser.add_argument("--no-cycles", action="store_true", help="count instructions only")
    parser.add_argument("--json", help="where to write; else standard output")
    parser.add_argument("--objdump", default="aarch64-linux-gnu-objdump")
    parser.add_argument("--llvm-mca", default="llvm-mca-19")
    parser.add_argument("bundles", nargs="+", metavar="BUNDLE")
    arguments = parser.parse_args()
    arguments.cpu = arguments.cpu or list(CPUS)
    document = {"schema_version": 1, "arm": measure(arguments)}
    text = json.dumps(document, indent=2) + "\n"
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            file.write(text)
    else:
        sys.stdout.write(text)


if __name__ == "__main__":
    main()
