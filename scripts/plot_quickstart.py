#!/usr/bin/env python3
"""Compares training runs by their metrics files: a table on stdout and a figure.

Usage: plot_quickstart.py FIGURE.png NAME=METRICS.jsonl...
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7"]
WAITING = "#bbbbbb"


@dataclass
class Run:
    """What one metrics file says; seconds of computing and waiting are summed over all workers."""

    name: str
    times_s: list
    accuracies: list
    wall_s: float
    compute_s: float
    wait_s: float

    @property
    def waiting(self):
        total = self.compute_s + self.wait_s
        return self.wait_s / total if total > 0 else 0.0


def read_events(path):
    """The events of a metrics file, in order."""
    events = []
    for number, line in enumerate(Path(path).read_text(encoding="utf-8").splitlines(), start=1):
        try:
            events.append(json.loads(line))
        except json.JSONDecodeError as error:
            sys.exit(f"{path}:{number}:{error.colno}: not JSON ({error.msg}); was the run interrupted?")
    return events


def read_run(argument):
    name, _, path = argument.rpartition("=")
    events = read_events(path)
    evaluations = [event for event in events if event["event"] == "eval"]
    ends = [event for event in events if event["event"] == "end"]
    if not evaluations or not ends:
        sys.exit(f"{path}: has no 'eval' or no 'end' event; was the run interrupted?")
    return Run(
        name=name,
        times_s=[event["time_s"] for event in evaluations],
        accuracies=[event["accuracy"] for event in evaluations],
        wall_s=ends[-1]["wall_s"],
        compute_s=ends[-1]["compute_s"],
        wait_s=ends[-1]["wait_s"],
    )


def print_table(runs):
    width = max(len(run.name) for run in runs)
    print(f"\n{'':{width}}  test accuracy     time  share of waiting")
    for run in runs:
        print(f"{run.name:{width}}  {run.accuracies[-1]:13.4f}  {run.wall_s:5.1f} s  {run.waiting:16.0%}")


def draw(runs, figure_path):
    # Imported here, because the choice of a drawing surface comes first.
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    pyplot.rcParams.update({"font.size": 10, "axes.spines.top": False, "axes.spines.right": False})
    figure, (curves, bars) = pyplot.subplots(1, 2, figsize=(10, 4), width_ratios=(3, 2), layout="constrained")

    for run, colour in zip(runs, COLOURS):
        curves.plot(run.times_s, run.accuracies, marker="o", markersize=4, color=colour, label=run.name)
    curves.set(xlabel="time [s]", ylabel="test accuracy", title="Accuracy over time")
    curves.set_xlim(left=0)
    curves.grid(color="#eeeeee")
    curves.legend(frameon=False, loc="lower right")

    for position, (run, colour) in enumerate(zip(runs, COLOURS)):
        bars.barh(position, run.compute_s, color=colour, height=0.5)
        bars.barh(position, run.wait_s, left=run.compute_s, color=WAITING, height=0.5)
        for start, seconds, what in ((0, run.compute_s, "computing"), (run.compute_s, run.wait_s, "waiting")):
            if seconds > 0.12 * (run.compute_s + run.wait_s):
                colour_of_text = "white" if what == "computing" else "black"
                bars.text(start + seconds / 2, position, f"{what}\n{seconds:.1f} s", ha="center", va="center",
                          color=colour_of_text, fontsize=9)
    bars.set_yticks(range(len(runs)), [run.name for run in runs])
    bars.invert_yaxis()
    bars.set(xlabel="seconds of all workers together", title="Computing and waiting")
    bars.tick_params(axis="y", length=0)

    figure.savefig(figure_path, dpi=150)


def main():
    if sys.argv[1:] in (["-h"], ["--help"]):
        print(__doc__.strip())
        return
    if len(sys.argv) < 3:
        sys.exit(__doc__.strip())
    runs = [read_run(argument) for argument in sys.argv[2:]]
    print_table(runs)
    draw(runs, sys.argv[1])


if __name__ == "__main__":
    main()
