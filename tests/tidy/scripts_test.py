"""The scripts: their help, what they say about wrong use, how test cases are counted, what the figure is made from."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(os.environ.get("BOSEN_SOURCE", Path(__file__).parents[2]))
SCRIPTS = ROOT / "scripts"
sys.path.insert(0, str(SCRIPTS))

from count_tests import count  # noqa: E402
from plot_quickstart import read_run  # noqa: E402


def run(*command):
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=60, check=False)


class UsageTest(unittest.TestCase):
    def test_every_script_explains_itself(self):
        for script in ("setup", "test", "quickstart", "check_format", "check_tidy", "draw_figures"):
            with self.subTest(script=script):
                done = run(SCRIPTS / script, "--help")
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertIn(f"Usage: scripts/{script}", done.stdout)

    def test_unknown_options_are_refused_in_one_line(self):
        for script in ("setup", "test", "quickstart", "check_format", "check_tidy", "draw_figures"):
            with self.subTest(script=script):
                done = run(SCRIPTS / script, "--no-such-option")
                self.assertNotEqual(done.returncode, 0)
                self.assertRegex(done.stderr, rf"\A{script}: [^\n]*no-such-option[^\n]*\n\Z")


    def test_every_python_script_explains_itself(self):
        for script in ("apps/plot.py", "apps/lasso/plot.py", "apps/lda/bible.py", "scripts/make_nets.py", "scripts/plot_quickstart.py",
                       "scripts/plot_training.py"):
            with self.subTest(script=script):
                done = run(sys.executable, ROOT / script, "--help")
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                self.assertIn(f"Usage: {script}".replace("scripts/plot", "plot"), done.stdout)

    def test_make_nets_takes_no_flag_for_a_folder(self):
        done = run(sys.executable, SCRIPTS / "make_nets.py", "--folder")
        self.assertEqual((done.returncode, done.stderr), (1, "make_nets.py: does not know '--folder'; see --help\n"))
        done = run(sys.executable, SCRIPTS / "make_nets.py", "/proc/nets")
        self.assertRegex(done.stderr, r"\Amake_nets.py: cannot write '/proc/nets/vgg19.yaml': [^\n]*; name another folder\n\Z")

    @unittest.skipIf(shutil.which("bible") is None, "bible-kjv is not installed")
    def test_a_bible_that_cannot_be_written_is_one_line(self):
        done = run(sys.executable, ROOT / "apps/lda/bible.py", "/proc/x")
        self.assertRegex(done.stderr, r"\Abible.py: cannot write '/proc/x': [^\n]*; name another file\n\Z")


class BuildTest(unittest.TestCase):
    """What the scripts say where the build fails; cmake is one that prints what the test wants, and fails."""

    def build(self, printed):
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "build").mkdir()
            Path(folder, "build/build.ninja").touch()
            Path(folder, "cmake").write_text(f"#!/bin/sh\nprintf '{printed}'\nexit 1\n")
            Path(folder, "cmake").chmod(0o755)
            script = f"set -euo pipefail; cd {folder}; source {SCRIPTS}/common.sh; PATH={folder}:$PATH build release log x"
            return run("bash", "-c", script)

    def test_a_failed_build_is_named_below_what_it_said(self):
        done = self.build(r"[1/2] Building a\na.cc:1: error: no\n")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("a.cc:1: error: no\nbash: the build failed; the whole of it is in log\n", done.stderr)

    def test_a_failed_build_that_said_nothing_is_named_too(self):
        done = self.build(r"[1/2] Building a\n")
        self.assertNotEqual(done.returncode, 0)
        self.assertTrue(done.stderr.endswith("bash: the build failed; the whole of it is in log\n"), done.stderr)


LOG = """\
----------------------------------------------------------
1/3 Testing: unit_a
[ RUN      ] A.NeedsSsh
a_test.cc:12: Skipped
no sshd here

