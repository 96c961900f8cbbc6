#!/usr/bin/env python3
"""Adds up the test cases inside the programs that ctest ran (GoogleTest, unittest) and names those skipped.

Usage: count_tests.py build/Testing/Temporary/LastTest.log
"""

import re
import sys
from pathlib import Path


def count(log):
    """(passed, failed, names of skipped cases) of all programs in the log."""
    passed = failed = 0
    skipped = []
    for program in re.split(r"^\d+/\d+ Testing: ", log, flags=re.MULTILINE):
        passed += sum(int(n) for n in re.findall(r"^\[  PASSED  \] (\d+) tests?\.", program, re.MULTILINE))
        failed += sum(int(n) for n in re.findall(r"^\[  FAILED  \] (\d+) tests?, listed", program, re.MULTILINE))
        skipped += gtest_skips(program)
        for cases, result in re.findall(r"^Ran (\d+) tests? in .*\n\n(.*)$", program, re.MULTILINE):
            bad = sum(int(n) for n in re.findall(r"(?:failures|errors|unexpected successes)=(\d+)", result))
            unrun = sum(int(n) for n in re.findall(r"skipped=(\d+)", result))
            passed += int(cases) - bad - unrun
            failed += bad
            skipped += unittest_skips(program, unrun)
    return passed, failed, skipped


def gtest_skips(program):
    """`file:line: Skipped`, the reason, perhaps an empty line, and the test's name."""
    named = re.findall(r"(?:: Skipped\n(.*)\n\n?)?^\[  SKIPPED \] (\S+) \(", program, re.MULTILINE)
    return [f"{name}: {reason}" if reason else name for reason, name in named]


def unittest_skips(program, how_many):
    """`test (module.Class) ... skipped 'reason'`, as unittest -v prints it."""
    named = re.findall(r"^(\w+) \(\S+\).*?skipped ['\"](.*)['\"]$", program, re.MULTILINE)
    lines = [f"{name}: {reason}" for name, reason in named]
    return lines + ["a test"] * (how_many - len(lines))


def main():
    passed, failed, skipped = count(Path(sys.argv[1]).read_text(encoding="utf-8", errors="replace"))
    for name in skipped:
        print(f"skipped {name}")
    print(f"cases: {passed} passed, {failed} failed, {len(skipped)} skipped")


if __name__ == "__main__":
    main()
