#!/usr/bin/env python3
# Writes fixture.txt: texts and the ids that BERT's tokenizer gives them.
#
# Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""An implementation of BERT's WordPiece tokenizer that shares nothing with the
runtime's: Python strings, Python's own Unicode tables and whole-text passes.

    make_fixture.py VOCAB OUT         writes the fixture
    make_fixture.py VOCAB OUT --check fails when OUT would change

A line of the fixture is "OPTIONS TEXT IDS WORDS": letters for the options that
are on (l lower-case, a strip accents, c separate CJK, k clean; - for none), the
text's bytes as hex (- for none), the ids of its pieces without [CLS] and [SEP],
with commas (- for none), and the words it is split into as hex, with commas (*
for a word of too many characters, - for no words). Texts hold only characters
that Unicode 14 assigns or that no version will, so that a library with newer
tables agrees.
"""

import random
import sys
import unicodedata

CJK = [
    (0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F), (0x2B920, 0x2CEAF), (0xF900, 0xFAFF), (0x2F800, 0x2FA1F),
]
WHITE_SPACE = set(
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
MAX_CHARACTERS = 100


def is_punctuation(c):
    return (ord(c) < 128 and c in "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~") or unicodedata.category(
        c
    ).startswith("P")


def lower(text):
    # One character at a time: str.lower() of a whole text knows the final sigma,
    # which BERT's lower-casing does not.
    return "".join(c.lower() for c in text)


def normalize(text, options):
    if "k" in options:
        kept = []
        for c in text:
            if c not in "\t\n\r" and (
                c in "\0\ufffd" or unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co")
            ):
                continue
            kept.append(" " if c in WHITE_SPACE else c)
        text = "".join(kept)
    if "c" in options:
        text = "".join(
            f" {c} " if any(a <= ord(c) <= b for a, b in CJK) else c for c in text
        )
    if "a" in options:
        text = unicodedata.normalize("NFD", text)
        text = "".join(c for c in text if unicodedata.category(c) != "Mn")
    if "l" in options:
        text = lower(text)
    return text


def split(text):
    words = [""]
    for c in text:
        if c in WHITE_SPACE:
            words.append("")
        elif is_punctuation(c):
            words += [c, ""]
        else:
            words[-1] += c
    return [w for w in words if w]


def word_piece(word, vocabulary):
    unknown = [vocabulary["[UNK]"]]
    if len(word) > MAX_CHARACTERS:
        return unknown
    ids, start = [], 0
    while start < len(word):
        for end in range(len(word), start, -1):
            piece = ("##" if start else "") + word[start:end]
            if piece in vocabulary:
                ids.append(vocabulary[piece])
                start = end
                break
        else:
            return unknown
    return ids


def words_of(data, options):
    return split(normalize(data.decode("utf-8", "replace"), options))


def make_texts(vocabulary):
    """(options, bytes), from a fixed seed."""
    rng = random.Random(20240607)
    usual = "lack"
    assigned = [
        chr(c)
        for c in range(0x110000)
        if unicodedata.category(chr(c)) not in ("Cn", "Cs", "Co")
    ]
    by_kind = {
        "latin": [c for c in assigned if 0xC0 <= ord(c) < 0x250 or 0x1E00 <= ord(c) < 0x1F00],
        "greek and cyrillic": [c for c in assigned if 0x370 <= ord(c) < 0x530 or 0x1F00 <= ord(c) < 0x2000],
        "hangul": [c for c in assigned if 0xAC00 <= ord(c) < 0xD7A4 or 0x1100 <= ord(c) < 0x1200],
        "cjk": [c for c in assigned if any(a <= ord(c) <= b for a, b in CJK)] +
               [chr(c) for c in range(0x2B820, 0x2B920)],
        "kana": [c for c in assigned if 0x3000 <= ord(c) < 0x3100],
        "emoji": [c for c in assigned if 0x1F300 <= ord(c) < 0x1FA00] + ["\u200d", "\ufe0f"],
        "right to left": [c for c in assigned if 0x590 <= ord(c) < 0x780],
        "indic": [c for c in assigned if 0x900 <= ord(c) < 0xE00],
        "marks": [c for c in assigned if unicodedata.category(c).startswith("M")],
        "reordered": [c for c in assigned if unicodedata.combining(c)
                      and unicodedata.category(c) != "Mn"],
        "decomposing": [c for c in assigned if unicodedata.normalize("NFD", c) != c],
        "casing": [c for c in assigned if c.lower() != c],
        "punctuation": [c for c in assigned if unicodedata.category(c).startswith("P")],
        "symbols": [c for c in assigned if unicodedata.category(c).startswith("S")],
        "space and control": sorted(WHITE_SPACE) +
               [c for c in assigned if unicodedata.category(c) in ("Cc", "Cf")],
        "anything": assigned,
    }
    ascii_printable = [chr(c) for c in range(32, 127)]
    words = [p for p in vocabulary if not p.startswith(("##", "["))]
    tails = [p[2:] for p in vocabulary if p.startswith("##")]

    def sentence():
        out = []
        for _ in range(rng.randrange(1, 12)):
            word = rng.choice(words) + "".join(rng.choices(tails, k=rng.randrange(3)))
            out.append(rng.choice([word, word.upper(), word.capitalize()]))
        return rng.choice([" ", "  ", "-", ", "]).join(out)

    texts = []
    for text in [
        "", " ", "\n\t ", "a", "A", "[CLS] [SEP] [UNK] [PAD] [MASK]", "##ing ## #", "don't stop!?",
        "H\u0130STANBUL \u0130i\u0307 I\u0307 \u0131", "\u03a3\u0391\u03a3 \u03c3\u03b1\u03c2",
        "Stra\u00dfe STRASSE \u1e9e", "na\u00efve cafe\u0301 \u00c5ngstr\u00f6m \u212bngstrom \u2126",
        "a\x0bb\x0cc\x85d\x1ce", "a\u200bb\u00adc\ufeffd\u2060e", "a\x00b", "x\ufffdy",
        "a\ue000b\U000f1234c", "a\ufdd0b \U0010ffff",
        "\u037e \u1fef \u2329a\u232a \u0387", "\ufb01 \u2460 \u00bd \u017f",
        "\u4f60\u597dabc\u4e16\u754c", "\uf900\u302a\u2f800x", "a\u302eb\u302fc", "\u302e\u302f.\u302e",
        "a\u302e\u1d16d\u0301\u16ff0b", "\U0001d15e\U0001d165\U0001d16e\U0001d16d",
        "e" * 99, "e" * 100, "e" * 101, "E\u0301" * 100, "\u00e9" * 101, "e" * 400 + " end",
        "\u0130" * 100, "\U0001f600" * 3 + "a", "\uac00\uac01\ud7a3 \u1100\u1161",
        "a." * 40, "\u3000\u00a0\u2003x\u2028y\u2029z", "C++/C#: 100% ~free~ `code` $5 <b>^_^</b>",
    ]:
        for options in ["lack", "-", "lk", "ck", "a", "la", "k", "l"]:
            texts.append((options, text.encode()))
    for kind, characters in by_kind.items():
        for i in range(45):
            length = rng.choice([1, 2, 5, 20, 60, 130])
            share = rng.choice([0.2, 0.7, 1.0])
            pool = [
                rng.choice(characters) if rng.random() < share else rng.choice(ascii_printable)
                for _ in range(length)
            ]
            options = usual if i % 3 else "".join(o for o in usual if rng.random() < 0.5) or "-"
            texts.append((options, "".join(pool).encode()))
    for i in range(120):
        texts.append((usual, sentence().encode()))
    # Ill-formed UTF-8: bytes at random, and good text with bytes cut out or put in.
    for bad in [
        b"\xff", b"a\x80b", b"\xc0\x80", b"\xe0\x80\x80", b"\xed\xa0\x80", b"\xed\xb0\x80x", b"\xf0\x80\x80\x80",
        b"\xf4\x90\x80\x80", b"\xf8\x88\x80\x80\x80", b"\xe2\x82", b"\xf0\x9f\x98", b"x\xe2\x82y", b"\xf0\x9fx",
        b"\xf1\x80\x80", b"\xc3", b"\xc3(", b"\xe1\x80\xe2\xf0\x91\x92\xf1\xbf\x41",
    ]:
        for options in [usual, "-", "l"]:
            texts.append((options, bad))
    for i in range(150):
        data = bytearray(
            sentence().encode() if i % 3 else rng.randbytes(rng.randrange(1, 60))
        )
        for _ in range(rng.randrange(1, 4)):
            at = rng.randrange(len(data) + 1)
            data[at:at] = rng.choice(["\u00e9", "\u20ac", "\U0001f600"]).encode()[: rng.randrange(1, 4)]
        # What ill-formed bytes decode to by chance must be assigned as well.
        text = bytes(data).decode("utf-8", "replace")
        if any(unicodedata.category(c) == "Cn" for c in text):
            continue
        texts.append((usual if i % 2 else "l", bytes(data)))
    return texts


def main():
    arguments = [a for a in sys.argv[1:] if a != "--check"]
    if len(arguments) != 2:
        sys.exit(__doc__)
    if unicodedata.unidata_version != "14.0.0":
        sys.exit(
            f"make_fixture.py: needs a Python with Unicode 14.0.0 (3.11), but this one has "
            f"{unicodedata.unidata_version}"
        )
    with open(arguments[0], encoding="utf-8") as file:
        vocabulary = {piece: i for i, piece in enumerate(file.read().split("\n")[:-1])}
    lines = [
        "# Made by make_fixture.py from examples/gem-tiny/vocab.txt. OPTIONS TEXT IDS WORDS."
    ]
    for options, data in make_texts(vocabulary):
        words = words_of(data, options)
        ids = [str(i) for word in words for i in word_piece(word, vocabulary)]
        shown = [w.encode().hex() if len(w) <= MAX_CHARACTERS else "*" for w in words]
        lines.append(
            f"{options} {data.hex() or '-'} {','.join(ids) or '-'} {','.join(shown) or '-'}"
        )
    out = "\n".join(lines) + "\n"
    if "--check" in sys.argv:
        with open(arguments[1]) as file:
            if file.read() != out:
                sys.exit(f"make_fixture.py: {arguments[1]} is out of date; write it again")
    else:
        with open(arguments[1], "w") as file:
            file.write(out)


if __name__ == "__main__":
    main()
