#!/usr/bin/env python3
# Tests the binding of one language: compiles it, runs its tests and its example.
#
# Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#   language.py LANGUAGE --root REPOSITORY --build BUILD --out FOLDER [--gem-compile FILE]
#               [--cxx C++]
#
# Prints SKIPPED and why where the language is absent. The example classifies a text with
# examples/gem-tiny; without a gem-compile it is not run.

import argparse
import glob
import os
import re
import shutil
import subprocess
import sys

TEXT, LABEL = "solitaire card games", "games"


def skip(why):
    print(f"SKIPPED: {why}")
    sys.exit(0)


def need(*programs):
    for name in programs:
        if not shutil.which(name):
            skip(f"{name} is not installed")


def run(*command, **keywords):
    result = subprocess.run(command, capture_output=True, text=True, **keywords)
    if result.returncode != 0:
        sys.exit(f"{' '.join(command)}: ended with {result.returncode}\n{result.stdout}{result.stderr}")
    return result.stdout


parser = argparse.ArgumentParser()
parser.add_argument("language", choices=["cpp", "java", "kotlin", "module", "python", "swift"])
parser.add_argument("--root", required=True)
parser.add_argument("--build", required=True)
parser.add_argument("--out", required=True)
parser.add_argument("--gem-compile", default="")
parser.add_argument("--cxx", default="c++")
options = parser.parse_args()
root, out = options.root, options.out
bindings, examples = f"{root}/runtime/bindings", f"{root}/examples/bindings"
include, libraries = f"{root}/runtime/include", f"{options.build}/lib"
golden = f"{root}/test/runtime/golden/v1.0.gemb"
signed = f"{root}/test/runtime/golden/v1.2.gemb"
with open(f"{root}/test/runtime/golden/Golden.h", encoding="utf-8") as header:
    public_key = re.search(r'kGoldenPublicKey\[\] =\s*"([0-9a-f]{64})"', header.read()).group(1)
shutil.rmtree(out, ignore_errors=True)
os.makedirs(out)
link = [f"-L{libraries}", "-lgem", f"-Wl,-rpath,{libraries}"]
warnings = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]


def tiny():
    """The path of gem-tiny's bundle, or None without a gem-compile."""
    if not os.path.exists(options.gem_compile):
        return None
    bundle = f"{out}/gem-tiny.gemb"
    run(options.gem_compile, "--quiet", f"{root}/examples/gem-tiny", "--sequence", "64", "-o", bundle)
    return bundle


def run_example(*command, **keywords):
    bundle = tiny()
    if bundle is None:
        print("the example was compiled, but not run: there is no gem-compile")
        return
    answer = run(*command, bundle, TEXT, **keywords).strip()
    if answer != LABEL:
        sys.exit(f"example: expected '{LABEL}', but got '{answer}'")
    print(f"example: {answer}")


def compile_java():
    need("javac", "java")
    if not os.path.exists(f"{libraries}/libgem_jni.so"):
        skip("libgem_jni was not built")
    run("javac", "-Xlint:all", "-Werror", "-d", f"{out}/classes", *glob.glob(f"{bindings}/kotlin/gem/*.java"))
    return f"-Djava.library.path={libraries}"


if options.language == "cpp":
    # Nothing but the header, without exceptions; as every standard from C++17 on.
    for standard in ("c++17", "c++20"):
        for extra in ([], ["-fno-exceptions", "-fno-rtti"]):
            run(options.cxx, f"-std={standard}", *warnings, *extra, f"-I{include}", "-fsyntax-only",
                "-x", "c++", "-include", "gem/text.hpp", os.devnull)
    run(options.cxx, "-std=c++17", *warnings, f"-I{include}", f"{examples}/cpp/classify.cpp", *link,
        "-o", f"{out}/classify")
    run_example(f"{out}/classify")
elif options.language == "python":
    environment = {**os.environ, "GEM_LIBRARY": f"{libraries}/libgem.so",
                   "PYTHONPATH": f"{bindings}/python", "PYTHONDONTWRITEBYTECODE": "1"}
    bundle = tiny()
    print(run(sys.executable, f"{root}/test/bindings/gem_test.py", golden, signed, public_key, bundle or "",
              env=environment, stderr=None))
    if shutil.which("mypy"):
        run("mypy", "--strict", "--python-version", "3.9", "--cache-dir", f"{out}/mypy",
            f"{bindings}/python/gem.py")
    else:
        print("the types were not checked: mypy is not installed")
    run_example(sys.executable, f"{examples}/python/classify.py", env=environment)
elif options.language == "java":
    path = compile_java()
    run("javac", "-Xlint:all", "-Werror", "-cp", f"{out}/classes", "-d", f"{out}/tests",
        f"{root}/test/bindings/JavaTest.java")
    # -Xcheck:jni reports misuse of JNI on standard output.
    printed = run("java", "-Xcheck:jni", "-Xlog:disable", "-cp", f"{out}/classes:{out}/tests", path, "JavaTest",
                  golden, signed, public_key)
    if "WARNING" in printed or "FATAL" in printed:
        sys.exit(printed)
    print(printed)
    run_example("java", "-cp", f"{out}/classes", path, f"{examples}/java/Classify.java")
elif options.language == "kotlin":
    need("kotlinc")
    path = compile_java()
    home = os.path.dirname(os.path.dirname(os.path.realpath(shutil.which("kotlinc"))))
    # Before Kotlin 1.8 `use` of AutoCloseable was in a library of its own.
    extra = [f for f in (f"{home}/lib/kotlin-stdlib.jar", f"{home}/lib/kotlin-stdlib-jdk7.jar")
             if os.path.exists(f)]
    run("kotlinc", "-no-reflect", "-jvm-target", "1.8", "-cp", ":".join([f"{out}/classes", *extra]),
        f"{bindings}/kotlin/Gem.kt", f"{examples}/kotlin/Classify.kt", "-d", f"{out}/kotlin")
    run_example("java", "-cp", ":".join([f"{out}/classes", f"{out}/kotlin", *extra]), path, "ClassifyKt")
elif options.language == "module":
    clang = shutil.which("clang-19") or shutil.which("clang")
    if not clang:
        skip("clang is not installed")
    run(clang, "-fmodules", f"-fmodules-cache-path={out}/modules", *warnings,
        f"-I{bindings}/swift/CGem", f"-I{include}", f"{root}/test/bindings/ModuleMap.c", *link,
        "-o", f"{out}/module-map")
    run(f"{out}/module-map", golden)
elif options.language == "swift":
    need("swiftc")
    run("swiftc", "-I", f"{bindings}/swift/CGem", "-I", include, "-L", libraries, "-Xlinker", "-rpath",
        "-Xlinker", libraries, f"{bindings}/swift/Gem.swift", f"{examples}/swift/main.swift",
        "-o", f"{out}/classify")
    run_example(f"{out}/classify")
