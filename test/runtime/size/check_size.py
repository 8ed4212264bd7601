#!/usr/bin/env python3
# The size of the runtime in a program, by parts, held to its limits.
#
# Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

import argparse
import datetime
import json
import re
import sys
from collections import defaultdict

SUMMARY = """\
Sums what linker maps say that a program holds of the runtime's objects, after unused
sections are gone: code, constants and data. A part's size is checked against a fixed limit and
against what was measured last, in a file with the date and the compiler."""

EXAMPLES = """\
examples:
  check_size.py --arch x86_64 --compiler 'g++ 12' --baseline baseline.json avx2=app-avx2.map
  check_size.py ... --objects      also what each object takes
  check_size.py ... --update       make what was measured the baseline"""

# Bytes of one ISA; 1 KB is 1024 bytes.
LIMITS = {"core": 60 * 1024, "core and kernels": 150 * 1024}
GROWTH = 0.02

# Part of a program, by the library that an object comes from. A registry is an object
# of the program.
PARTS = {"libgem_core.a": "core", "libgem_kernels.a": "kernels", "Registry": "kernels",
         "libgem_text.a": "tokenizer", "libgem_signature.a": "signature"}

SECTION = re.compile(r"^ (\.[^\s]+)\s+0x([0-9a-f]+)\s+0x([0-9a-f]+)\s+(\S.*)$")
KINDS = {".text": "code", ".rodata": "constants", ".data": "data", ".bss": "data",
         ".init_array": "data", ".eh_frame": "unwinding"}


def objects_of(map_text):
    """{part: {object: {kind: bytes}}} of GNU ld's map of a program."""
    start = map_text.find("Linker script and memory map")
    if start < 0:
        sys.exit("check_size.py: expected a map of GNU ld, but there is no memory map in it")
    # A long name stands on a line of its own.
    text = re.sub(r"^( \.\S+)\n\s+", r"\1 ", map_text[start:], flags=re.M)
    parts = defaultdict(lambda: defaultdict(lambda: defaultdict(int)))
    for line in text.splitlines():
        match = SECTION.match(line)
        if match is None:
            continue
        section, address, size, origin = match.groups()
        if int(address, 16) == 0 or int(size, 16) == 0:
            continue
        kind = next((k for prefix, k in KINDS.items()
                     if section == prefix or section.startswith(prefix + ".")), None)
        part = next((p for key, p in PARTS.items() if key in origin), None)
        if kind is None or part is None:
            continue
        name = re.sub(r".*[/(]", "", origin).rstrip(")")
        parts[part][name][kind] += int(size, 16)
    return parts


def counted(kinds):
    """What counts: all but the tables for unwinding, which are only read after a crash."""
    return sum(size for kind, size in kinds.items() if kind != "unwinding")


def measure(map_text):
    return {part: sum(counted(kinds) for kinds in objects.values())
            for part, objects in objects_of(map_text).items()}


def totals_of(parts):
    core = parts.get("core", 0)
    return {"core": core, "core and kernels": core + parts.get("kernels", 0)}


def check(sizes, baseline):
    """What is wrong with {isa: {part: bytes}}, each a line."""
    problems = []
    for isa, parts in sizes.items():
        for needed in ("core", "kernels"):
            if parts.get(needed, 0) == 0:
                problems.append(f"{isa}: found nothing of part '{needed}' in the map")
        for part, total in totals_of(parts).items():
            if total > LIMITS[part]:
                problems.append(f"{isa}: {part}: expected at most {LIMITS[part]} bytes, but got "
                                f"{total}")
        for part, size in baseline.get(isa, {}).items():
            now = parts.get(part, 0)
            if now > size * (1 + GROWTH):
                problems.append(
                    f"{isa}: {part}: expected at most {GROWTH:.0%} more than the {size} bytes "
                    f"of the baseline, but got {now}; make it smaller, or say why not and update "
                    "the baseline")
    return problems


def print_table(maps, show_objects):
    order = ["core", "kernels", "tokenizer", "signature"]
    print(f"{'program':<12} {'part':<10} {'code':>8} {'constants':>9} {'data':>6} {'sum':>8} "
          f"{'unwinding':>9}")
    for isa, text in maps.items():
        parts = objects_of(text)
        for part in (p for p in order if p in parts):
            rows = [(part, {kind: sum(o[kind] for o in parts[part].values())
                            for kind in ("code", "constants", "data", "unwinding")})]
            if show_objects:
                rows += sorted((("  " + name, kinds) for name, kinds in parts[part].items()),
                               key=lambda row: -counted(row[1]))
            for name, kinds in rows:
                print(f"{isa:<12} {name:<10} {kinds['code']:>8} {kinds['constants']:>9} "
                      f"{kinds['data']:>6} {counted(kinds):>8} {kinds['unwinding']:>9}")


def read_maps(arguments):
    maps = {}
    for argument in arguments:
        name, _, path = argument.partition("=")
        with open(path, encoding="utf-8", errors="replace") as file:
            maps[name] = file.read()
    return maps


def main():
    parser = argparse.ArgumentParser(description=SUMMARY, epilog=EXAMPLES,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arch", required=True, help="the architecture, a key of the baseline")
    parser.add_argument("--compiler", required=True, help="with its major version: 'g++ 12'")
    parser.add_argument("--baseline", required=True, metavar="FILE", help="what was measured last")
    parser.add_argument("--update", action="store_true", help="write the baseline")
    parser.add_argument("--objects", action="store_true", help="show what each object takes")
    parser.add_argument("--listed", metavar="NAME=MAP", action="append", default=[],
                        help="a program that is shown but not held to anything")
    parser.add_argument("maps", nargs="+", metavar="ISA=MAP",
                        help="the linker map of a program with the kernels of one ISA")
    arguments = parser.parse_args()
    maps = read_maps(arguments.maps)
    print_table(maps | read_maps(arguments.listed), arguments.objects)
    sizes = {isa: measure(text) for isa, text in maps.items()}
    with open(arguments.baseline, encoding="utf-8") as file:
        baselines = json.load(file)
    entry = baselines.get(arguments.arch, {})
    if arguments.update:
        baselines[arguments.arch] = {"date": datetime.date.today().isoformat(),
                                     "compiler": arguments.compiler, "bytes": sizes}
        with open(arguments.baseline, "w", encoding="utf-8") as file:
            json.dump(baselines, file, indent=2, sort_keys=True)
            file.write("\n")
        return 0
    if entry.get("compiler") != arguments.compiler:
        print(f"no baseline of {arguments.arch} with {arguments.compiler}: checking limits only")
        entry = {}
    problems = check(sizes, entry.get("bytes", {}))
    for problem in problems:
        print(f"error: {problem}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
