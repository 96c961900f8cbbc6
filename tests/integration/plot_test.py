"""Figures show all the runs that they were given, from their beginnings to their ends."""

import json
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PYTHON = "/usr/bin/python3"  # the one that Debian's matplotlib belongs to
TIMEOUT_S = 100
NAMES = [f"run-{number}" for number in range(9)]  # more than there are colours


def texts(svg):
    """Matplotlib draws them as outlines, with a comment that says them."""
    return re.findall("<!-- (.*) -->", svg)


@unittest.skipIf(subprocess.run([PYTHON, "-c", "import matplotlib"], capture_output=True, check=False).returncode != 0,
                 "python3-matplotlib is not installed")
class PlotTest(unittest.TestCase):
    def draw(self, script, *arguments, runs=len(NAMES)):
        """The SVG of so many runs."""
        with tempfile.TemporaryDirectory() as folder:
            figure = pathlib.Path(folder, "figure.svg")
            done = self.run_script(script, figure, *arguments, runs=runs)
            self.assertEqual(done.returncode, 0, done.stderr)
            return figure.read_text(encoding="utf-8")

    def run_script(self, script, figure, *arguments, runs=1):
        with tempfile.TemporaryDirectory() as folder:
            metrics = pathlib.Path(folder, "metrics.jsonl")
            metrics.write_text("\n".join(json.dumps(event) for event in [
                {"event": "eval", "clock": 1, "time_s": 1.0, "updates": 10, "objective": 3.0},
                {"event": "eval", "clock": 2, "time_s": 2.0, "updates": 20, "objective": 2.0},
                {"event": "end", "wall_s": 2.0, "objective": 2.0, "reads": 4, "staleness_histogram": {"-1": 3, "0": 1}},
            ]), encoding="utf-8")
            return subprocess.run([PYTHON, ROOT / script, figure, *arguments, *(f"{name}={metrics}" for name in NAMES[:runs])],
                                  check=False, capture_output=True, text=True, timeout=TIMEOUT_S)

    def test_a_measure_and_staleness_of_more_runs_than_colours(self):
        drawn = self.draw("apps/plot.py", "objective")
        for name in NAMES:
            self.assertIn(f"{name}: 2.0 s, 2.0000", texts(drawn))
        bars = re.findall(r'" clip-path="[^"]*" style="fill: #(?!ffffff)', drawn)
        self.assertEqual(len(bars), 2 * len(NAMES), "two differentials each")

    def test_differentials_have_whole_ticks_around_which_the_bars_stand(self):
        drawn = self.draw("apps/plot.py", "objective", runs=2)
        axis = drawn[drawn.index('id="axes_2"'):]
        axis = axis[axis.index('id="matplotlib.axis_'):]
        labels = texts(axis[:axis.index("clock of the copy")])
        self.assertEqual(labels, ["\u22121", "0"] if labels[0] != "-1" else ["-1", "0"])

    def test_a_figure_that_cannot_be_written_is_one_line(self):
        for script, measure in (("apps/plot.py", ["objective"]), ("apps/lasso/plot.py", [])):
            for path in ("/proc/x.png", "/tmp/figure.nothing"):
                done = self.run_script(script, path, *measure)
                self.assertRegex(done.stderr, rf"\A{re.escape(script)}: cannot write '{path}': [^\n]*; name another file\n\Z")

    def test_lasso_of_more_runs_than_colours(self):
        drawn = self.draw("apps/lasso/plot.py")
        for name in NAMES:
            self.assertIn(name, texts(drawn))

    def test_a_training_that_was_resumed_goes_on_where_it_had_stopped(self):
        sys.path.append(str(ROOT / "scripts"))
        from plot_training import series
        events = [{"event": "start"}, {"event": "eval", "time_s": 4.0, "loss": 3.0}, {"event": "eval", "time_s": 5.0},
                  {"event": "start"}, {"event": "eval", "time_s": 1.0, "loss": 2.0}]
        self.assertEqual(series(events, "loss"), ([4.0, 6.0], [3.0, 2.0]))


if __name__ == "__main__":
    unittest.main(verbosity=1)
