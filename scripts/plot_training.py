#!/usr/bin/env python3
"""Draws loss and accuracy of training runs over time, from their metrics files.

Usage: plot_training.py FIGURE.png NAME=METRICS.jsonl...
"""

import itertools
import sys

from plot_quickstart import COLOURS, read_events


def series(events, measure):
    """Times and values of all evaluations that have the measure. A run that was resumed goes on where it had stopped."""
    points, before_s, last_s = [], 0, 0
    for event in events:
        if event["event"] == "start":
            before_s = last_s
        elif event["event"] == "eval":
            last_s = before_s + event["time_s"]
            if measure in event:
                points.append((last_s, event[measure]))
    return [time_s for time_s, _ in points], [value for _, value in points]


def draw(runs, figure_path):
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    pyplot.rcParams.update({"font.size": 10, "axes.spines.top": False, "axes.spines.right": False})
    figure, panels = pyplot.subplots(1, 2, figsize=(10, 4), layout="constrained")
    for panel, measure, title in zip(panels, ("loss", "accuracy"), ("Training loss", "Test accuracy")):
        for (name, events), colour in zip(runs.items(), itertools.cycle(COLOURS)):
            times_s, values = series(events, measure)
            marker = "o" if len(times_s) < 30 else None
            panel.plot(times_s, values, marker=marker, markersize=4, color=colour, label=name)
        panel.set(xlabel="time [s]", ylabel=measure, title=title)
        panel.set_xlim(left=0)
        panel.grid(color="#eeeeee")
        panel.legend(frameon=False)
    figure.savefig(figure_path, dpi=150)


def main():
    if sys.argv[1:] in (["-h"], ["--help"]):
        print(__doc__.strip())
        return
    if len(sys.argv) < 3:
        sys.exit(__doc__.strip())
    runs = {}
    for argument in sys.argv[2:]:
        name, _, path = argument.rpartition("=")
        runs[name] = read_events(path)
        if not series(runs[name], "accuracy")[0]:
            sys.exit(f"{path}: has no 'eval' event with an accuracy; was the run interrupted?")
    draw(runs, sys.argv[1])


if __name__ == "__main__":
    main()
