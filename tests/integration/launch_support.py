"""What the tests of `bosen run`, `check` and `doctor` share: starting the program, waiting with a bound, skipping with a word."""

import ctypes
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

SOURCE = Path(os.environ.get("BOSEN_SOURCE", Path(__file__).resolve().parents[2]))
BIN = Path(os.environ.get("BOSEN_BIN", SOURCE / "build" / "bin")).resolve()
BOSEN = str(BIN / "bosen")
PROGRAMS = Path(os.environ.get("BOSEN_TEST_PROGRAMS", BIN.parent / "test-programs")).resolve()
TABLES = str(PROGRAMS / "consistency_check")  # a program on tables that checks every read
WAITING = [str(PROGRAMS / "misuse"), "--case", "waits-for-ever"]  # one whose ranks wait for each other
VERSION = next(line.split('"')[1] for line in (SOURCE / "bosen/base/version.h").read_text().splitlines() if "kVersion" in line)

# Far beyond what anything here takes; a test that meets it has failed.
PATIENCE_S = 60


def environment(**changes):
    """This process's environment without what would make a program believe that it runs under a launcher."""
    prefixes = ("BOSEN_", "SLURM", "OMPI_", "PMI", "PMIX_", "TORCHELASTIC")
    names = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT", "NO_COLOR")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(prefixes) and name not in names}
    kept.update({name: str(value) for name, value in changes.items()})
    return kept


class Result:
    def __init__(self, code, out, err):
        self.code = code
        self.out = out
        self.err = err

    def __str__(self):
        return f"code {self.code}\n--- stdout\n{self.out}--- stderr\n{self.err}"

    @property
    def last_line(self):
        lines = self.err.splitlines()
        return lines[-1] if lines else ""


def bosen(*arguments, env=None, cwd=None):
    """Runs `bosen ARGUMENTS` to its end."""
    done = subprocess.run(
        [BOSEN, *map(str, arguments)],
        env=env or environment(),
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=PATIENCE_S,
    )
    return Result(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))


class Job:
    """A `bosen` that runs while the test goes on. Use it in a `with`."""

    def __init__(self, *arguments, env=None, cwd=None, prefix=()):
        self.process = subprocess.Popen(
            [*prefix, BOSEN, *map(str, arguments)],
            env=env or environment(),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            preexec_fn=die_with_us,
        )
        self.texts = {self.process.stdout: "", self.process.stderr: ""}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()

    @property
    def out(self):
        return self.texts[self.process.stdout]

    @property
    def err(self):
        return self.texts[self.process.stderr]

    def wait_for(self, condition, what):
        """Reads output until condition(out, err) holds; returns what it returned."""
        deadline = time.monotonic() + PATIENCE_S
        open_streams = set(self.texts)
        while not (found := condition(self.out, self.err)):
            left = deadline - time.monotonic()
            if left <= 0 or not open_streams:
                raise AssertionError(f"{what} never came\n{Result(None, self.out, self.err)}")
            for stream in select.select(list(open_streams), [], [], min(left, 0.1))[0]:
                chunk = os.read(stream.fileno(), 65536).decode(errors="replace")
                self.texts[stream] += chunk
                if not chunk:
                    open_streams.remove(stream)
        return found

    def wait_for_lines(self, count, start=""):
        """The words after the tag of the first `count` whole lines on stdout whose text begins with `start`."""

        def lines(out, _):
            found = [line.split("] ", 1)[1] for line in out.splitlines(keepends=True) if line.endswith("\n") and "] " in line]
            found = [line.strip() for line in found if line.startswith(start)]
            return found if len(found) >= count else None

        return self.wait_for(lines, f"{count} lines that begin with '{start}'")

    def send(self, number):
        self.process.send_signal(number)

    def finish(self):
        out, err = self.process.communicate(timeout=PATIENCE_S)
        self.texts[self.process.stdout] += out.decode(errors="replace")
        self.texts[self.process.stderr] += err.decode(errors="replace")
        return Result(self.process.returncode, self.out, self.err)


def wait_until_gone(pid, patience_s=PATIENCE_S):
    """Whether the process has ended, or ends in time. A zombie has ended."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([descriptor], [], [], patience_s)[0])
    finally:
        os.close(descriptor)


def die_with_us():
    """For Popen's preexec_fn: the kernel kills the process when this one dies, even if it has no time to clean up."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


def placements(result):
    """The placements that `bosen doctor --placement` printed in each rank, by rank."""
    lines = [line[line.index("{") :] for line in result.out.splitlines() if "{" in line]
    return sorted((json.loads(line) for line in lines), key=lambda placement: placement["rank"])


class LaunchTest(unittest.TestCase):
    """A test with a temporary folder."""

    maxDiff = None

    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="bosen-test-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def write(self, name, text, mode=0o644):
        path = self.folder / name
        path.write_text(text)
        path.chmod(mode)
        return str(path)

    def assert_gone(self, pids):
        for pid in pids:
            if not wait_until_gone(int(pid)):
                os.kill(int(pid), signal.SIGKILL)
                self.fail(f"process {pid} is left behind")


def missing_tools(*names):
    """"mpirun is not installed", or an empty text where all are there."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    gone = [name for name in names if shutil.which(name, path=path) is None]
    return f"{' and '.join(gone)} not installed" if gone else ""


def missing_programs():
    """A word where the programs on tables are not built."""
    return "" if os.access(TABLES, os.X_OK) and os.access(WAITING[0], os.X_OK) else f"no programs in {PROGRAMS}"


def main():
    """Runs the tests of the calling file; exits with 77 where every one was skipped."""
    if not os.access(BOSEN, os.X_OK):
        print(f"skipped: no program {BOSEN}; build it, or set BOSEN_BIN")
        sys.exit(77)
    program = unittest.main(exit=False, verbosity=2)
    skipped = program.result.skipped
    if program.result.wasSuccessful() and len(skipped) >= program.result.testsRun:
        print("skipped: " + "; ".join(sorted({reason for _, reason in skipped}) or ["no tests"]))
        sys.exit(77)
    sys.exit(0 if program.result.wasSuccessful() else 1)
