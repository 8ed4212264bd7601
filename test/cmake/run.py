#!/usr/bin/env python3
# Builds projects with the installed package gem: what is made again when what changes, what an
# interrupted or refused build leaves, what wrong arguments say, and the example.
#
#   run.py --prefix PREFIX --work FOLDER [--target-prefix PREFIX --toolchain FILE]
#          [--only NAME]... [--junit FILE]
#
# PREFIX holds the components tools and runtime; it is copied, as a test touches gem-compile.
#
# Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

import argparse
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as xml

from project import Failure, Project, expect, run

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MODEL = os.path.join(ROOT, "examples", "gem-tiny")
EXAMPLE = os.path.join(ROOT, "examples", "cmake-app")
TEXT = "Plays internet radio stations and records them to disk."

# Three bundles: of a folder with calibration and a recipe, of the same folder for a device of
# one's own, and one whose path has characters that build tools give a meaning, and whose texts the build makes.
MATRIX = """
cmake_minimum_required(VERSION 3.20)
project(matrix LANGUAGES C ASM)
find_package(gem CONFIG REQUIRED COMPONENTS runtime)
gem_add_bundle(NAME calibrated MODEL model DEVICES pixel-6 SEQUENCE 32
  RECIPE formats.recipe CALIBRATE texts.jsonl)
gem_add_bundle(NAME plain MODEL model DEVICES raspberry-pi-4 board.textproto SEQUENCE 32
  QUANTIZE ${QUANTIZE})
add_custom_command(OUTPUT made.jsonl DEPENDS texts.jsonl
  COMMAND ${CMAKE_COMMAND} -E copy ${CMAKE_CURRENT_SOURCE_DIR}/texts.jsonl made.jsonl)
gem_add_bundle(NAME odd MODEL "a model #1 of $x/model.safetensors" DEVICES pixel-6 SEQUENCE 16
  QUANTIZE int8 CALIBRATE ${CMAKE_CURRENT_BINARY_DIR}/made.jsonl)
gem_bundle_manifest(NAME manifest BUNDLES calibrated plain OUTPUT manifest.json)
add_executable(app app.c)
target_link_libraries(app PRIVATE gem::runtime)
gem_embed_bundle(TARGET app BUNDLE plain DEVICE board SYMBOL board_bundle)
"""
APP = """
#include <board_bundle.h>
#include <gem/gem.h>
#include <stdint.h>
#include <stdio.h>
int main(void) {
  gem_error_t error;
  gem_bundle_t* bundle;
  if ((uintptr_t)board_bundle % 4096 != 0) return 3;
  if (gem_bundle_open_memory(board_bundle, board_bundle_size, NULL, &bundle, &error)) {
    printf("%s\\n", error.message);
    return 1;
  }
  printf("%zu %s\\n", board_bundle_size, gem_bundle_variant_device(bundle, 0));
  gem_bundle_close(bundle);
  return 0;
}
"""


# Runs token ids on the bundle inside, or on that of a file.
RUNS = """
#include <both.h>
#include <gem/gem.h>
#include <stdio.h>
int main(int argc, char** argv) {
  const int32_t ids[] = {2, 100, 200, 300, 3};
  gem_error_t error;
  gem_bundle_t* bundle;
  gem_session_t* session;
  gem_tensor_t logits;
  if ((argc > 1 ? gem_bundle_open(argv[1], NULL, &bundle, &error)
                : gem_bundle_open_memory(both, both_size, NULL, &bundle, &error)) ||
      gem_session_create(bundle, NULL, &session, &error) ||
      gem_session_run_tokens(session, ids, 5, &error) ||
      gem_session_output_by_role(session, GEM_ROLE_LOGITS, &logits, &error)) {
    printf("%s\\n", error.message);
    return 1;
  }
  unsigned variants = 0;
  while (gem_bundle_variant_device(bundle, variants)) ++variants;
  printf("%u variants:", variants);
  for (unsigned i = 0; i < logits.dims[0]; ++i) printf(" %a", ((const float*)logits.data)[i]);
  printf("\\n");
  return 0;
}
"""


class Skipped(Exception):
    """A test that cannot run here; its text says why."""


