# A project in a scratch folder that is built with the installed package, and what of it a
# build made again.
#
# Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

import os
import signal
import subprocess
import time


class Failure(Exception):
    """A check that did not hold; its text says what was expected."""


def expect(condition, message):
    if not condition:
        raise Failure(message)


def run(command, fails=False, **options):
    """Runs a command; its output, both streams together."""
    result = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options
    )
    if (result.returncode != 0) != fails:
        wanted = "a failure" if fails else "success"
        raise Failure(
            f"{' '.join(map(str, command))}\nexpected {wanted}, but the exit status is "
            f"{result.returncode}:\n{result.stdout}"
        )
    return result.stdout


class Project:
    """A CMake project and its build folder."""

    def __init__(self, folder, generator, prefix, text, arguments=()):
        self.source = os.path.join(folder, "source")
        self.build_folder = os.path.join(folder, "build")
        self.generator = generator
        self.prefix = prefix
        self.arguments = list(arguments)
        os.makedirs(self.source, exist_ok=True)
        self.write("CMakeLists.txt", text)

    def path(self, name):
        return os.path.join(self.source, name)

    def output(self, name):
        return os.path.join(self.build_folder, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)

    def touch(self, path):
        """A change of a file's time that a coarse clock sees too."""
        path = os.path.join(self.source, path)
        # Never in the future: Make would find the outputs older for ever.
        newest = max((t for t in self.times().values()), default=0)
        while time.time_ns() <= newest + 20_000_000:
            time.sleep(0.01)
        os.utime(path)

    def configure(self, *arguments, fails=False):
        return run(
            ["cmake", "-S", self.source, "-B", self.build_folder, "-G", self.generator,
             f"-DCMAKE_PREFIX_PATH={self.prefix}", *self.arguments, *arguments],
            fails=fails,
        )

    def build_command(self, target=None):
        command = ["cmake", "--build", self.build_folder, "-j2"]
        return command + (["--target", target] if target else [])

    def build(self, target=None, fails=False):
        return run(self.build_command(target), fails=fails)

    def times(self):
        """Outputs by name: when they were written. Only what the build step makes."""
        found = {}
        for folder, _, names in os.walk(os.path.join(self.build_folder, "gem")):
            for name in names:
                path = os.path.join(folder, name)
                if name.endswith((".gemb", ".json")):
                    found[os.path.relpath(path, self.build_folder)] = os.stat(path).st_mtime_ns
        for name in ("app", "manifest.json"):
            path = self.output(name)
            if os.path.exists(path):
                found[name] = os.stat(path).st_mtime_ns
        return found

    def rebuilt(self):
        """Builds; the bundles, manifests and programs that were made again, by short names."""
        before = self.times()
        self.build()
        after = self.times()
        changed = {name for name, written in after.items() if before.get(name) != written}
        # A report is written with its bundle, and (by Make) touched after it.
        return {os.path.basename(n) for n in changed if not n.startswith("gem" + os.sep)
                or n.endswith(".gemb")}

    def expect_rebuilt(self, what, *names):
        found = self.rebuilt()
        expect(found == set(names),
               f"{self.generator}: {what}: expected {sorted(names)} to be made again, but got "
               f"{sorted(found)}")
        found = self.rebuilt()
        expect(not found, f"{self.generator}: {what}: a second build made {sorted(found)} again")

    def leftovers(self):
        """Temporary files of gem-compile in the build folder."""
        return [os.path.join(folder, name)
                for folder, _, names in os.walk(self.build_folder)
                for name in names if name.startswith(".gem-") and name.endswith(".tmp")]

    def interrupt(self, number, wait_for):
        """Starts a build, ends it with a signal once `wait_for` holds; what it printed."""
        if self.generator == "Ninja":
            command = ["ninja", "-C", self.build_folder, "-j2"]
        else:
            command = ["make", "-C", self.build_folder, "-j2"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                   text=True, start_new_session=True)
        deadline = time.time() + 60
        while not wait_for():
            expect(process.poll() is None,
                   f"the build ended before it could be interrupted:\n{process.stdout}")
            expect(time.time() < deadline, "the build did not begin within a minute")
            time.sleep(0.005)
        if number == signal.SIGINT:
            # As a terminal does: to everything of the session.
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)
        output = process.communicate(timeout=60)[0]
        expect(process.returncode != 0, f"the build succeeded though it was interrupted:\n{output}")
        # Make's SIGTERM reaches the shell and not what that runs: wait for it to end.
        deadline = time.time() + 60
        while self.leftovers() and time.time() < deadline:
            time.sleep(0.05)
        return output
