"""Installs the build into a temporary folder and builds and runs a project outside the tree against it."""

import json
import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

SOURCE = Path(os.environ["BOSEN_SOURCE"])
BUILD = Path(os.environ["BOSEN_BUILD"])
COMPILER = os.environ.get("CXX", "c++")


def call(*command, **options):
    """The standard output of a command; where it fails, the test does, with everything it printed."""
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=240, check=False, **options)
    if done.returncode != 0:
        raise AssertionError(f"{command} exited with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


class InstallTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="bosen-install-")
        cls.addClassCleanup(cls.folder.cleanup)
        cls.prefix = Path(cls.folder.name) / "prefix"
        call("cmake", "--install", BUILD, "--prefix", cls.prefix)
        cls.headers = sorted(path.relative_to(cls.prefix / "include") for path in cls.prefix.glob("include/**/*.h"))

    def test_an_app_outside_the_tree_finds_bosen_builds_and_runs(self):
        build = Path(self.folder.name) / "build"
        app = SOURCE / "tests/install/app"
        call("cmake", "-S", app, "-B", build, "-G", "Ninja", f"-DCMAKE_PREFIX_PATH={self.prefix}")
        call("cmake", "--build", build)
        printed = call(build / "counting", "--workers", "2", "--clocks", "5")
        self.assertEqual(sorted(printed.splitlines()), ["worker 0 counted 5", "worker 1 counted 5"])

    def test_the_guides_first_app_builds_and_runs(self):
        """From the blocks of the guide: the project, the program in its parts, and the cluster to simulate it on."""
        guide = (SOURCE / "docs/guide/first-app.md").read_text()
        blocks = {kind: re.findall(rf"^```{kind}\n(.*?)^```$", guide, re.MULTILINE | re.DOTALL) for kind in ("cmake", "cpp", "yaml")}
        folder = Path(self.folder.name) / "regression"
        folder.mkdir()
        (folder / "CMakeLists.txt").write_text(blocks["cmake"][0])
        (folder / "regression.cc").write_text("\n".join(blocks["cpp"]))
        (folder / "pauses.yaml").write_text(blocks["yaml"][0])
        call("cmake", "-S", folder, "-B", folder / "build", "-G", "Ninja", f"-DCMAKE_PREFIX_PATH={self.prefix}")
        call("cmake", "--build", folder / "build")
        call(folder / "build/regression", "--workers", "2", "--metrics", folder / "one.jsonl")
        events = [json.loads(line) for line in (folder / "one.jsonl").read_text().splitlines()]
        losses = [event["loss"] for event in events if event["event"] == "eval"]
        self.assertEqual(len(losses), 10)
        self.assertLess(losses[-1], 1e-3 * losses[0])
        for model, flags in (("bsp", []), ("essp", ["--staleness", "8"])):
            done = subprocess.run([self.prefix / "bin/bosen", "sim", "pauses.yaml", "--", "--consistency", model, *flags],
                                  cwd=folder, capture_output=True, text=True, timeout=60, check=True)
            # What the guide shows, but for losses, whose last digits are the compiler's.
            lines = re.findall(r"^regression: .*(?:workers in|simulated) .*$", done.stderr, re.MULTILINE)
            self.assertEqual(len(lines), 2, done.stderr)
            for line in lines:
                self.assertIn(f"\n{line}\n", guide)

    def test_a_newer_version_than_the_installed_one_is_refused(self):
        folder = Path(self.folder.name) / "newer"
        folder.mkdir()
        (folder / "CMakeLists.txt").write_text(
            "cmake_minimum_required(VERSION 3.25)\nproject(newer LANGUAGES CXX)\nfind_package(bosen 99 REQUIRED)\n"
        )
        command = ["cmake", "-S", folder, "-B", folder / "build", "-G", "Ninja", f"-DCMAKE_PREFIX_PATH={self.prefix}"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertRegex(done.stderr, r'compatible\s+with requested version "99"')

    def test_only_the_public_headers_are_installed(self):
        self.assertIn(Path("bosen/bosen.h"), self.headers)
        internal = [str(path) for path in self.headers if not re.fullmatch(r"bosen/((base|schedule)/)?\w+\.h", str(path))]
        self.assertEqual(internal, [])

    def test_every_installed_header_compiles_on_its_own(self):
        with open(Path(self.folder.name) / "all.cc", "w", encoding="utf-8") as source:
            source.writelines(f'#include "{header}"\n' for header in reversed(self.headers))
        flags = ["-std=c++20", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only"]
        call(COMPILER, *flags, f"-I{self.prefix / 'include'}", source.name)

    def test_no_installed_file_names_the_source_tree(self):
        for path in self.prefix.glob("**/*.cmake"):
            self.assertNotIn(str(SOURCE), path.read_text(), path)

    def test_the_programs_are_installed(self):
        self.assertIn("usage", call(self.prefix / "bin/bosen", "--help").lower())

    def test_the_quickstart_builds_every_program(self):
        """README and guides call them all after it; tests it leaves out."""
        self.assertRegex((SOURCE / "scripts/quickstart").read_text(), r"(?m)^build release \S+ bosen_programs$")
        inputs = call("ninja", "-C", BUILD, "-t", "query", "bosen_programs").split("outputs:")[0]
        built = set(re.findall(r"^ +bin/(\S+)$", inputs, re.MULTILINE))
        self.assertEqual(built, {path.name for path in self.prefix.glob("bin/*")})
        self.assertGreater(len(built), 1)


if __name__ == "__main__":
    unittest.main()
