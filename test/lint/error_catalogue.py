# docs/errors.md lists every status, every exit code and every refusal of the runtime, and
# nothing that does not exist any more.
#
# Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

import re

PAGE = "docs/errors.md"
HEADER = "runtime/include/gem/gem.h"
EXIT_CODES = "tools/common/ExitCodes.h"
# Whose refusals are listed in full, and whose listed messages must exist.
# KernelContracts.cpp has fragments of what `command …: expected …` says.
RUNTIME = ("runtime/loader/*.cpp", "runtime/core/*.cpp", "runtime/text/*.cpp",
           "runtime/drivers/*.cpp", "runtime/signature/*.cpp")
FRAGMENTS = "runtime/core/KernelContracts.cpp"
OTHERS = ("tools/*.cpp", "tools/*.h", "compiler/*.cpp", "compiler/*.h", "targets/*.cpp",
          "passes/*.cpp", "dialects/*.cpp", "cmake/gem/*")
CALL = re.compile(r"\b(?:Fail|Refuse|RefuseAs)\(")
LITERAL = re.compile(r'"((?:[^"\\\n]|\\.)*)"')
SPECIFIER = re.compile(r"%[-+ #0]*\d*(?:\.\d+|\.\*)?(?:hh|h|ll|l|z|j|t)?[diouxXeEfgGscp]")
GAP = "…"


def arguments_of(text, start):
    """The text of a call's arguments, which begin at `start`."""
    depth, at = 1, start
    while at < len(text) and depth:
        if text[at] == '"':
            at = LITERAL.match(text, at).end() if LITERAL.match(text, at) else at + 1
            continue
        depth += {"(": 1, ")": -1}.get(text[at], 0)
        at += 1
    return text[start:at - 1]


def formats(text):
    """The format strings of the calls that refuse, with a gap for each value."""
    text = re.sub(r"(?m)^\s*//.*$", "", text)
    found = []
    for call in CALL.finditer(text):
        arguments = arguments_of(text, call.end())
        # Adjacent literals are one.
        whole = re.search(r'"(?:[^"\\\n]|\\.)*"(?:\s*"(?:[^"\\\n]|\\.)*")*', arguments)
        if not whole:
            continue
        message = "".join(LITERAL.findall(whole.group(0)))
        message = SPECIFIER.sub(GAP, message).replace("%%", "%").replace('\\"', '"')
        message = re.sub(f"{GAP}[{GAP}]*", GAP, message)
        if len(message.replace(GAP, "").strip()) > 2:
            found.append(message)
    return found


def pattern_of(entry):
    """Matches the messages of an entry. One without a word of its own stands for itself only:
    it would match everything, and nothing could be missing."""
    if not set(re.findall(r"[A-Za-z_]{2,}", entry)) - {"expected", "but", "got"}:
        return re.compile(re.escape(entry))
    return re.compile(".*".join(re.escape(part) for part in entry.split(GAP)), re.S)


def entries(page, heading):
    """The messages (first code span of a table's row) below a heading, with line numbers."""
    found, inside = [], False
    for number, line in enumerate(page.splitlines(), 1):
        if line.startswith("## "):
            inside = line == f"## {heading}"
        match = inside and re.match(r"\| `([^`]+)` \|", line)
        if match:
            found.append((number, match.group(1)))
    return found


