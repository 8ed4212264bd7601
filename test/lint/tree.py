# The files a lint looks at: a checkout, or a few made up by a self-test.
#
# Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

import fnmatch
import os
import subprocess


class Tree:
    """Texts by path; paths are relative to the repository and use '/'."""

    def __init__(self, root):
        self.root = root
        self._texts = {}
        self.paths = sorted(self._list())
        self._all = set(self.paths)

    def _list(self):
        try:
            # What is tracked, and what is new and not ignored.
            output = subprocess.run(
                ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others",
                 "--exclude-standard"],
                cwd=self.root, check=True, capture_output=True,
            ).stdout
            names = [name for name in output.decode().split("\0") if name]
        except (OSError, subprocess.CalledProcessError):
            names = []
            for folder, folders, files in os.walk(self.root):
                folders[:] = [f for f in folders if not f.startswith((".git", "build", "__py"))]
                names += [
                    os.path.relpath(os.path.join(folder, f), self.root).replace(os.sep, "/")
                    for f in files
                ]
        return [name for name in names if os.path.isfile(os.path.join(self.root, name))]

    def read(self, path):
        """The text of a file; bytes that are no UTF-8 become U+FFFD."""
        if path not in self._texts:
            with open(os.path.join(self.root, path), encoding="utf-8", errors="replace") as file:
                self._texts[path] = file.read()
        return self._texts[path]

    def matching(self, *patterns):
        return [p for p in self.paths if any(fnmatch.fnmatch(p, q) for q in patterns)]

    def exists(self, path):
        """Whether a file, or a folder with a file in it, has this path."""
        path = path.rstrip("/")
        return path in self._all or any(p.startswith(path + "/") for p in self.paths)


class SampleTree(Tree):
    """A tree made of texts, for self-tests."""

    def __init__(self, texts):
        self.root = None
        self._texts = dict(texts)
        self.paths = sorted(texts)
        self._all = set(self.paths)


def is_generated(path):
    return "/generated/" in path or "/frozen/" in path


def lines(text):
    """(number, line) pairs, numbered from 1."""
    return enumerate(text.splitlines(), 1)
