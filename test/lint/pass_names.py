# A pass is found by its name: td FitThingPass, file <Group>/FitThing.cpp, flag
# gem-fit-thing (gemrt-... for one of that dialect), test test/passes/<Group>/fit-thing.mlir; and it is documented.
#
# Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

import re

from tree import lines

DEFINITION = re.compile(r'^def\s+(\w+)\s*:\s*(?:Pass|InterfacePass)<\s*"([^"]+)"')


def flag_of(name):
    """FitThing -> gem-fit-thing; a run of capitals is one word (LowerToGemRT)."""
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z][a-z0-9]*", name)
    return "gem-" + "-".join(w.lower() for w in words)


def check(tree):
    problems, tested = [], set()
    for path in tree.matching("passes/*.td"):
        text = tree.read(path)
        definitions = [
            (number, DEFINITION.match(line))
            for number, line in lines(text) if DEFINITION.match(line)
        ]
        rows = text.splitlines()
        for index, (number, match) in enumerate(definitions):
            where, (name, flag) = f"{path}:{number}", match.groups()
            if not name.endswith("Pass"):
                problems.append(f"{where}: expected a name that ends in Pass, but got {name}")
                continue
            base = name[: -len("Pass")]
            dialect, _, words = flag.partition("-")
            # GemRT is one word or two; a conversion's flag does not name its source twice.
            spelt = base.lower()
            accepted = (spelt, spelt.replace(f"convert{dialect}", "convert", 1))
            if dialect not in ("gem", "gemrt") or words.replace("-", "") not in accepted:
                problems.append(f"{where}: expected the flag {flag_of(base)}, but got {flag}")
            sources = [p for p in tree.matching(f"passes/*/{base}.cpp")]
            if not sources:
                problems.append(f"{where}: no file passes/<Group>/{base}.cpp")
            for source in sources:
                group = source.split("/")[1]
                test = f"test/passes/{group}/{words}.mlir"
                tested.add(test)
                if not tree.exists(test):
                    problems.append(f"{where}: no test {test}")
                elif not re.search(rf"(?:-|[(,]){flag}(?![\w-])", tree.read(test)):
                    problems.append(f"{test}:1: does not run {flag}")
            end = definitions[index + 1][0] if index + 1 < len(definitions) else len(rows) + 1
            body = "\n".join(rows[number - 1 : end - 1])
            for field in ("summary", "description"):
                if not re.search(rf"let\s+{field}\s*=", body):
                    problems.append(f"{where}: {name} has no {field}")
    return problems


GOOD = 'def FitThingPass : Pass<"gem-fit-thing"> {\n  let summary = "x";\n  let description = [{x}];\n}\n'
FILES = {
    "passes/Passes.td": GOOD,
    "passes/Graph/FitThing.cpp": "",
    "test/passes/Graph/fit-thing.mlir": "// RUN: gem-opt --gem-fit-thing %s\n",
}
SELF_TESTS = [
    ({**FILES, "passes/Passes.td": GOOD.replace("FitThingPass", "FitThing")}, ["ends in Pass"]),
    ({**FILES, "passes/Passes.td": GOOD.replace("gem-fit-thing", "gem-fit")}, ["expected the flag"]),
    ({"passes/Passes.td": GOOD}, ["no file passes/<Group>/FitThing.cpp"]),
    ({k: v for k, v in FILES.items() if not k.startswith("test")}, ["no test test/passes/Graph"]),
    ({**FILES, "test/passes/Graph/fit-thing.mlir": "// RUN: gem-opt %s\n"}, ["does not run"]),
    ({**FILES, "passes/Passes.td": GOOD.replace("let description", "// let d")}, ["no description"]),
    (FILES, []),
]
