#!/usr/bin/env python3
"""How long the simulator takes for 256 nodes: config/sweeps/mf-256.yaml, twice, with the same bytes both times.

Usage: tests/bench/sim_mf_256.py

Needs build/bin/{bosen,mf}. Prints seconds of the processor's time beside the floor of 60, and exits with 1 where that or a byte
is missed.
"""

import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("BOSEN_BIN", ROOT / "build" / "bin"))
SECONDS_MAX = 60


def simulate(folder):
    """Seconds, and the bytes of everything written."""
    before = os.times()
    subprocess.run([BIN / "bosen", "sim", ROOT / "config" / "sweeps" / "mf-256.yaml", "--output", folder], check=True,
                   stderr=subprocess.DEVNULL)
    after = os.times()
    written = {path.name: path.read_bytes().replace(os.fsencode(folder), b"") for path in sorted(folder.iterdir())}
    return after.children_user + after.children_system - before.children_user - before.children_system, written


def main():
    with tempfile.TemporaryDirectory() as name:
        (first_s, first), (second_s, second) = (simulate(pathlib.Path(name) / turn) for turn in ("first", "second"))
    same = first == second and "metrics.jsonl" in first
    print(f"256 nodes of 4 workers, 20 clocks: {first_s:.1f} and {second_s:.1f} s of one core (at most {SECONDS_MAX}); "
          f"{'the same bytes' if same else 'DIFFERENT bytes'} in {', '.join(first)}")
    return 0 if same and max(first_s, second_s) <= SECONDS_MAX else 1


if __name__ == "__main__":
    sys.exit(main())
