# Every phrase of runtime/core/Message.h makes the core's messages smaller by more than the
# bytes that it takes itself.
#
# Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

import re

HEADER = "runtime/core/Message.h"
# Of which the size is limited.
SOURCES = ("runtime/core/*.cpp", "runtime/loader/*.cpp", "runtime/drivers/*.cpp")
LITERAL = re.compile(r'"((?:[^"\\\n]|\\.)*)"')
MESSAGE = re.compile(r'((?:"(?:[^"\\\n]|\\.)*"\s*)+)_msg\b')


def phrases_of(header):
    """The phrases, with the number of the line of each."""
    table = re.search(r"kPhrases\[\] = \{(.*?)\n\};", header, re.S)
    return {match.group(1).replace('\\"', '"'): header.count("\n", 0, table.start(1) + match.start()) + 1
            for match in LITERAL.finditer(table.group(1))}


def packed_size(text, phrases):
    """The bytes of the shortest coding, with the zero at the end."""
    sizes = [0] * (len(text) + 1)
    for i in reversed(range(len(text))):
        sizes[i] = 1 + min([sizes[i + 1]] + [sizes[i + len(phrase)] for phrase in phrases
                                             if text.startswith(phrase, i)])
    return sizes[0] + 1


def total_size(texts, phrases, entries):
    """Of messages, and of `entries` of the dictionary, which have shorter phrases in them."""
    return sum(packed_size(text, [p for p in phrases if p in text]) for text in texts) + sum(
        packed_size(entry, [p for p in phrases if len(p) < len(entry) and p in entry])
        for entry in entries)


def check(tree):
    if not tree.exists(HEADER):
        return []  # A self-test of another lint.
    phrases = phrases_of(tree.read(HEADER))
    texts = {"".join(LITERAL.findall(run)).replace('\\"', '"')
             for path in tree.matching(*SOURCES) for run in MESSAGE.findall(tree.read(path))}
    problems = []
    for phrase, line in phrases.items():
        others = [other for other in phrases if other != phrase]
        users = [text for text in texts if phrase in text]
        entries = [other for other in others if phrase in other]
        saved = total_size(users, others, entries) - total_size(users, phrases, entries + [phrase])
        if saved <= 0:
            problems.append(f"{HEADER}:{line}: the phrase '{phrase}' costs {-saved} bytes more than it "
                            f"saves in {len(users)} messages")
    return problems


SELF_TESTS = [
    ({HEADER: 'kPhrases[] = {\n    "never", "at most ",\n};\n',
      "runtime/core/a.cpp": 'Fail("at most %u"_msg, n, "at least "\n "at most %s"_msg, s);'},
     [f"{HEADER}:2: the phrase 'never' costs 6 bytes more than it saves in 0 messages"]),
    ({HEADER: 'kPhrases[] = {\n    "at most ",\n};\n',
      "runtime/core/a.cpp": 'Fail("at most %u"_msg, n); "at most ";'}, ["'at most ' costs 2 bytes"]),
    # What is left of it when a longer phrase has most.
    ({HEADER: 'kPhrases[] = {\n    ", but got %u",\n    ", but got ",\n};\n',
      "runtime/core/a.cpp": 'a("x, but got %u"_msg); b("y, but got %u"_msg); c(", but got %u!"_msg);'},
     [f"{HEADER}:3: the phrase ', but got ' costs"]),
    ({HEADER: 'kPhrases[] = {\n    "at most ",\n};\n',
      "runtime/core/a.cpp": 'Fail("at most %u"_msg, n);\nFail("at "\n "most %s"_msg, s);'}, []),
]