[  SKIPPED ] A.NeedsSsh (0 ms)
a_test.cc:20: Skipped
no GPU here
[  SKIPPED ] A.NeedsGpu (0 ms)
[==========] 7 tests from 2 test suites ran. (1 ms total)
[  PASSED  ] 5 tests.
[  SKIPPED ] 1 test, listed below:
[  SKIPPED ] A.NeedsSsh
[  FAILED  ] 1 test, listed below:
[  FAILED  ] A.Fails
----------------------------------------------------------
2/3 Testing: tidy_b
test_c (__main__.B.test_c) ... skipped 'no netns'
test_d (__main__.B.test_d)
Its first line. ... ok

Ran 5 tests in 0.010s

FAILED (failures=1, errors=1, skipped=1)
----------------------------------------------------------
3/3 Testing: tidy_c

Ran 1 test in 0.010s

OK
"""


class CountTest(unittest.TestCase):
    def test_cases_of_all_programs_are_added_up(self):
        passed, failed, skipped = count(LOG)
        self.assertEqual((passed, failed), (5 + 2 + 1, 1 + 2))
        self.assertEqual(skipped, ["A.NeedsSsh: no sshd here", "A.NeedsGpu: no GPU here", "test_c: no netns"])


ON_A_FIBRE = """\
==14229==WARNING: ASan is ignoring requested __asan_handle_no_return: stack type: default top: 0x7ffeb3262000; bottom 0x7fc8
False positive error reports may follow
For details see https://github.com/google/sanitizers/issues/189
"""


class SanitizerTest(unittest.TestCase):
    """What scripts/test takes for a report, whatever the test's own exit code was."""

    def findings(self, **reports):
        with tempfile.TemporaryDirectory() as folder:
            for name, text in reports.items():
                Path(folder, f"sanitizer.{name}").write_text(text)
            script = f"set -euo pipefail; source {SCRIPTS}/common.sh; findings_of_sanitizers {folder}/sanitizer"
            done = run("bash", "-c", script)
        self.assertEqual((done.stderr, done.returncode == 0), ("", done.stdout != ""))
        return done.stdout

    def test_a_report_is_shown_below_its_file(self):
        race = "WARNING: ThreadSanitizer: data race (pid=7)\n  Write of size 4\n"
        self.assertRegex(self.findings(a7=race), rf"\A/.*/sanitizer\.a7:\n{re.escape(race)}\Z")
        overflow = "a.cc:1:2: runtime error: signed integer overflow\n"
        shown = self.findings(a1=ON_A_FIBRE, a2=overflow, a3=ON_A_FIBRE + "ERROR: AddressSanitizer: SEGV\n")
        self.assertRegex(shown, r"sanitizer\.a2:\n(.*\n)*.*sanitizer\.a3:\n(.*\n)*ERROR: AddressSanitizer: SEGV\n\Z")
        self.assertNotIn("a1:", shown)

    def test_no_report_is_none(self):
        self.assertEqual(self.findings(), "")
        self.assertEqual(self.findings(a1=ON_A_FIBRE), "")


class FigureTest(unittest.TestCase):
    def read(self, *lines):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "a.jsonl"
            path.write_text("".join(f"{line}\n" for line in lines))
            return read_run(f"essp, s=2={path}")

    def test_a_run_is_read_from_its_metrics(self):
        run_read = self.read(
            json.dumps({"event": "start"}),
            json.dumps({"event": "eval", "clock": 1, "time_s": 0.5, "accuracy": 0.7}),
            json.dumps({"event": "end", "wall_s": 2.0, "compute_s": 3.0, "wait_s": 1.0}),
        )
        self.assertEqual(run_read.name, "essp, s=2")
        self.assertEqual((run_read.times_s, run_read.accuracies), ([0.5], [0.7]))
        self.assertEqual((run_read.wall_s, run_read.waiting), (2.0, 0.25))

    def test_an_interrupted_run_is_named(self):
        with self.assertRaisesRegex(SystemExit, "interrupted"):
            self.read(json.dumps({"event": "start"}))
        with self.assertRaisesRegex(SystemExit, r"a.jsonl:2:1: not JSON"):
            self.read(json.dumps({"event": "start"}), "")


if __name__ == "__main__":
    unittest.main()
