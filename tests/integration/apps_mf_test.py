"""mf: its error on MovieLens and on made-up ratings under every model, what it writes, and what it says to bad input."""

import json
import os
import pathlib
import resource
import subprocess
import unittest

from apps_support import BIN, SOURCE, TIMEOUT_S, AppTest

MOVIELENS = next((path for path in (pathlib.Path(os.environ.get("BOSEN_ML100K", "/nowhere")),
                                    SOURCE.parent / "shared/data/ml-100k/u.data") if path.exists()), None)
SANITIZED = bool(os.environ.get("BOSEN_SANITIZE"))

GENERATED = ["--generate", "300,120,3,12000", "--rank", 3, "--test-every", 5, "--regularization", 0.02]
NOISE = 0.3  # of generated ratings: no model does better

SETTINGS = [(model, staleness, workers, processes)
            for model, staleness in [("bsp", 0), ("ssp", 4), ("essp", 4), ("asp", 0)]
            for processes in (1, 2) for workers in (1, 2, 4) if workers >= processes]


class EveryModelTest(AppTest):
    def check(self, flags, highest_rmse, highest_rmse_asp):
        """`asp` bounds nothing: on a loaded machine one process may be far ahead of the other, so it has a bound of its own."""
        for model, staleness, workers, processes in SETTINGS:
            with self.subTest(model=model, staleness=staleness, workers=workers, processes=processes):
                run = self.train("mf", *flags, "--consistency", model, "--staleness", staleness, "--workers",
                                 workers // processes, processes=processes)
                self.assertLessEqual(run.last("eval")["rmse"], highest_rmse_asp if model == "asp" else highest_rmse)
                self.assertEqual(len(run.of_kind("eval")), 30)
                self.assertEqual(run.last("start")["workers"], workers)

    @unittest.skipIf(SANITIZED, "takes minutes under a sanitizer")
    def test_finds_the_factors_behind_generated_ratings(self):
        # Guessing every rating as the mean is off by more than 0.7.
        self.check(GENERATED, NOISE + 0.15, 0.7)

    @unittest.skipUnless(MOVIELENS, "MovieLens 100k is not here: name its u.data in BOSEN_ML100K")
    @unittest.skipIf(SANITIZED, "takes minutes under a sanitizer")
    def test_reaches_its_error_on_movielens(self):
        self.check(["--data", MOVIELENS, "--test-every", 5, "--rank", 20], 0.925, 0.925)


class MetricsTest(AppTest):
    def test_has_all_events_and_the_histogram_of_staleness(self):
        for processes in (1, 2):
            with self.subTest(processes=processes):
                run = self.train("mf", *GENERATED, "--epochs", 2, "--clocks-per-epoch", 10, "--workers", 2, "--consistency",
                                 "ssp", "--staleness", 2, processes=processes)
                self.assertEqual(run.last("start")["configuration"]["generate"], "300,120,3,12000")
                self.assertEqual([each["clock"] for each in run.of_kind("eval")], [11, 21])
                end = run.last("end")
                self.assertEqual((end["clocks"], end["workers"]), (21, 2 * processes))
                self.assertEqual(sum(end["staleness_histogram"].values()), end["reads"])
                self.assertGreaterEqual(min(map(int, end["staleness_histogram"])), -2)

    def test_runs_as_many_clocks_as_asked_for(self):
        run = self.train("mf", *GENERATED, "--clocks-per-epoch", 10, "--clocks", 26)
        self.assertEqual([each["clock"] for each in run.of_kind("eval")], [11, 21, 26])
        self.assertEqual(run.last("end")["clocks"], 26)

    def test_a_clock_of_no_ratings_is_no_divergence(self):
        run = self.train("mf", "--generate", "10,10,2,20", "--clocks-per-epoch", 1000, "--clocks", 2, "--workers", 2)
        self.assertEqual(run.of_kind("eval"), [])
        run = self.train("mf", "--generate", "10,10,2,20", "--clocks-per-epoch", 1000, "--epochs", 2, "--workers", 2)
        self.assertEqual([each["clock"] for each in run.of_kind("eval")], [19, 37])

    def test_learns_the_same_from_the_same_seed_under_bsp(self):
        flags = [*GENERATED, "--epochs", 2, "--workers", 2, "--consistency", "bsp"]
        errors = [self.train("mf", *flags, "--seed", seed).last("eval")["rmse"] for seed in (1, 1, 2)]
        self.assertEqual(errors[0], errors[1])
        self.assertNotEqual(errors[0], errors[2])

    def test_writes_the_model_and_the_metrics_into_the_output_folder(self):
        output = self.folder / "results"
        run = self.train("mf", "--data", self.write("ratings", "7 1 5\n7 2 3\n-9 1 4\n"), "--test-every", 0, "--rank", 2,
                         "--epochs", 1, "--output", output)
        for name, part in [("users", b"'descr': '<f4', 'fortran_order': False, 'shape': (2,3,)"),
                           ("items", b"'descr': '<f4', 'fortran_order': False, 'shape': (2,3,)"),
                           ("user_ids", b"'descr': '<i8', 'fortran_order': False, 'shape': (2,)"),
                           ("mean", b"'descr': '<f8', 'fortran_order': False, 'shape': ()")]:
            self.assertIn(part, (output / f"{name}.npy").read_bytes())
        self.assertIn("train_rmse", run.last("eval"))
        self.assertNotIn("rmse", run.last("eval"))
        self.assertIn("next, on two processes: bosen run -n 2", run.stderr.splitlines()[-1])

    def test_proposes_several_processes_only_where_there_is_one(self):
        output = self.folder / "results"
        for processes, servers in [(2, 0), (1, 1)]:
            run = self.train("mf", *GENERATED, "--epochs", 1, "--output", output, processes=processes, servers=servers)
            self.assertEqual(run.stderr.splitlines()[-1], f"[0] mf: next, look: numpy.load('{output}/users.npy')")

    def test_says_how_to_keep_the_model(self):
        run = self.train("mf", *GENERATED, "--epochs", 1)
        self.assertEqual(run.stderr.splitlines()[-1], "mf: next, keep the model: add --output results")

    def test_runs_on_dedicated_servers(self):
        run = self.train("mf", *GENERATED, "--epochs", 3, processes=2, servers=1)
        self.assertEqual(len(run.of_kind("eval")), 3)

    def test_runs_from_its_configuration_file(self):
        run = self.train("mf", "--config", SOURCE / "config/apps/mf.yaml", "--epochs", 1)
        self.assertEqual(len(run.of_kind("eval")), 1)


class BadInputTest(AppTest):
    def test_flags(self):
        self.assert_refuses("mf", [], "give either --data FILE or --generate")
        self.assert_refuses("mf", ["--data", "x", "--generate", "9,9,1,9"], "give either --data FILE or --generate")
        self.assert_refuses("mf", ["--generate", "9,9,1"], "--generate", "is not of the form ROWS,COLS,RANK,NNZ")
        self.assert_refuses("mf", ["--generate", "2,2,1,9"], "9 ratings don't fit into 2 x 2")
        self.assert_refuses("mf", ["--generate", "9,9,1,9", "--rnk", 3], "--rnk", "did you mean '--rank'?")
        self.assert_refuses("mf", ["--generate", "9,9,1,9", "--test-every", 1], "leaves nothing to learn from")
        self.assert_refuses("mf", ["--generate", "9,9,1,9", "--learning-rate", "1e-400"], "1e-400 is too small a number")
        self.assert_refuses("mf", ["--generate", "9,9,1,9", "--learning-rate", "1e400"], "1e400 is too large a number")

    def test_files(self):
        self.assert_refuses("mf", ["--data", "/nowhere"], "/nowhere: is not there")
        for text, part in [
            ("", "ratings: is empty"),
            ("1 2 3\n1 2\n", "ratings:2:4: the rating is missing"),
            ("1 2 3\nuser 2 3\n", "ratings:2:1: the user 'user' is not a whole number"),
            ("1 2 3\n1 2 many\n", "ratings:2:5: the rating 'many' is not a number"),
        ]:
            with self.subTest(part=part):
                self.assert_refuses("mf", ["--data", self.write("ratings", text)], part)

    def test_more_workers_than_ratings(self):
        flags = ["--data", self.write("ratings", "1 1 5\n2 1 5\n"), "--workers", 3]
        self.assert_refuses("mf", flags, "there are 3 workers for 2 ratings", "use fewer workers")

    def test_says_when_training_diverges(self):
        run = self.run_app("mf", *GENERATED, "--learning-rate", 5)
        self.assertEqual(run.code, 2)
        self.assertIn("training diverged", run.stderr.splitlines()[-1])

    def test_learns_on_where_stderr_is_full_or_closed(self):
        for redirection in ("2>/dev/full", "2>&-", "<&- >&- 2>&-"):
            with self.subTest(redirection):
                output = self.folder / "out"
                command = f"exec {BIN / 'mf'} --generate 60,80,4,2000 --output {output} {redirection}"
                done = subprocess.run(["/bin/sh", "-c", command], timeout=TIMEOUT_S, check=False)
                self.assertEqual(done.returncode, 0)
                events = [json.loads(line)["event"] for line in (output / "metrics.jsonl").read_text().splitlines()]
                self.assertEqual(events[-1], "end")
                self.assertTrue((output / "users.npy").exists())

    def test_learns_on_where_metrics_can_no_longer_be_written(self):
        output = self.folder / "out"

        def no_large_files():
            resource.setrlimit(resource.RLIMIT_FSIZE, (6000, 6000))

        command = [BIN / "mf", "--generate", "60,80,4,2000", "--rank", 4, "--epochs", 100, "--output", output,
                   "--tensorboard", self.folder / "board"]
        done = subprocess.run(list(map(str, command)), timeout=TIMEOUT_S, check=False, capture_output=True, text=True,
                              preexec_fn=no_large_files, restore_signals=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        metrics = output / "metrics.jsonl"
        self.assertEqual(done.stderr.count(f"cannot write metrics file '{metrics}': File too large; the run goes on"), 1,
                         done.stderr)
        self.assertIn(f"mf: {metrics} (metrics) is incomplete", done.stderr)
        self.assertRegex(done.stderr, r"mf: .*/board/events\S+ \(for TensorBoard\) is incomplete")
        self.assertTrue(metrics.read_text().endswith("\n"))
        events = [json.loads(line)["event"] for line in metrics.read_text().splitlines()]
        self.assertEqual((events[0], events[-1] == "end"), ("start", False))
        self.assertTrue((output / "users.npy").exists())


if __name__ == "__main__":
    unittest.main()
