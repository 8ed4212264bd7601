# Paths and links in the documents, and documents named in sources, must exist.
#
# Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

import fnmatch
import itertools
import posixpath
import re

from tree import is_generated, lines

TOP = ("cmake", "compiler", "dialects", "docs", "examples", "passes", "runtime", "scripts",
       "targets", "test", "tools", ".ci")
CODE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)\s]+)\)")
IMAGE = re.compile(r'(?:src|srcset)="([^"]+)"')
DOCUMENT = re.compile(r"\bdocs/[\w./-]+\.md\b")


def expand(word):
    """a/{b,c}/d -> a/b/d, a/c/d"""
    parts = re.split(r"\{([^{}]*)\}", word)
    choices = [p.split(",") if i % 2 else [p] for i, p in enumerate(parts)]
    return ["".join(c) for c in itertools.product(*choices)]


def found(tree, path):
    if "*" in path:
        return any(fnmatch.fnmatch(p, path) for p in tree.paths)
    return tree.exists(path)


def anchors(text):
    """The anchors of a page's headings, as GitHub spells them."""
    names = set()
    for heading in re.findall(r"^#+\s+(.*?)\s*$", text, re.M):
        plain = re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower())
        names.add(plain.replace(" ", "-"))
    return names


def check(tree):
    problems = []
    for path in tree.matching("*.md"):
        if is_generated(path):
            continue
        text, fenced = tree.read(path), False
        for number, line in lines(text):
            if line.lstrip().startswith("```"):
                fenced = not fenced
            if fenced:
                continue
            for word in CODE.findall(line):
                # Only what is plainly a path of the repository: no options, no gaps to fill.
                if not re.fullmatch(r"[\w.*{},/+-]+", word) or "/" not in word:
                    continue
                for name in expand(word):
                    if name.split("/")[0] in TOP and not found(tree, name):
                        problems.append(f"{path}:{number}: `{name}` does not exist")
            for target in LINK.findall(line) + IMAGE.findall(line):
                if re.match(r"[a-z]+:", target):
                    continue
                name, _, anchor = target.partition("#")
                page = posixpath.normpath(posixpath.join(posixpath.dirname(path), name)) if name else path
                if not tree.exists(page):
                    problems.append(f"{path}:{number}: the link {target} leads nowhere")
                elif anchor and page.endswith(".md") and anchor not in anchors(tree.read(page)):
                    problems.append(f"{path}:{number}: {page} has no heading #{anchor}")
    for path in tree.matching("*.h", "*.c", "*.cpp", "*.inc", "*.td", "*.fbs", "*.cmake", "*.py",
                              "*CMakeLists.txt", "scripts/*"):
        if path.startswith("test/lint/") or is_generated(path) or path.endswith(".md"):
            continue
        for number, line in lines(tree.read(path)):
            for name in DOCUMENT.findall(line):
                if not tree.exists(name) and not line.split(name)[0].endswith("/"):
                    problems.append(f"{path}:{number}: {name} does not exist")
    return problems


SELF_TESTS = [
    ({"README.md": "see `docs/none.md`\n"}, ["docs/none.md"]),
    ({"docs/a.md": "see [b](b.md)\n"}, ["leads nowhere"]),
    ({"docs/a.md": "see [b](#gone)\n\n# Here\n"}, ["no heading #gone"]),
    ({"docs/a.md": "`runtime/{core,gone}/x.h`\n", "runtime/core/x.h": ""}, ["runtime/gone/x.h"]),
    ({"runtime/a.h": "// docs/adr/0009-none.md\n"}, ["docs/adr/0009-none.md does not exist"]),
    ({"docs/a.md": "[b](b.md#the-one) `docs/b.md` `docs/*.md` `build/bin/x` `docs/NNNN-<x>.md`\n"
                   "```\nscripts/x/y\n```\n",
      "docs/b.md": "# The `one`\n"}, []),
]