def hash_of(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


class Tests:
    def __init__(self, arguments):
        self.work = os.path.abspath(arguments.work)
        self.toolchain = arguments.toolchain and os.path.abspath(arguments.toolchain)
        self.target_prefix = arguments.target_prefix and os.path.abspath(arguments.target_prefix)
        shutil.rmtree(self.work, ignore_errors=True)
        os.makedirs(self.work)
        # Another place than it was installed to: nothing may depend on that.
        self.prefix = os.path.join(self.work, "prefix of another name")
        shutil.copytree(arguments.prefix, self.prefix, symlinks=True)
        self.compile = os.path.join(self.prefix, "bin", "gem-compile")

    def tests(self):
        for generator in ("Ninja", "Unix Makefiles"):
            short = generator.split()[-1].lower()
            for name in ("rebuilds", "interrupts", "gates", "merged", "signed", "selective", "example"):
                yield f"{name} ({short})", lambda n=name, g=generator: getattr(self, n)(g)
        yield "arguments", self.arguments
        yield "package", self.package
        yield "cross", self.cross

    def folder(self, name, generator="Ninja"):
        path = os.path.join(self.work, name, generator.split()[-1].lower())
        os.makedirs(path)
        return path

    def matrix(self, generator):
        project = Project(self.folder("matrix", generator), generator, self.prefix, MATRIX,
                          ["-DQUANTIZE=int8"])
        for name in ("model", "a model #1 of $x"):
            shutil.copytree(MODEL, project.path(name))
        shutil.copy(os.path.join(EXAMPLE, "texts.jsonl"), project.path("texts.jsonl"))
        shutil.copy(os.path.join(ROOT, "targets", "devices", "pixel-6.textproto"),
                    project.path("board.textproto"))
        with open(project.path("board.textproto"), encoding="utf-8") as file:
            profile = file.read()
        project.write("board.textproto", profile.replace('name: "pixel-6"', 'name: "a-board"', 1))
        run([self.compile, MODEL, "--dry-run", "--sequence", "32", "--quantize", "int8", "--quiet"])
        run([self.compile, MODEL, "-o", project.path("x.gemb"), "--sequence", "32", "--quantize",
             "int8", "--quiet", "--save-recipe", project.path("formats.recipe")])
        os.remove(project.path("x.gemb"))
        project.write("app.c", APP)
        return project

    # --- what is made again --------------------------------------------------------------

    def rebuilds(self, generator):
        calibrated = "calibrated-pixel-6.gemb"
        plain = "plain-raspberry-pi-4.gemb"
        board = "plain-board.gemb"
        odd = "odd-pixel-6.gemb"
        manifest, app = "manifest.json", "app"
        project = self.matrix(generator)
        project.configure()
        project.expect_rebuilt("the first build", calibrated, plain, board, odd, manifest, app)
        if generator == "Ninja":
            expect("no work to do" in project.build(), "Ninja has work though nothing changed")

        for name, outputs in {
            "model/model.safetensors": (calibrated, plain, board, manifest, app),
            "model/vocab.txt": (calibrated, plain, board, manifest, app),
            "model/config.json": (calibrated, plain, board, manifest, app),
            "texts.jsonl": (calibrated, odd, manifest),
            "formats.recipe": (calibrated, manifest),
            "board.textproto": (board, manifest, app),
            "a model #1 of $x/model.safetensors": (odd,),
            "a model #1 of $x/labels.json": (odd,),
            "model/texts.txt": (),  # no part of the model
            self.compile: (calibrated, plain, board, odd, manifest, app),
        }.items():
            project.touch(name)
            project.expect_rebuilt(f"{name} changed", *outputs)

        # A file that the importer would look for.
        shutil.copy(project.path("model/vocab.txt"), project.path("model/notes.txt"))
        project.expect_rebuilt("a file was added to the model", calibrated, plain, board,
                               manifest, app)
        os.remove(project.path("model/notes.txt"))
        project.expect_rebuilt("a file was removed from the model", calibrated, plain, board,
                               manifest, app)

        before = run([project.output("app")])
        project.configure("-DQUANTIZE=int4")
        project.expect_rebuilt("an option changed", plain, board, manifest, app)
        after = run([project.output("app")])
        size = os.path.getsize(project.output(f"gem/plain/{board}"))
        expect(after == f"{size} a-board\n" and before != after,
               f"the program holds another bundle: before {before!r}, after {after!r}")
        os.remove(project.output(f"gem/plain/{plain}"))
        project.expect_rebuilt("a bundle was deleted", plain, manifest)
        project.configure("-DQUANTIZE=int4")
        project.expect_rebuilt("configured again")
        self.check_manifest(project)

    def check_manifest(self, project):
        with open(project.output("manifest.json"), encoding="utf-8") as file:
            manifest = json.load(file)
        expect(manifest["schema_version"] == 1 and manifest["kind"] == "bundle_manifest",
               f"the manifest says {manifest['kind']} {manifest['schema_version']}")
        found = [(b["name"], b["device"], b["file"]) for b in manifest["bundles"]]
        expect(found == [("calibrated", "pixel-6", "calibrated-pixel-6.gemb"),
                         ("plain", "raspberry-pi-4", "plain-raspberry-pi-4.gemb"),
                         ("plain", "a-board", "plain-board.gemb")], f"the manifest has {found}")
        for bundle in manifest["bundles"]:
            path = project.output(os.path.join("gem", bundle["name"], bundle["file"]))
            with open(path[: -len("gemb")] + "json", encoding="utf-8") as file:
                report = json.load(file)
            for what, here, there in (
                ("sha256", bundle["sha256"], hash_of(path)),
                ("bytes", bundle["bytes"], os.path.getsize(path)),
                ("latency", bundle["modelled_latency"]["seconds"], report["latency"]["seconds"]),
                ("arena", bundle["arena_bytes"], report["memory"]["arena_bytes"]),
                ("figures", bundle["figures"], None),
            ):
                expect(here == there, f"the manifest's {what} of {path} is {here}, not {there}")

    # --- interrupted builds --------------------------------------------------------------

    def interrupts(self, generator):
        """Interrupts a build in the middle of gem-compile; no half file is left."""
        text = """
cmake_minimum_required(VERSION 3.20)
project(interrupts NONE)
find_package(gem CONFIG REQUIRED)
gem_add_bundle(NAME bundle MODEL model DEVICES pixel-6 raspberry-pi-4 SEQUENCE 32
  QUANTIZE hybrid MAX_SIZE 1.2MB CALIBRATE texts.jsonl)
"""
        project = Project(self.folder("interrupts", generator), generator, self.prefix, text)
        shutil.copytree(MODEL, project.path("model"))
        # Enough texts that the work is not over before the signal comes.
        with open(os.path.join(EXAMPLE, "texts.jsonl"), encoding="utf-8") as file:
            texts = [json.loads(line) for line in file]
        with open(project.path("texts.jsonl"), "w", encoding="utf-8") as file:
            for number in range(30):
                for text in texts:
                    file.write(json.dumps({**text, "text": f"{text['text']} {number}"}) + "\n")
        project.configure()
        bundles = [project.output(f"gem/bundle/bundle-{device}.gemb")
                   for device in ("pixel-6", "raspberry-pi-4")]
        wanted = None
        for number in (signal.SIGINT, signal.SIGTERM):
            # gem-compile opens its output before the work: its file tells that it works.
            project.interrupt(number, lambda: project.leftovers())
            name = signal.Signals(number).name
            expect(not project.leftovers(), f"{name} left {project.leftovers()}")
            for bundle in bundles:
                if os.path.exists(bundle):
                    run([os.path.join(self.prefix, "bin", "gem-run"), bundle, "--text", TEXT])
            project.build()
            hashes = [hash_of(bundle) for bundle in bundles]
            expect(wanted in (None, hashes), f"after {name} the next build made other bundles")
            wanted = hashes
            expect(not project.rebuilt(), f"after {name} the builds do not come to rest")
            project.touch("texts.jsonl")

    # --- gates ---------------------------------------------------------------------------

    def gates(self, generator):
        text = """
cmake_minimum_required(VERSION 3.20)
project(gates NONE)
find_package(gem CONFIG REQUIRED)
gem_add_bundle(NAME gated MODEL model DEVICES pixel-6 SEQUENCE 32 QUANTIZE int4
  EVALUATE held-out.jsonl MIN_TEXTS 1 FAIL_IF "kl > ${LIMIT}" ${GATE} [[ODD]])
gem_bundle_manifest(NAME manifest BUNDLES gated OUTPUT manifest.json)
"""
        # Domains whose names CMake and JSON would read as something else.
        odd = r'''kl."soft\"w;a\\re" > 1e3'''
        project = Project(self.folder("gates", generator), generator, self.prefix,
                          text.replace("ODD", odd))
        shutil.copytree(MODEL, project.path("model"))
        with open(os.path.join(EXAMPLE, "held-out.jsonl"), encoding="utf-8") as file:
            texts = file.read().replace('"software"', json.dumps('soft"w;a\\re'))
        texts += json.dumps({"text": "Plays records", "domain": "\x01\t\n\x1f"}) + "\n"
        project.write("held-out.jsonl", texts)
        bundle = project.output("gem/gated/gated-pixel-6.gemb")
        report = project.output("gem/gated/gated-pixel-6.json")
        project.configure("-DLIMIT=0", "-DGATE=bytes > 1e9")
        output = project.build(fails=True)
        expect("error: --fail-if 'kl > 0' holds: kl = 0." in output,
               f"the gate's message is missing:\n{output}")
        expect("no bundle was written; 'gem/gated/gated-pixel-6.json' is the report" in output,
               f"the report is not named:\n{output}")
        expect(not os.path.exists(bundle), "there is a bundle though its gate failed")
        expect(not os.path.exists(project.output("manifest.json")), "there is a manifest")
        with open(report, encoding="utf-8") as file:
            gates = json.load(file)["gates"]
        expect([g["failed"] for g in gates] == [True, False, False], f"the report says {gates}")
        project.build(fails=True)  # It is no less wrong the second time.

        project.configure("-DLIMIT=1e3")
        project.expect_rebuilt("the gate lets it pass", "gated-pixel-6.gemb", "manifest.json")
        with open(project.output("manifest.json"), encoding="utf-8") as file:
            entry = json.load(file)["bundles"][0]
        with open(report, encoding="utf-8") as file:
            figures = json.load(file)["brittleness"]["models"][0]["figures"]
        expect(entry["figures"] == figures and sum(";" in name for name in figures) > 0,
               f"the manifest's figures are {entry['figures']}, the report's {figures}")
        expect(entry["gates_passed"] == ["kl > 1e3", "bytes > 1e9", odd],
               f"the manifest's gates are {entry['gates_passed']}")

        # Changed texts, for which the gate holds: the bundle of before stays, and is not taken
        # for the new one.
        kept = hash_of(bundle)
        project.configure("-DLIMIT=1e3", "-DGATE=kl.games > 0.015")
        project.expect_rebuilt("another gate", "gated-pixel-6.gemb", "manifest.json")
        project.write("held-out.jsonl", texts.replace('"games"', '"x"')
                      .replace('"network"', '"games"').replace('"x"', '"network"'))
        project.touch("held-out.jsonl")
        for _ in range(2):
            output = project.build(fails=True)
            expect("--fail-if 'kl.games > 0.015' holds" in output, f"the gate is silent:\n{output}")
            expect(hash_of(bundle) == kept, "a failing gate changed the bundle that was there")

    # --- merged and signed ---------------------------------------------------------------

    def need_commands(self, *commands):
        tool = os.path.join(self.prefix, "bin", "gem-bundle")
        for command in commands:
            if subprocess.run([tool, command, "--help"], capture_output=True).returncode != 0:
                raise Skipped(f"gem-bundle was built without '{command}'")

    def merged(self, generator):
        self.need_commands("merge")
        project, made = self.merge_project("merged", generator, "")
        run([os.path.join(self.prefix, "bin", "gem-bundle"), "verify",
             project.output("gem/both/both.gemb")])
        expect(run([project.output("app")]).startswith("2 variants:"), "both devices are not in it")
        project.touch("model/model.safetensors")
        project.expect_rebuilt("the weights changed", *made)

    def signed(self, generator):
        self.need_commands("merge", "keygen", "sign")
        project, made = self.merge_project("signed", generator, "SIGN_KEY key.sec")
        for bundle in ("gem/both/both.gemb", "gem/single/single-pixel-6.gemb"):
            run([os.path.join(self.prefix, "bin", "gem-bundle"), "verify", project.output(bundle),
                 "--key", project.path("key.pub")])
        # A changed key signs again, and compiles nothing.
        compiled = project.output("CMakeFiles/gem/both/both-pixel-6.gemb")
        before = os.stat(compiled).st_mtime_ns
        project.touch("key.sec")
        project.expect_rebuilt("the key changed", *made)
        expect(os.stat(compiled).st_mtime_ns == before, "the key changed, and it compiled again")
        project.touch("model/model.safetensors")
        project.expect_rebuilt("the weights changed", *made)

    def merge_project(self, name, generator, sign):
        """Two devices in one bundle, and one device in another; built."""
        text = """
cmake_minimum_required(VERSION 3.24)
project(merged LANGUAGES C ASM)
find_package(gem CONFIG REQUIRED COMPONENTS runtime)
gem_add_bundle(NAME both MODEL model DEVICES pixel-6 raspberry-pi-4 SEQUENCE 32 QUANTIZE int8
  MERGE SIGN)
gem_add_bundle(NAME single MODEL model DEVICES pixel-6 SEQUENCE 32 QUANTIZE int4 SIGN)
gem_bundle_manifest(NAME manifest BUNDLES both single OUTPUT manifest.json)
add_executable(app app.c)
target_link_libraries(app PRIVATE gem::runtime)
gem_embed_bundle(TARGET app BUNDLE both)
""".replace("SIGN", sign)
        project = Project(self.folder(name, generator), generator, self.prefix, text)
        shutil.copytree(MODEL, project.path("model"))
        project.write("app.c", RUNS)
        if sign:
            run([os.path.join(self.prefix, "bin", "gem-bundle"), "keygen", "-o",
                 project.path("key")])
        project.configure()
        made = ("both.gemb", "single-pixel-6.gemb", "app", "manifest.json")
        project.expect_rebuilt("the first build", *made)
        both = project.output("gem/both/both.gemb")
        single = project.output("gem/single/single-pixel-6.gemb")
        with open(project.output("manifest.json"), encoding="utf-8") as file:
            found = [(b["device"], b["file"], b["sha256"]) for b in json.load(file)["bundles"]]
        expect(found == [("pixel-6", "both.gemb", hash_of(both)),
                         ("raspberry-pi-4", "both.gemb", hash_of(both)),
                         ("pixel-6", "single-pixel-6.gemb", hash_of(single))],
               f"the manifest has {found}")
        return project, made

    # --- a runtime of a bundle's kernels -------------------------------------------------

    def selective(self, generator):
        self.need_commands("kernels")
        text = """
cmake_minimum_required(VERSION 3.24)
project(selective LANGUAGES C CXX ASM)
find_package(gem CONFIG REQUIRED COMPONENTS runtime)
gem_add_bundle(NAME both MODEL model DEVICES pixel-6 SEQUENCE 32 QUANTIZE int8)
gem_add_bundle(NAME other MODEL model DEVICES pixel-6 SEQUENCE 32 QUANTIZE int4)
gem_add_runtime(NAME small BUNDLES both)
gem_add_runtime(NAME scalar BUNDLES both other CPUS scalar)
foreach(name app full plain)
  add_executable(${name} app.c)
  gem_embed_bundle(TARGET ${name} BUNDLE both)
endforeach()
target_link_libraries(app PRIVATE small)
target_link_libraries(plain PRIVATE scalar)
target_link_libraries(full PRIVATE gem::runtime)
"""
        project = Project(self.folder("selective", generator), generator, self.prefix, text,
                          ["-DCMAKE_BUILD_TYPE=Release"])
        shutil.copytree(MODEL, project.path("model"))
        project.write("app.c", RUNS)
        project.configure()
        both, other = "both-pixel-6.gemb", "other-pixel-6.gemb"
        project.expect_rebuilt("the first build", both, other, "app")
        app, full, plain = (project.output(name) for name in ("app", "full", "plain"))
        answer = run([full])
        for program in (app, plain):
            expect(run([program]) == answer, f"{program} answers otherwise than gem::runtime")

        # The program with the kernels of one bundle runs that and refuses the other.
        path = project.output(f"gem/other/{other}")
        expect(run([full, path]) == run([plain, path]), "scalar kernels answer otherwise")
        output = run([app, path], fails=True)
        expect("is not in this runtime" in output, f"expected a refusal, but got:\n{output}")
        size = os.path.getsize(project.output(f"gem/both/{both}"))
        sizes = {name: os.path.getsize(project.output(name)) - size
                 for name in ("app", "full", "plain")}
        expect(sizes["app"] < 0.8 * sizes["full"] and sizes["plain"] < sizes["app"],
               f"the selective runtimes save too little: {sizes}")
        print(f"  bytes without the bundle: {sizes}")

    # --- wrong arguments -----------------------------------------------------------------

    def arguments(self):
        begin = """
cmake_minimum_required(VERSION 3.20)
project(wrong LANGUAGES C{languages})
find_package(gem CONFIG REQUIRED)
"""
        good = f"gem_add_bundle(NAME b MODEL {MODEL} DEVICES pixel-6 host)\n"
        app = good + "file(WRITE ${CMAKE_BINARY_DIR}/a.c)\nadd_executable(a ${CMAKE_BINARY_DIR}/a.c)\n"
        model = f"NAME b MODEL {MODEL}"
        folder = self.folder("arguments")
        os.makedirs(os.path.join(folder, "source", "semi;colon"))
        for number, (languages, text, message) in enumerate((
            ("", "gem_add_bundle(NAME b DEVICES host)", "no MODEL given"),
            ("", f"gem_add_bundle(MODEL {MODEL} DEVICES host)", "no NAME given"),
            ("", f"gem_add_bundle({model})", "no DEVICES given"),
            ("", f"gem_add_bundle({model} DEVICES)", "DEVICES is given without a value"),
            ("", f"gem_add_bundle({model} DEVICES pixle-6)",
             "unknown device 'pixle-6'; there are host, raspberry-pi-4, "),
            ("", f"gem_add_bundle({model} DEVICES host host)", "DEVICES names 'host' twice"),
            ("", f"gem_add_bundle({model} DEVICES host QUANTISE int8)",
             "unknown argument 'QUANTISE' (after DEVICES)"),
            ("", f"gem_add_bundle({model} QUANTIZE int8 MAXSIZE DEVICES host)",
             "unknown argument 'MAXSIZE'"),
            ("", f"gem_add_bundle({model} DEVICES host QUANTIZE)", "QUANTIZE is given without"),
            ("", "gem_add_bundle(NAME b MODEL none DEVICES host)", "none' does not exist"),
            ("", f"gem_add_bundle({model} DEVICES host CALIBRATE none.jsonl)",
             "CALIBRATE: '.*none.jsonl' does not exist"),
            ("", f"gem_add_bundle({model} DEVICES none.textproto)", "none.textproto' does not exist"),
            ("", "gem_add_bundle(NAME b MODEL [[semi;colon]] DEVICES host)",
             "has the character ';'"),
            ("", f"gem_add_bundle(NAME a/b MODEL {MODEL} DEVICES host)",
             "expected letters, digits and _ . + -, but got 'a/b'"),
            ("", f"gem_add_bundle({model} DEVICES host MERGE)", "but DEVICES names one"),
            ("", f"gem_add_bundle({model} DEVICES host SIGN_KEY no.sec)", "no.sec' does not exist"),
            ("", good + "gem_add_runtime(NAME r BUNDLES b CPU neon)", "unknown argument 'CPU'"),
            ("", good + "gem_add_runtime(NAME r BUNDLES b)", "name the language CXX"),
            ("", good + good, "there is a target 'b' already"),
            ("", f"gem_add_bundle({model} DEVICES host FAIL_IF \"kl > 1\")",
             "give them with EVALUATE"),
            ("", good + "gem_get_bundle(x BUNDLE b)", "which DEVICE of 'b'? There are pixel-6, host"),
            ("", good + "gem_get_bundle(x BUNDLE c)", "there is no bundle 'c'"),
            ("", good + "gem_get_bundle(x BUNDLE b DEVICE iphone-13)",
             "not compiled for the device 'iphone-13'; there are pixel-6, host"),
            ("", good + "gem_bundle_manifest(NAME m BUNDLES c)", "there is no bundle 'c'"),
            ("", good + "gem_bundle_manifest(NAME m BUNDLES b OUTPUTS x)",
             "unknown argument 'OUTPUTS'"),
            ("", f"gem_add_bundle({model} DEVICES host OUTPUT_DIRECTORY o&x)",
             "OUTPUT_DIRECTORY: the path .*/o&x' has the character '&'"),
            ("", f"gem_add_bundle({model} DEVICES host OUTPUT_DIRECTORY o[x)", "has the character '['"),
            ("", good + "gem_bundle_manifest(NAME m BUNDLES b OUTPUT o:x.json)",
             "has the character ':'"),
            (" ASM", good + "gem_embed_bundle(TARGET a BUNDLE b DEVICE host)",
             "there is no target 'a'"),
            (" ASM", app + "gem_embed_bundle(TARGET a BUNDLE b)", "which DEVICE of 'b'?"),
            (" ASM", app + "gem_embed_bundle(TARGET a BUNDLE b DEVICE host SYMBOL 1x)",
             "expected a C identifier, but got '1x'"),
            ("", app + "gem_embed_bundle(TARGET a BUNDLE b DEVICE host)", "name the language ASM"),
        )):
            project = Project(folder, "Ninja", self.prefix, begin.format(languages=languages) + text)
            # One folder for those with the same languages: the compilers are looked for once.
            project.build_folder += str(len(languages))
            output = " ".join(project.configure(fails=True).split())
            expect(re.search(message if ".*" in message else re.escape(message), output),
                   f"{text}\nexpected the message {message!r}, but got:\n{output}")

        # A bundle may have a name that looks like a keyword.
        text = good.replace("NAME b", "NAME ASSISTANT") + "gem_bundle_manifest(NAME m BUNDLES ASSISTANT)"
        Project(self.folder("capitals"), "Ninja", self.prefix, begin.format(languages="") + text).configure()
        # A binary folder with a space below the build's.
        text = begin.format(languages="") + 'add_subdirectory(sub "sub dir")\n'
        for generator in ("Ninja", "Unix Makefiles"):
            project = Project(self.folder("space", generator), generator, self.prefix, text)
            os.makedirs(project.path("sub"))
            project.write("sub/CMakeLists.txt", good)
            fails = generator != "Ninja"
            output = " ".join(project.configure(fails=fails).split())
            expect(not fails or "the binary folder 'sub dir' has a space" in output, output)

    # --- the package ---------------------------------------------------------------------

    def package(self):
        """What find_package says where it cannot work, and that no path of the build is in it."""
        text = """
cmake_minimum_required(VERSION 3.20)
project(package NONE)
find_package(gem CONFIG REQUIRED)
find_package(gem CONFIG COMPONENTS none)
message("none: ${gem_FOUND}")
get_target_property(where gem::gem-compile IMPORTED_LOCATION)
message("tools: ${where}")
"""
        project = Project(self.folder("package"), "Ninja", self.prefix, text)
        output = project.configure()
        expect("none: FALSE" in output or "none: 0" in output, f"a component 'none' is found:\n{output}")
        expect(f"tools: {self.compile}" in output, f"expected the tools of the prefix:\n{output}")
        text = """
cmake_minimum_required(VERSION 3.20)
project(package LANGUAGES C)
set(CMAKE_VERSION 3.23.1)
find_package(gem CONFIG REQUIRED)
message("runtime: ${gem_runtime_FOUND}")
find_package(gem CONFIG REQUIRED COMPONENTS runtime)
"""
        older = Project(self.folder("older"), "Ninja", self.prefix, text)
        output = " ".join(older.configure(fails=True).split())
        expect("runtime: 0" in output and "gem::runtime needs CMake 3.24" in output, output)
        empty = os.path.join(self.work, "package", "empty")
        os.makedirs(empty)
        output = " ".join(project.configure(f"-DGEM_TOOLS_DIR={empty}", fails=True).split())
        expect(f"there is no gem-compile in '{empty}'" in output, f"it says:\n{output}")
        script = os.path.join(empty, "gem-compile")
        with open(script, "w", encoding="utf-8") as file:
            file.write("#!/bin/sh\necho gem-compile 9.9.9 '(format 1.2)'\n")
        os.chmod(script, 0o755)
        output = " ".join(project.configure(f"-DGEM_TOOLS_DIR={empty}", fails=True).split())
        expect("is 'gem-compile 9.9.9 (format 1.2)', expected version" in output, f"it says:\n{output}")
        with open(script, "w", encoding="utf-8") as file:
            file.write("\x7fELF of another machine")
        output = " ".join(project.configure(f"-DGEM_TOOLS_DIR={empty}", fails=True).split())
        expect("does not run on this machine" in output, f"it says:\n{output}")

        for folder, _, names in os.walk(self.prefix):
            for name in names:
                if name.endswith((".cmake", ".h", ".in")):
                    with open(os.path.join(folder, name), encoding="utf-8") as file:
                        expect(ROOT not in file.read(), f"{folder}/{name} names {ROOT}")
        for tool in os.listdir(os.path.join(self.prefix, "bin")):
            path = os.path.join(self.prefix, "bin", tool)
            expect(ROOT not in run(["readelf", "-d", path]), f"{path} has a path of the build")
            run([path, "--help"], env={"PATH": "/usr/bin:/bin"}, cwd=empty)

    # --- the example ---------------------------------------------------------------------

    def copy_example(self, generator):
        folder = self.folder("example", generator)
        shutil.copytree(EXAMPLE, os.path.join(folder, "cmake-app"))
        return folder

    def check_example(self, build, command):
        bundle = os.path.join(build, "gem", "assistant", "assistant-pixel-6.gemb")
        result = json.loads(run([os.path.join(self.prefix, "bin", "gem-run"), bundle, "--json",
                                 "--text", TEXT]))
        for arguments in ([], [bundle]):
            output = run([*command, os.path.join(build, "cmake-app"), TEXT, *arguments])
            expect(output == result["label"] + "\n",
                   f"cmake-app says {output!r}, gem-run {result['label']!r}")

    def example(self, generator):
        folder = self.copy_example(generator)
        build = os.path.join(folder, "build")
        output = run(["cmake", "-S", os.path.join(folder, "cmake-app"), "-B", build, "-G", generator,
                      f"-DCMAKE_PREFIX_PATH={self.prefix}", f"-DMODEL={MODEL}",
                      "-DCMAKE_BUILD_TYPE=Release", "-DCMAKE_C_FLAGS=-Wall -Wextra -Werror"])
        expect("Warning" not in output, output)
        run(["cmake", "--build", build, "-j2"])
        self.check_example(build, [])

    def cross(self):
        """For another machine: its runtime, the tools of this one."""
        if not self.target_prefix:
            raise Skipped("no runtime for 64-bit ARM: the stage aarch64 builds it")
        folder = self.copy_example("cross")
        build = os.path.join(folder, "build")
        run(["cmake", "-S", os.path.join(folder, "cmake-app"), "-B", build, "-G", "Ninja",
             f"-DCMAKE_TOOLCHAIN_FILE={self.toolchain}", "-DCMAKE_BUILD_TYPE=Release",
             f"-Dgem_DIR={self.prefix}/share/cmake/gem", f"-DMODEL={MODEL}",
             f"-Dgem_runtime_DIR={self.target_prefix}/lib/cmake/gem_runtime"])
        run(["cmake", "--build", build, "-j2"])
        expect("AArch64" in run(["readelf", "-h", os.path.join(build, "cmake-app")]),
               "the program is not for 64-bit ARM")
        emulator = ["qemu-aarch64", "-L", "/usr/aarch64-linux-gnu", "-E",
                    "LD_LIBRARY_PATH=/usr/aarch64-linux-gnu/lib"]
        self.check_example(build, emulator)


def main():
    parser = argparse.ArgumentParser(description="Tests of the installed package gem.")
    parser.add_argument("--prefix", required=True)
    parser.add_argument("--work", required=True)
    parser.add_argument("--target-prefix", help="a runtime for the machine of --toolchain")
    parser.add_argument("--toolchain")
    parser.add_argument("--only", action="append", help="tests whose name begins so")
    parser.add_argument("--junit")
    arguments = parser.parse_args()
    suite, failed = xml.Element("testsuite", name="build-step"), 0
    for name, test in Tests(arguments).tests():
        if arguments.only and not any(name.startswith(o) for o in arguments.only):
            continue
        start = time.time()
        case = xml.SubElement(suite, "testcase", classname="build-step", name=name)
        try:
            test()
            result = "ok"
        except Skipped as reason:
            xml.SubElement(case, "skipped", message=str(reason))
            result = f"skipped: {reason}"
        except (Failure, OSError, subprocess.TimeoutExpired) as problem:
            xml.SubElement(case, "failure", message=str(problem).split("\n")[0]).text = str(problem)
            result, failed = f"FAILED\n{problem}", failed + 1
        case.set("time", f"{time.time() - start:.1f}")
        print(f"{name}: {result} ({time.time() - start:.1f} s)", flush=True)
    suite.set("failures", str(failed))
    if arguments.junit:
        xml.ElementTree(suite).write(arguments.junit)
    return 1 if failed else 0


sys.exit(main())
