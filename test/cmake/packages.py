#!/usr/bin/env python3
# Checks the Debian packages of a build folder: what they say, what is in them, and that it works
# from another root.
#
#   packages.py --build BUILD --work FOLDER
#
# Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

import argparse
import glob
import os
import re
import shutil
import sys

from project import Failure, expect, run

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TOOLS = ("gem-compile", "gem-bundle", "gem-run", "gem-eval", "gem-bench", "gem-inspect", "gem-opt")


def fields(package):
    """The control file: its fields, continuation lines joined."""
    text = run(["dpkg-deb", "-f", package])
    return dict(re.findall(r"^([\w-]+): (.*(?:\n .*)*)", text, re.M))


def files(package):
    """Path: permissions, of all files."""
    lines = run(["dpkg-deb", "-c", package]).splitlines()
    return {line.split()[5].lstrip("."): line.split()[0] for line in lines}


def check_control(package, name, section, depends, summary):
    control = fields(package)
    expect(control["Package"] == name, f"{package} is called {control['Package']}")
    expect(control["Section"] == section, f"{package} is of section {control['Section']}")
    for word in depends:
        expect(re.search(rf"\b{word}\b", control["Depends"]),
               f"{package} does not depend on {word}, but on {control['Depends']}")
    first, _, text = control["Description"].partition("\n")
    expect(first == summary and len(text) > 80,
           f"{package} is described as {control['Description']!r}")


def check(build, work):
    shutil.rmtree(work, ignore_errors=True)
    os.makedirs(work)
    run(["cpack", "-G", "DEB", "-B", work], cwd=build)
    packages = {os.path.basename(path).split("_")[0]: path
                for path in glob.glob(os.path.join(work, "*.deb"))}
    expect(set(packages) == {"gem-tools", "libgem-dev"}, f"there are {sorted(packages)}")

    # What shlibdeps finds for the tools; libmlir only where it is linked shared.
    check_control(packages["gem-tools"], "gem-tools", "devel", ["libc6", "zlib1g"],
                  "compiler of language models for small devices")
    check_control(packages["libgem-dev"], "libgem-dev", "libdevel", ["libc6-dev"],
                  "runtime of compiled language models")
    tools, runtime = files(packages["gem-tools"]), files(packages["libgem-dev"])
    for tool in TOOLS:
        expect(tools.get(f"/usr/bin/{tool}", "").startswith("-rwxr-xr-x"),
               f"/usr/bin/{tool} is not in gem-tools as a program")
    for path in ("/usr/share/cmake/gem/gem-config.cmake", "/usr/share/cmake/gem/GemBundle.cmake",
                 "/usr/share/doc/gem-tools/copyright"):
        expect(path in tools, f"{path} is not in gem-tools")
    for path in ("/usr/include/gem/gem.h", "/usr/lib/libgem_core.a", "/usr/lib/libgem_kernels.a",
                 "/usr/lib/cmake/gem_runtime/gem_runtime-config.cmake",
                 "/usr/share/doc/libgem-dev/copyright"):
        expect(path in runtime, f"{path} is not in libgem-dev")
    strays = [p for p in {**tools, **runtime} if not p.endswith("/") and not p.startswith("/usr/")]
    expect(not strays, f"files outside /usr: {strays}")
    both = [p for p in tools if p in runtime and not p.endswith("/")]
    expect(not both, f"both packages have {both}")

    root = os.path.join(work, "root")
    for package in packages.values():
        run(["dpkg", "-x", package, root])
    tool = lambda name: os.path.join(root, "usr", "bin", name)
    bundle = os.path.join(work, "tiny.gemb")
    run([tool("gem-compile"), os.path.join(ROOT, "examples", "gem-tiny"), "-o", bundle,
         "--sequence", "32", "--quiet"])
    output = run([tool("gem-run"), bundle, "--text", "solitaire card games"])
    expect("games" in output, f"gem-run of the package says:\n{output}")
    app = os.path.join(work, "c-app")
    run(["cmake", "-S", os.path.join(ROOT, "examples", "c-app"), "-B", app, "-G", "Ninja",
         f"-DCMAKE_PREFIX_PATH={root}/usr"])
    run(["cmake", "--build", app])
    output = run([os.path.join(app, "c-app"), bundle, "--text", "solitaire card games"])
    expect("games" in output, f"c-app against libgem-dev says:\n{output}")


def main():
    parser = argparse.ArgumentParser(description="Checks of the Debian packages.")
    parser.add_argument("--build", required=True)
    parser.add_argument("--work", required=True)
    arguments = parser.parse_args()
    try:
        check(os.path.abspath(arguments.build), os.path.abspath(arguments.work))
    except (Failure, OSError) as problem:
        print(f"FAILED: {problem}")
        return 1
    print("the packages are right")
    return 0


sys.exit(main())