def check(tree):
    if not tree.exists(HEADER):
        return []  # A self-test of another lint.
    if not tree.exists(PAGE):
        return [f"{PAGE}:1: is missing"]
    page = tree.read(PAGE)
    problems = []
    enum = re.search(r"typedef enum gem_status_t \{(.*?)\}", tree.read(HEADER), re.S)
    for name, value in re.findall(r"(GEM_STATUS_\w+) = (\d+)", enum.group(1)):
        if not re.search(rf"^### {name} \({value}\)$", page, re.M):
            problems.append(f"{PAGE}:1: expected a section '### {name} ({value})'")
    for name, value in re.findall(r"(kExit\w+) = (\d+)", tree.read(EXIT_CODES)):
        if not re.search(rf"^### Exit code {value}\b", page, re.M):
            problems.append(f"{PAGE}:1: expected a section '### Exit code {value}' ({name})")

    for heading in ("Messages of the runtime", "Messages of the tools"):
        seen = {}
        for number, text in entries(page, heading):
            if seen.setdefault(text, number) != number:
                problems.append(f"{PAGE}:{number}: line {seen[text]} lists '{text}' already")

    # The runtime: both ways.
    listed = [(number, text, pattern_of(text)) for number, text in entries(page, "Messages of the runtime")]
    used = set()
    for path in tree.matching(*RUNTIME):
        if path == FRAGMENTS:
            continue
        for message in formats(tree.read(path)):
            hits = [number for number, _, pattern in listed if pattern.fullmatch(message)]
            used.update(hits)
            if not hits:
                problems.append(f"{path}:1: {PAGE} does not list '{message}'")
    for number, text, _ in listed:
        if number not in used:
            problems.append(f"{PAGE}:{number}: no refusal of the runtime reads '{text}'")

    # The tools: what is listed exists, piece by piece.
    literals = None
    for number, text in entries(page, "Messages of the tools"):
        if literals is None:
            literals = "\n".join(
                "".join(LITERAL.findall(run)) for path in tree.matching(*OTHERS)
                for run in re.findall(r'(?:"(?:[^"\\\n]|\\.)*"\s*)+', tree.read(path))
            ).replace('\\"', '"')
        for part in (p.strip() for p in text.split(GAP)):
            if len(part) > 3 and part not in literals:
                problems.append(f"{PAGE}:{number}: no source has the text '{part}'")
    return problems


_HEADER = {HEADER: "typedef enum gem_status_t {\n GEM_STATUS_OK = 0,\n} gem_status_t;\n",
           EXIT_CODES: "kExitOk = 0,\n"}
_HEADINGS = "### GEM_STATUS_OK (0)\n### Exit code 0\n## Messages of the runtime\n"
SELF_TESTS = [
    ({**_HEADER, PAGE: "### Exit code 0\n"}, ["'### GEM_STATUS_OK (0)'"]),
    ({**_HEADER, PAGE: "### GEM_STATUS_OK (0)\n"}, ["Exit code 0"]),
    ({**_HEADER, PAGE: _HEADINGS, "runtime/core/a.cpp": 'Fail(e, 1, "no memory "\n "for %u"_msg, n);'},
     ["does not list 'no memory for …'"]),
    ({**_HEADER, PAGE: _HEADINGS + "| `gone: …` | why |\n"}, ["reads 'gone: …'"]),
    ({**_HEADER, PAGE: _HEADINGS + "| `bad …` | why |\n| `bad …` | another why |\n",
      "runtime/core/a.cpp": 'Fail(e, 1, "bad %u", n);'}, ["lists 'bad …' already"]),
    ({**_HEADER, PAGE: _HEADINGS + "## Messages of the tools\n| `expected a …` | why |\n"},
     ["no source has the text 'expected a'"]),
    ({**_HEADER, PAGE: _HEADINGS + "| `…: expected …, but got …` | why |\n",
      "runtime/core/a.cpp": 'Fail(e, 1, "%s: expected %u, but got %u");\n'
                            'Fail(e, 1, "%s: rank: expected %u, but got %u");'},
     ["does not list '…: rank"]),
    ({**_HEADER, "tools/b.cpp": 'x = "expected a " +\n y + " of " "z";',
      "runtime/core/a.cpp": 'return Refuse("%s: (bad) %zu%s", f(x), n, s);',
      PAGE: _HEADINGS + "| `…: (bad) …` | why |\n## Messages of the tools\n"
            "| `expected a … of z` | why |\n"}, []),
]
