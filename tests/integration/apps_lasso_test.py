"""lasso: the same minimum under every model, what the schedule saves, and what it says to bad input."""

import os
import re
import subprocess
import unittest

from apps_support import SOURCE, TIMEOUT_S, AppTest

GENERATED = ["--generate", "400,3000,20,30", "--tolerance", "1e-9", "--rounds-max", 20000]


class LassoTest(AppTest):
    def objective(self, *flags, **options):
        run = self.train("lasso", *GENERATED, *flags, **options)
        end = run.last("eval")
        self.assertLessEqual(end["duality_gap"], 1e-9 * end["objective"], run.stderr)
        return end

    def test_finds_the_same_minimum_under_every_model(self):
        expected = self.objective()["objective"]
        for model, staleness, workers, processes in [("bsp", 0, 2, 1), ("ssp", 2, 2, 2), ("essp", 3, 4, 2), ("asp", 0, 2, 1)]:
            with self.subTest(model=model, workers=workers, processes=processes):
                found = self.objective("--consistency", model, "--staleness", staleness, "--workers", workers // processes,
                                       processes=processes)["objective"]
                self.assertAlmostEqual(found / expected, 1, delta=1e-8)

    def test_needs_fewer_updates_than_picking_at_random(self):
        scheduled, at_random = (self.objective("--schedule", schedule, "--evaluate-every", 10)["updates"]
                                for schedule in ["priority", "random"])
        self.assertLess(20 * scheduled, at_random)

    def test_columns_of_one_owner_may_correlate(self):
        updates = [self.objective("--workers", 1, "--correlation-max", most)["updates"] for most in (0.01, 1)]
        self.assertEqual(updates[1], updates[0])

    def test_updates_fewer_columns_together_where_less_correlation_is_allowed(self):
        updates = [self.train("lasso", "--generate", "400,3000,20,30", "--workers", 2, "--consistency", "bsp", "--rounds-max", 5,
                              "--correlation-max", most).last("eval")["updates"]
                   for most in (0.01, 0.1, 1)]
        self.assertTrue(updates[0] < updates[1] < updates[2], updates)

    def test_counts_the_updates_of_rounds_that_are_run(self):
        flags = ["--generate", "2000,5000,40,60", "--consistency", "ssp", "--staleness", 8, "--rounds-max", 5]
        counted = [self.train("lasso", *flags, "--evaluate-every", every).last("eval")["updates"] for every in (5, 50)]
        self.assertEqual(counted[1], counted[0])

    def test_agrees_with_scikit_learn(self):
        python = "/usr/bin/python3"
        if subprocess.run([python, "-c", "import sklearn"], capture_output=True).returncode != 0:
            self.skipTest("python3-sklearn is not installed")
        bench = subprocess.run([python, str(SOURCE / "tests/bench/lasso_vs_sklearn.py"), "--small"], capture_output=True,
                               text=True, timeout=TIMEOUT_S)
        self.assertEqual(bench.returncode, 0, bench.stderr)
        lines = bench.stdout.splitlines()
        self.assertEqual(len(lines), 4, bench.stdout)
        for line in lines:
            self.assertLess(float(re.search(r"([-+][\d.e+-]+) relative", line).group(1)), 1e-4, line)

    def test_the_comparison_fails_where_objectives_differ(self):
        python = "/usr/bin/python3"
        if subprocess.run([python, "-c", "import sklearn"], capture_output=True).returncode != 0:
            self.skipTest("python3-sklearn is not installed")
        finds_nothing = self.write("bin/lasso", "#!/usr/bin/python3\nimport sys, numpy\n"
                                                "numpy.save(sys.argv[-1] + '/coefficients.npy', numpy.zeros(3))\n")
        finds_nothing.chmod(0o755)
        bench = subprocess.run([python, str(SOURCE / "tests/bench/lasso_vs_sklearn.py"), "--small"], capture_output=True, text=True,
                               timeout=TIMEOUT_S, env={**os.environ, "BOSEN_BIN": str(finds_nothing.parent)})
        self.assertEqual(bench.returncode, 1, bench.stderr)
        self.assertEqual(len(bench.stdout.splitlines()), 4, bench.stderr)

    def test_finds_the_same_from_the_same_seed_under_bsp(self):
        output = self.folder / "result"
        found = []
        for processes, seed in ((1, 1), (1, 1), (3, 1), (1, 2)):
            self.train("lasso", "--generate", "2000,5000,40,60", "--workers", 3 // processes, "--consistency", "bsp", "--rounds-max",
                       40, "--evaluate-every", 10, "--tolerance", 0, "--seed", seed, "--output", output, processes=processes)
            found.append((output / "coefficients.npy").read_bytes())
        self.assertEqual(found[1], found[0])
        self.assertEqual(found[2], found[0])
        self.assertNotEqual(found[3], found[0])

    def test_writes_the_coefficients(self):
        output = self.folder / "result"
        data = self.write("line.svm", "2 1:1\n4 1:2\n6 1:3 2:0.001\n")
        self.train("lasso", "--data", data, "--lambda", 0.01, "--output", output)
        raw = (output / "coefficients.npy").read_bytes()
        header = 10 + raw[8] + 256 * raw[9]
        found = list(memoryview(raw[header:]).cast("d"))
        # soft(28 / 3, 0.01) / (14 / 3)
        self.assertAlmostEqual(found[0], (28 / 3 - 0.01) / (14 / 3), delta=1e-6)
        self.assertEqual(found[1], 0)

    def test_says_one_of_one(self):
        run = self.train("lasso", "--data", self.write("one.svm", "1 1:2\n"))
        self.assertIn("lasso: 1 example, 1 column, 1 entry, lambda ", run.stderr)
        self.assertIn("; 1 coefficient is not zero; ", run.stderr)

    def test_ends_with_what_to_do_next(self):
        run = self.train("lasso", *GENERATED)
        self.assertEqual(run.stderr.splitlines()[-1], "lasso: next, keep the coefficients: add --output results")
        output = self.folder / "result"
        run = self.train("lasso", *GENERATED, "--output", output)
        self.assertEqual(run.stderr.splitlines()[-2:], [f"lasso: wrote {output}/coefficients.npy",
                                                        f"lasso: next, look: numpy.load('{output}/coefficients.npy')"])

    def test_writes_before_it_concludes(self):
        (self.folder / "result/coefficients.npy/in the way").mkdir(parents=True)
        run = self.run_app("lasso", *GENERATED, "--output", self.folder / "result")
        self.assertEqual(run.code, 2, run.stderr)
        self.assertIn("cannot write", run.stderr.splitlines()[-1])
        self.assertNotIn("coefficients are not zero", run.stderr)

    def test_says_that_it_diverged(self):
        """Forty equal columns, all changed at once by workers that don't see each other."""
        line = " ".join(f"{column}:1" for column in range(1, 41))
        data = self.write("equal.svm", "".join(f"{i % 7} {line}\n" for i in range(30)))
        flags = ["--data", data, "--schedule", "random", "--workers", 8, "--consistency", "bsp", "--evaluate-every", 5000,
                 "--rounds-max", 5000, "--lambda-ratio", 0.01]
        run = self.run_app("lasso", *flags)
        self.assertEqual(run.code, 2, run.stderr)
        self.assertRegex(run.stderr.splitlines()[-1], r"^lasso: diverged before round \d+: take a smaller --round")
        self.assertNotIn("invariant", run.stderr)

    def test_refuses_bad_input(self):
        self.assert_refuses("lasso", [], "--data FILE", "--generate")
        self.assert_refuses("lasso", ["--data", self.folder / "nowhere"], "nowhere: is not there")
        self.assert_refuses("lasso", ["--data", self.write("bad.svm", "1 1:1\n2 x\n")], "bad.svm:2:3: 'x' is not of the form")
        large = self.write("large.svm", "1e308 1:1e10 2:1\n2 1:2 2:1\n")
        self.assert_refuses("lasso", ["--data", large, "--lambda", 1], "the targets are too large", "scale the data")
        self.assert_refuses("lasso", ["--generate", "1,2,3"], "--generate", "ROWS,COLUMNS,ENTRIES,TRUE")
        self.assert_refuses("lasso", ["--generate", "9,20,30,4"], "--generate: '9,20,30,4'", "ENTRIES", "the 20 COLUMNS")


if __name__ == "__main__":
    unittest.main()
