#!/usr/bin/python3
"""Draws how far runs of lasso are above the minimum, over the coordinates that they have updated.

Usage: apps/lasso/plot.py FIGURE.png NAME=METRICS.jsonl...
"""

import itertools
import json
import sys
from pathlib import Path

COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7"]
ROUNDING = 1e-14


def main():
    if sys.argv[1:] in (["-h"], ["--help"]):
        print(__doc__.strip())
        return
    if len(sys.argv) < 3:
        sys.exit(__doc__.strip())
    try:
        import matplotlib

        matplotlib.use("Agg")
        from matplotlib import pyplot
    except ImportError as error:
        sys.exit(f"apps/lasso/plot.py: {error}: it takes Debian's python3-matplotlib and /usr/bin/python3")

    runs = {}
    for argument in sys.argv[2:]:
        name, _, path = argument.rpartition("=")
        try:
            events = [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines()]
        except (OSError, ValueError) as error:
            sys.exit(f"apps/lasso/plot.py: cannot read the metrics of '{name}': {error}")
        runs[name] = [event for event in events if event["event"] == "eval"]
    least = min(event["objective"] for events in runs.values() for event in events)
    pyplot.rcParams.update({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False})
    figure, axes = pyplot.subplots(figsize=(6, 3.8), layout="constrained")
    for (name, events), colour in zip(runs.items(), itertools.cycle(COLOURS)):
        axes.loglog([event["updates"] for event in events],
                    [max(event["objective"] / least - 1, ROUNDING) for event in events], color=colour, label=name)
    axes.set(xlabel="coordinate updates", ylabel="objective above the minimum, relative")
    axes.grid(color="#eeeeee")
    axes.legend(frameon=False)
    try:
        figure.savefig(sys.argv[1], dpi=100)
    except (OSError, ValueError) as error:  # the latter where the name's end is no format
        sys.exit(f"apps/lasso/plot.py: cannot write '{sys.argv[1]}': {getattr(error, 'strerror', None) or error}; name another file")
    print(f"wrote {sys.argv[1]}")


if __name__ == "__main__":
    main()
