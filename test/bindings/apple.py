#!/usr/bin/env python3
# The options that the libraries are linked with for Apple's systems: the linker knows them, and
# what they export of an object. There is no Apple machine here: the options are those of a build
# folder that is configured as if, and LLVM's linker of Apple's format takes them.
#
# Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#   apple.py ROOT FOLDER CC CXX
#
# Prints SKIPPED and why where the tools are absent.

import os
import shlex
import shutil
import subprocess
import sys

FUNCTIONS = {"libgem.": "gem_of_the_api", "libgem_jni": "Java_gem_Native_method"}

root, folder, cc, cxx = sys.argv[1:]
tools = [shutil.which(f"{name}-19") or shutil.which(name) for name in ("clang", "ld64.lld", "llvm-nm")]
if not all(tools) or not shutil.which("ninja"):
    print("SKIPPED: needs clang, ld64.lld, llvm-nm and ninja")
    sys.exit(0)
clang, linker, nm = tools


def run(*command):
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode != 0:
        sys.exit(f"{' '.join(command)}: ended with {result.returncode}\n{result.stdout}{result.stderr}")
    return result.stdout


shutil.rmtree(folder, ignore_errors=True)
os.makedirs(folder)
run("cmake", "-S", root, "-B", f"{folder}/build", "-G", "Ninja", "-DAPPLE=ON", "-DGEM_RUNTIME_ONLY=ON",
    "-DGEM_BUILD_TESTS=OFF", f"-DCMAKE_C_COMPILER={cc}", f"-DCMAKE_CXX_COMPILER={cxx}")
with open(f"{folder}/object.c", "w", encoding="utf-8") as file:
    file.write("".join(f"int {name}(void) {{ return 0; }}\n" for name in (*FUNCTIONS.values(), "hidden")))
run(clang, "-target", "arm64-apple-macos12", "-c", f"{folder}/object.c", "-o", f"{folder}/object.o")

library, found = None, 0
with open(f"{folder}/build/build.ninja", encoding="utf-8") as file:
    for line in file:
        if line.startswith("build "):
            library = next((name for name in FUNCTIONS if line.startswith(f"build lib/{name}")), None)
        if library is None or not line.startswith("  LINK_FLAGS = "):
            continue
        options = []
        given = iter(shlex.split(line.split("=", 1)[1]))
        for option in given:  # as g++ and as clang are told them
            if option == "-Xlinker":
                options.append(next(given))
            elif option.startswith("-Wl,"):
                options += option.split(",")[1:]
            else:
                sys.exit(f"{library}: expected options of the linker, but got {option}")
        run(linker, "-dylib", "-arch", "arm64", "-platform_version", "macos", "12.0", "12.0", *options,
            f"{folder}/object.o", "-o", f"{folder}/out.dylib")
        exported = [symbol.split()[-1] for symbol in run(nm, "-gU", f"{folder}/out.dylib").splitlines()]
        if exported != [f"_{FUNCTIONS[library]}"]:
            sys.exit(f"{library}: expected {FUNCTIONS[library]} to be exported, but got {exported}")
        print(library, *options)
        found += 1
sys.exit(None if found else f"{folder}/build/build.ninja links none of {', '.join(FUNCTIONS)}")
