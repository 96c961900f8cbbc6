#!/usr/bin/python3
"""Draws what a sweep measured: figures as PNG and SVG, and a page that holds all of it.

Usage: scripts/sweep_report.py FOLDER

FOLDER holds the summary.json and results.csv of `bosen sweep`, which calls this itself. Needs python3-matplotlib. Writes
FOLDER/figures and FOLDER/report.html, which opens without a network.
"""

import csv
import html
import io
import json
import math
import sys
from collections import defaultdict
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
matplotlib.rcParams["svg.hashsalt"] = "bosen"  # the same ids every time
matplotlib.rcParams["svg.fonttype"] = "none"
matplotlib.rcParams["text.parse_math"] = False  # a "$" of a name begins no formula
from matplotlib import pyplot  # noqa: E402

COLUMNS = 3
STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 1100px; margin: 2em auto; padding: 0 1em; color: #222; }
h1 { font-size: 1.6em; } h2 { font-size: 1.2em; margin-top: 2em; }
table { border-collapse: collapse; font-size: 14px; } th, td { padding: .3em .8em; text-align: right; border-bottom: 1px solid #ddd; }
th:first-child, td:first-child { text-align: left; } svg { max-width: 100%; height: auto; } p.good { font-weight: 600; }
"""


class Sweep:
    def __init__(self, folder):
        self.folder = Path(folder)
        self.summary = json.loads((self.folder / "summary.json").read_text(encoding="utf-8"))
        with open(self.folder / "results.csv", encoding="utf-8", newline="") as file:
            self.rows = list(csv.DictReader(file))
        self.axis = self.summary["axes"][0]
        self.values = list(dict.fromkeys(setting["labels"][self.axis] for setting in self.summary["settings"]))
        self.groups = list(dict.fromkeys(self.group(setting["labels"]) for setting in self.summary["settings"]))
        colors = pyplot.get_cmap("viridis")
        self.colors = {value: colors(0.9 * i / max(1, len(self.values) - 1)) for i, value in enumerate(self.values)}

    def group(self, labels):
        """What the axes but the first say."""
        return ", ".join(f"{axis} {labels[axis]}" for axis in self.summary["axes"][1:])

    def settings(self, group):
        return [setting for setting in self.summary["settings"] if self.group(setting["labels"]) == group]

    def runs(self, group, value, status="done"):
        return [run for run in self.summary["runs"]
                if self.group(run["labels"]) == group and run["labels"][self.axis] == value and run["status"] == status]


def panels(sweep):
    """A figure with a panel a group: figure, and the axes by group."""
    columns = min(COLUMNS, len(sweep.groups))
    rows = -(-len(sweep.groups) // columns)
    figure, grid = pyplot.subplots(rows, columns, figsize=(max(5.5, 4.2 * columns), 3.4 * rows), squeeze=False,
                                   layout="constrained", sharey=True)
    for axes in grid.flat[len(sweep.groups):]:
        axes.set_visible(False)
    for axes, group in zip(grid.flat, sweep.groups):
        axes.set_title(group, fontsize=10)
        axes.spines[["top", "right"]].set_visible(False)
    return figure, dict(zip(sweep.groups, grid.flat))


def curves(sweep, horizontal, label):
    """The measure over time or clocks, a line a run; of a run that diverged as far as it was finite, with a cross at its end."""
    lines = defaultdict(list)
    for row in sweep.rows:
        if row.get(sweep.summary["measure"]) and math.isfinite(value := float(row[sweep.summary["measure"]])):
            lines[row["run"]].append((float(row[horizontal]), value))
    figure, by_group = panels(sweep)
    bounds = bounds_of_good(sweep, lines)
    for group, axes in by_group.items():
        for value in sweep.values:
            for number, run in enumerate(sweep.runs(group, value, "diverged")):
                points = [(x, min(max(y, bounds[0]), bounds[1])) for x, y in lines[str(run["run"])]]
                if points:
                    axes.plot(*zip(*points), color=sweep.colors[value], linewidth=1.3, linestyle=":", marker="x",
                              markevery=[len(points) - 1], label=f"{sweep.axis} {value}, diverged" if number == 0 else None)
            for number, run in enumerate(sweep.runs(group, value)):
                if points := lines[str(run["run"])]:
                    axes.plot(*zip(*points), color=sweep.colors[value], linewidth=1.3,
                              label=f"{sweep.axis} {value}" if number == 0 else None)
        if target := sweep.summary["target"]:
            axes.axhline(target["value"], color="#888", linewidth=0.8, linestyle="--")
        axes.set(xlabel=label, ylabel=sweep.summary["measure"])
    by_group[sweep.groups[0]].legend(fontsize=8, frameon=False)
    return figure


def bounds_of_good(sweep, lines):
    """Least and most of the runs that ended well, with some room: one that diverges would flatten all others."""
    good = [y for run in sweep.summary["runs"] if run["status"] == "done" for _, y in lines[str(run["run"])]]
    if not good:
        return -math.inf, math.inf
    room = 0.1 * (max(good) - min(good))
    return min(good) - room, max(good) + room


def bars(sweep, key, label, scale=1):
    """An estimate with its interval, a bar a value. Pale and hatched where it is of some seeds only."""
    figure, by_group = panels(sweep)
    for group, axes in by_group.items():
        for place, setting in enumerate(sweep.settings(group)):
            if estimate := setting[key]:
                some = of_some(sweep, setting) if key == "seconds" else ""
                axes.bar(place, scale * estimate["mean"], yerr=scale * estimate["half_width"] or None, capsize=3,
                         color=sweep.colors[setting["labels"][sweep.axis]], alpha=0.3 if some else 1, hatch="///" if some else None)
                axes.text(place, 0, some, ha="center", va="bottom", rotation=90, color="#a00", fontsize=8)
            else:
                axes.text(place, 0, "none", ha="center", va="bottom", rotation=90, color="#a00", fontsize=8)
        axes.set_xticks(range(len(sweep.values)), sweep.values)
        axes.set(xlabel=sweep.axis, ylabel=label)
    return figure


def of_some(sweep, setting):
    """"1 of 5" where not all seeds got there: the others would have taken longer than the mean says."""
    counted = setting["reached"] if sweep.summary["target"] else setting["runs"] - setting["diverged"] - setting["failed"]
    return f"{counted} of {setting['runs']}" if counted < setting["runs"] else ""


def times(sweep):
    """Computing and waiting of all workers together, the means of the runs."""
    figure, by_group = panels(sweep)
    for group, axes in by_group.items():
        for place, value in enumerate(sweep.values):
            if runs := sweep.runs(group, value):
                compute = sum(run["compute_s"] for run in runs) / len(runs)
                wait = sum(run["wait_s"] for run in runs) / len(runs)
                axes.bar(place, compute, color="#0072b2", label="computing" if place == 0 else None)
                axes.bar(place, wait, bottom=compute, color="#e69f00", label="waiting" if place == 0 else None)
        axes.set_xticks(range(len(sweep.values)), sweep.values)
        axes.set(xlabel=sweep.axis, ylabel="seconds of all workers")
    by_group[sweep.groups[0]].legend(fontsize=8, frameon=False)
    return figure


def differentials(sweep):
    """How old what workers read was, in clocks."""
    figure, by_group = panels(sweep)
    for group, axes in by_group.items():
        for value in sweep.values:
            counts = defaultdict(int)
            for run in sweep.runs(group, value):
                for differential, count in run["staleness_histogram"].items():
                    counts[int(differential)] += count
            if total := sum(counts.values()):
                places = sorted(counts)
                axes.plot(places, [counts[place] / total for place in places], marker="o", markersize=4, linewidth=1.2,
                          color=sweep.colors[value], label=f"{sweep.axis} {value}")
        axes.set(xlabel="clock differential of a read", ylabel="share of reads")
    by_group[sweep.groups[0]].legend(fontsize=8, frameon=False)
    return figure


def save(sweep, name, figure):
    """Writes both files; returns the SVG for the page."""
    folder = sweep.folder / "figures"
    folder.mkdir(exist_ok=True)
    figure.savefig(folder / f"{name}.png", dpi=150, metadata={"Software": None})
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None})
    pyplot.close(figure)
    (folder / f"{name}.svg").write_text(text.getvalue(), encoding="utf-8")
    return text.getvalue()[text.getvalue().index("<svg"):]


def shown(estimate, scale=1):
    if estimate is None:
        return "&ndash;"
    # Two digits, and never as 1.4e+02.
    spread = f" &plusmn; {float(format(scale * estimate['half_width'], '.2g')):g}" if estimate["half_width"] else ""
    return f"{scale * estimate['mean']:.4g}{spread}"


def table(sweep, cost):
    heads = [*map(html.escape, sweep.summary["axes"]), html.escape(cost), "waiting, %", "MB", html.escape(sweep.summary["measure"]) + " at the end", "runs",
             "reached", "diverged", "failed"]
    rows = []
    for setting in sweep.summary["settings"]:
        cells = [html.escape(setting["labels"][axis]) for axis in sweep.summary["axes"]]
        some = f" ({of_some(sweep, setting)})" if setting["seconds"] and of_some(sweep, setting) else ""
        cells += [shown(setting["seconds"]) + some, shown(setting["waiting"], 100), shown(setting["megabytes"]), shown(setting["last"])]
        cells += [str(setting[key]) for key in ("runs", "reached", "diverged", "failed")]
        rows.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    return "<table><tr>" + "".join(f"<th>{head}</th>" for head in heads) + "</tr>" + "".join(rows) + "</table>"


def main():
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        print(__doc__.strip())
        return 0 if len(sys.argv) == 2 else 2
    sweep = Sweep(sys.argv[1])
    target = sweep.summary["target"]
    measure = sweep.summary["measure"]
    cost = f"seconds to {measure} {'at least' if target['at_least'] else 'at most'} {target['value']:g}" if target else "seconds of the run"
    figures = {
        f"{measure} over time": ("over_time", curves(sweep, "time_s", "seconds")),
        f"{measure} over clocks": ("over_clocks", curves(sweep, "clock", "clocks")),
        cost[0].upper() + cost[1:]: ("seconds", bars(sweep, "seconds", "seconds")),
        "Computing against waiting": ("times", times(sweep)),
        "How old reads were": ("differentials", differentials(sweep)),
        "Bytes": ("bytes", bars(sweep, "megabytes", "MB sent by all processes")),
    }
    parts = [f"<!doctype html><html lang=en><meta charset=utf-8><title>{html.escape(sweep.summary['name'])}</title>",
             f"<style>{STYLE}</style><h1>{html.escape(sweep.summary['name'])}</h1>",
             f"<p>{html.escape(sweep.summary['program'])}, {len(sweep.summary['runs'])} runs on "
             f"{'simulated clusters: times are theirs' if sweep.summary['simulated'] else 'real processes'}. Intervals are "
             "95% over seeds.</p><h2>What it shows</h2>"]
    parts += [f"<p class=good>{html.escape(text[0].upper() + text[1:])}</p>" for text in sweep.summary["conclusions"]]
    parts += ["<h2>Settings</h2>", table(sweep, cost)]
    for title, (name, figure) in figures.items():
        parts += [f"<h2>{html.escape(title)}</h2>", save(sweep, name, figure)]
    (sweep.folder / "report.html").write_text("\n".join(parts) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
