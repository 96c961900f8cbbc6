#!/usr/bin/python3
"""Draws runs of an app from their metrics files: a measure over time, and how stale the rows were that workers read.

Usage: apps/plot.py FIGURE.png MEASURE NAME=METRICS.jsonl...
"""

import itertools
import json
import sys
from pathlib import Path

COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"]
OLDEST = -10  # of the histogram; everything older is drawn there


def read_run(argument, measure):
    name, _, path = argument.rpartition("=")
    try:
        events = [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines()]
    except (OSError, ValueError) as error:
        sys.exit(f"apps/plot.py: cannot read the metrics of '{name}': {error}")
    evaluations = [event for event in events if event["event"] == "eval" and measure in event]
    if not evaluations or events[-1]["event"] != "end":
        sys.exit(f"{path}: has no '{measure}' or no 'end' event; was the run interrupted?")
    return name, evaluations, events[-1]


def draw_measure(axes, runs, measure):
    for (name, evaluations, end), colour in zip(runs, itertools.cycle(COLOURS)):
        label = f"{name}: {end['wall_s']:.1f} s, {end[measure]:.4f}"
        axes.plot([event["time_s"] for event in evaluations], [event[measure] for event in evaluations], marker="o",
                  markersize=3, color=colour, label=label)
    axes.set(xlabel="time [s]", ylabel=measure, title=f"{measure} over time")
    axes.set_xlim(left=0)
    axes.grid(color="#eeeeee")
    axes.legend(frameon=False)


def draw_staleness(axes, runs):
    all_shares = []
    for _, _, end in runs:
        shares = {}
        for differential, count in end["staleness_histogram"].items():
            place = min(max(int(differential), OLDEST), 1)
            shares[place] = shares.get(place, 0) + count / end["reads"]
        all_shares.append(shares)
    width = 0.8 / len(runs)
    for number, ((name, _, _), colour) in enumerate(zip(runs, itertools.cycle(COLOURS))):
        shares = all_shares[number]
        # In the middle above its tick stands what runs have there: without gaps for those that have nothing.
        places = []
        for place in shares:
            there = [other for other, shares_of_other in enumerate(all_shares) if place in shares_of_other]
            places.append(place + (there.index(number) - (len(there) - 1) / 2) * width)
        axes.bar(places, list(shares.values()), width=width, color=colour, label=name)
    ends = [place for shares in all_shares for place in shares] or [0]
    ticks = range(min(ends), max(ends) + 1)  # differentials are whole numbers
    axes.set_xticks(ticks, [f"\u2264 {tick}" if tick == OLDEST else str(tick) for tick in ticks])
    axes.set(xlabel="clock of the copy - clock of the reader", ylabel="share of reads", title="Observed staleness")


def main():
    if sys.argv[1:] in (["-h"], ["--help"]):
        print(__doc__.strip())
        return
    if len(sys.argv) < 4:
        sys.exit(__doc__.strip())
    figure_path, measure = sys.argv[1:3]
    runs = [read_run(argument, measure) for argument in sys.argv[3:]]

    # Imported here, because the choice of a drawing surface comes first.
    try:
        import matplotlib

        matplotlib.use("Agg")
        from matplotlib import pyplot
    except ImportError as error:
        sys.exit(f"apps/plot.py: {error}: it takes Debian's python3-matplotlib and /usr/bin/python3")

    pyplot.rcParams.update({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False})
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(10, 3.8), layout="constrained")
    draw_measure(left, runs, measure)
    draw_staleness(right, runs)
    try:
        figure.savefig(figure_path, dpi=100)
    except (OSError, ValueError) as error:  # the latter where the name's end is no format
        sys.exit(f"apps/plot.py: cannot write '{figure_path}': {getattr(error, 'strerror', None) or error}; name another file")
    print(f"wrote {figure_path}")


if __name__ == "__main__":
    main()
