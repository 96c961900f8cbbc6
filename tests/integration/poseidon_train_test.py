"""poseidon train and test: what is learned, resuming, snapshots, several workers, numbers that are not finite."""

import json
import os
import re
import shutil
import subprocess
import unittest

from poseidon_support import BOSEN, NET, PLAIN_NET, POSEIDON, SOLVER, TIMEOUT_S, PoseidonTest, read_safetensors


class TrainTest(PoseidonTest):
    def test_learns_and_reports(self):
        run = self.succeed("train", self.solver, "--data", self.make_data())
        evals = run.of_kind("eval")
        losses = [each["loss"] for each in evals if "learning_rate" in each]
        self.assertEqual(len(losses), 40)
        self.assertLess(losses[-1], losses[0] / 2)
        tests = [each for each in evals if "accuracy" in each]
        self.assertEqual([each["clock"] for each in tests], [20, 40])
        self.assertGreater(tests[-1]["accuracy"], 0.9)
        self.assertLess(tests[-1]["test_loss"], tests[0]["test_loss"] + 0.1)
        self.assertEqual(run.last("start")["program"], "poseidon train")
        end = run.last("end")
        self.assertEqual(end["clocks"], 40)
        self.assertGreater(end["images_per_second"], 0)
        self.assertIn("images/s", run.stderr)
        for each in evals:
            if "learning_rate" in each:
                self.assertTrue(0 <= each["data_wait"] <= 1 and 0 <= each["network_wait"] <= 1, each)
        self.assertIn("data_wait", evals[0])

    def test_several_workers_learn_what_one_learns(self):
        data = self.make_data()
        self.net.write_text(PLAIN_NET)

        def losses(*flags, **options):
            """Of training, then those of the tests, over which the workers share."""
            run = self.succeed("train", self.solver, "--data", data, *flags, **options)
            evals = run.of_kind("eval")
            return ([each["loss"] for each in evals if "learning_rate" in each] +
                    [each["test_loss"] for each in evals if "test_loss" in each])

        expected = losses("--batch", 40)
        self.assertEqual(len(expected), 42)
        for flags, options in [
            (["--batch", 20, "--workers", 2], {}),
            (["--batch", 20, "--scheme", "sfb"], {"processes": 2}),
            (["--batch", 20, "--no-overlap"], {"processes": 2}),
            (["--batch", 10, "--workers", 2, "--scheme", "ps"], {"processes": 2}),
            (["--batch", 10, "--workers", 2], {"processes": 2}),
            (["--batch", 20], {"processes": 2, "servers": 1}),
        ]:
            with self.subTest(flags=flags, **options):
                for ours, theirs in zip(losses(*flags, **options), expected, strict=True):
                    self.assertAlmostEqual(ours, theirs, delta=1e-4 * theirs)

    def test_threads_that_read_ahead_change_nothing(self):
        data = self.make_data()
        alone, three = (self.succeed("train", self.solver, "--data", data, "--clocks", 10, "--read-threads", count)
                        for count in (1, 3))
        self.assertEqual([each["loss"] for each in three.of_kind("eval") if "loss" in each],
                         [each["loss"] for each in alone.of_kind("eval") if "loss" in each])

    def test_several_batches_make_one_update(self):
        data = self.make_data()
        self.net.write_text(PLAIN_NET)
        whole = self.succeed("train", self.solver, "--data", data, "--batch", 40, "--clocks", 10).last("eval")
        self.solver.write_text(SOLVER + "iter_size: 2\n")
        parts = self.succeed("train", self.solver, "--data", data, "--batch", 20, "--clocks", 10).last("eval")
        self.assertAlmostEqual(parts["test_loss"], whole["test_loss"], delta=1e-3 * whole["test_loss"])

    def test_a_reported_loss_is_the_mean_of_the_last(self):
        data = self.make_data()

        def losses(further):
            self.solver.write_text(SOLVER + further)
            run = self.succeed("train", self.solver, "--data", data, "--clocks", 10)
            return [each["loss"] for each in run.of_kind("eval") if "learning_rate" in each]

        each = losses("")
        for i, mean in enumerate(losses("average_loss: 4\n")):
            last = each[max(0, i - 3):i + 1]
            self.assertAlmostEqual(mean, sum(last) / len(last), delta=1e-6 * mean)

    def test_staleness_learns_too(self):
        data = self.make_data()
        for model in ("ssp", "essp", "asp"):
            run = self.succeed("train", self.solver, "--data", data, "--consistency", model, "--staleness", 2,
                               "--workers", 2)
            self.assertGreater(run.last("eval")["accuracy"], 0.8, model)

    def test_reports_of_a_worker_far_behind_are_waited_for(self):
        """It has more of them on the way than a channel holds when the others are done."""
        run = self.succeed("train", self.solver, "--data", "synthetic", "--workers", 2, "--consistency", "asp",
                           "--clocks", 300, "--straggler", "1:20")
        self.assertEqual(len([each for each in run.of_kind("eval") if "learning_rate" in each]), 300)

    def test_refuses_processes_that_would_drift_apart(self):
        for rank, rate in enumerate(["0.05", "0.06"]):
            self.write(f"solver{rank}.yaml", SOLVER.replace("base_lr: 0.05", f"base_lr: {rate}"))
        run = subprocess.run([BOSEN, "run", "-n", "2", "--", "/bin/sh", "-c",
                              f"exec {POSEIDON} train {self.folder}/solver$BOSEN_RANK.yaml --data synthetic"],
                             capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
        self.assertEqual(run.returncode, 2, run.stderr)
        self.assertRegex(run.stderr, "the checksum of the solver's file is [0-9a-f]{8} at worker 1 and [0-9a-f]{8} at "
                                     "worker 0: start every process with the same files and flags")
        codecs = "$([ $BOSEN_RANK = 0 ] && echo bf16 || echo 1bit)"
        run = subprocess.run([BOSEN, "run", "-n", "2", "--", "/bin/sh", "-c",
                              f"exec {POSEIDON} train {self.solver} --data synthetic --codec {codecs}"],
                             capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
        self.assertEqual(run.returncode, 2, run.stderr)
        self.assertIn("--codec is 1bit at worker 1 and bf16 at worker 0", run.stderr)

    def test_refuses_more_classes_than_are_told_apart(self):
        data = self.make_data()
        # The outputs have their layers' names where nothing else is said.
        self.net.write_text(NET.replace("num_output: 10", "num_output: 9").replace("bottom: ip1, top: ip2", "bottom: ip1"))
        self.refuse(["train", self.solver, "--data", data], "net.yaml:", "layer 'loss': 'ip2' tells 9 classes apart",
                    "the data has 10 (labels 0 to 9)")

    def test_every_solver_learns(self):
        data = self.make_data()
        for text in ["type: Nesterov\nmomentum: 0.9\nbase_lr: 0.05\n", "type: AdaGrad\nbase_lr: 0.05\n",
                     "type: Adam\nbase_lr: 0.01\n", "clip_gradients: 1\nmomentum: 0.9\nbase_lr: 0.05\n",
                     "base_lr: 0.1\nlr_policy: poly\npower: 1\nwarmup_iter: 10\n"]:
            self.solver.write_text(f"net: net.yaml\nmax_iter: 40\n{text}")
            run = self.succeed("train", self.solver, "--data", data)
            self.assertGreater(run.last("eval")["accuracy"], 0.8, text)

    def test_synthetic_data_needs_no_files(self):
        run = self.succeed("train", self.solver, "--data", "synthetic", "--clocks", 3, "--json")
        self.assertEqual(run.last("end")["clocks"], 3)
        self.assert_prints_its_end(run)

    def test_writes_a_timeline_and_what_layers_cost(self):
        trace, output = self.folder / "trace.json", self.folder / "out"
        run = self.succeed("train", self.solver, "--data", "synthetic", "--clocks", 4, "--trace", trace, "--workers", 2,
                           "--output", output)
        names = {event["name"] for event in json.loads(trace.read_text())["traceEvents"]}
        self.assertLessEqual({"forward conv", "backward conv", "send ip1", "wait ip1", "update ip1"}, names)
        layers = json.loads((output / "layers.json").read_text())["layers"]
        self.assertEqual([layer["layer"] for layer in layers if layer["layer"].startswith("ip")], ["ip1", "ip2"])
        for part in (f"wrote {output}/layers.json", f"wrote {trace}", "(snapshot)", "next, test them: poseidon test"):
            self.assertIn(part, run.stderr)


class SnapshotTest(PoseidonTest):
    def setUp(self):
        super().setUp()
        self.data = self.make_data()

    def train(self, output, *flags, **options):
        return self.succeed("train", self.solver, "--data", self.data, "--output", self.folder / output, *flags,
                            **options)

    def snapshots(self, output):
        return self.folder / output / "snapshots"

    def test_resumes_bit_for_bit(self):
        whole = self.train("whole")
        for resume in (self.snapshots("whole") / "iter_20", None):
            if resume is None:  # the newest of a folder, the newest itself being broken
                resume = self.folder / "copy"
                shutil.copytree(self.snapshots("whole"), resume)
                (resume / "iter_40" / "state.json").unlink()
            again = self.train(f"again-{resume.name}", "--resume", resume)
            if resume.name == "copy":
                self.assertRegex(again.stderr, r"iter_40/state.json: is not there.*; going on from .*/iter_20\n")
            for file in ("weights.safetensors", "solver.safetensors", "state.json"):
                self.assertEqual((self.snapshots(f"again-{resume.name}") / "iter_40" / file).read_bytes(),
                                 (self.snapshots("whole") / "iter_40" / file).read_bytes(), file)
            self.assertEqual(again.of_kind("eval")[-1]["test_loss"], whole.of_kind("eval")[-1]["test_loss"])
            losses = [each["loss"] for each in again.of_kind("eval") if "learning_rate" in each]
            self.assertEqual(losses, [each["loss"] for each in whole.of_kind("eval") if "learning_rate" in each][20:])

    def test_two_workers_resume_bit_for_bit(self):
        # Normalisation keeps statistics of each worker's own, and average_loss looks back beyond the snapshot.
        self.solver.write_text(SOLVER + "average_loss: 8\n")
        whole = self.train("whole", "--workers", 2)
        again = self.train("again", "--workers", 2, "--resume", self.snapshots("whole") / "iter_20")
        for file in ("weights.safetensors", "solver.safetensors", "state.json"):
            self.assertEqual((self.snapshots("again") / "iter_40" / file).read_bytes(),
                             (self.snapshots("whole") / "iter_40" / file).read_bytes(), file)
        for name, count in (("loss", 20), ("test_loss", 2), ("accuracy", 2)):
            ours, theirs = ([each[name] for each in run.of_kind("eval")
                             if name in each and ("learning_rate" in each) == (name == "loss")] for run in (again, whole))
            self.assertEqual(len(ours), count, name)
            self.assertEqual(ours, theirs[-count:], name)

    def test_two_processes_go_on_with_the_schemes_that_they_had_settled(self):
        whole = self.train("whole", processes=2)
        self.assertIn("auto: ", whole.stderr)
        state = json.loads((self.snapshots("whole") / "iter_20" / "state.json").read_text())
        self.assertEqual([state["schemes"][key] for key in ("processes", "workers")], [2, 2])
        again = self.train("again", "--resume", self.snapshots("whole") / "iter_20", processes=2)
        self.assertNotIn("auto: ", again.stderr)
        for file in ("weights.safetensors", "solver.safetensors", "state.json"):
            self.assertEqual((self.snapshots("again") / "iter_40" / file).read_bytes(),
                             (self.snapshots("whole") / "iter_40" / file).read_bytes(), file)

    def test_clocks_go_on_where_the_snapshot_was(self):
        self.train("first", "--clocks", 20)
        run = self.train("second", "--resume", self.snapshots("first"))
        clocks = [each["clock"] for each in run.of_kind("clock")]
        self.assertTrue(20 < clocks[0] <= clocks[-1] <= 40, clocks)
        self.assertIn("poseidon train: clock 40/40 100%", run.stderr)

    def test_goes_on_by_itself_where_its_launcher_starts_it_again(self):
        restarted = {**os.environ, "BOSEN_RESTART": "1"}
        whole = self.train("whole", env=restarted)
        self.assertEqual([each["clock"] for each in whole.of_kind("eval") if "learning_rate" in each], list(range(40)))
        self.train("parts", "--clocks", 20)
        again = self.train("parts", env=restarted)
        self.assertEqual([each["clock"] for each in again.of_kind("eval") if "learning_rate" in each], list(range(20, 40)))
        self.assertEqual((self.snapshots("parts") / "iter_40" / "weights.safetensors").read_bytes(),
                         (self.snapshots("whole") / "iter_40" / "weights.safetensors").read_bytes())

    def test_metrics_go_on_after_those_of_the_run_before(self):
        metrics = self.folder / "kept.jsonl"
        self.train("out", "--clocks", 20, "--metrics", metrics)
        before = metrics.read_text()
        self.train("out", "--metrics", metrics, "--resume", self.snapshots("out"))
        self.assertTrue(metrics.read_text().startswith(before))
        events = [json.loads(line) for line in metrics.read_text().splitlines()]
        self.assertEqual([each["event"] for each in events if each["event"] in ("start", "end")], ["start", "end"] * 2)
        clocks = [each["clock"] for each in events if "learning_rate" in each]
        self.assertEqual(clocks, list(range(40)))
        # A new training begins a new file.
        self.train("other", "--clocks", 3, "--metrics", metrics)
        self.assertFalse(metrics.read_text().startswith(before))

    def test_the_last_iteration_has_its_snapshot_where_it_is_due(self):
        self.solver.write_text(SOLVER + "snapshot_after_train: false\n")
        output = self.folder / "out"
        self.train(output)
        self.assertEqual(sorted(each.name for each in (output / "snapshots").iterdir()), ["iter_20", "iter_40"])

    def test_nothing_is_left_to_do_at_the_end(self):
        self.train("out", "--clocks", 20, "--metrics", self.folder / "out" / "metrics.jsonl")
        files = {path: path.read_bytes() for path in (self.folder / "out").rglob("*") if path.is_file()}
        self.refuse(["train", self.solver, "--data", self.data, "--output", self.folder / "out", "--clocks", 20, "--resume",
                     self.snapshots("out"), "--metrics", self.folder / "out" / "metrics.jsonl"], "iteration 20", "nothing is left to do", "--clocks")
        self.assertEqual(files, {path: path.read_bytes() for path in (self.folder / "out").rglob("*") if path.is_file()})

    def test_a_seed_stays_as_it_was(self):
        self.train("out", "--clocks", 3, "--seed", 5)
        more = ["train", self.solver, "--data", self.data, "--clocks", 6, "--resume", self.snapshots("out")]
        self.refuse([*more, "--seed", 6], "--seed 6", "its own seed, 5")
        self.succeed(*more, "--seed", 5)

    def test_a_rate_that_ends_with_training_ends_later_in_a_longer_one(self):
        self.solver.write_text(SOLVER.replace("lr_policy: inv", "lr_policy: poly").replace("power: 0.75", "power: 1"))
        rate = lambda run: {each["clock"]: each["learning_rate"] for each in run.of_kind("eval") if "learning_rate" in each}
        self.assertAlmostEqual(rate(self.train("short", "--clocks", 10))[9], 0.05 * 31 / 40)
        longer = rate(self.train("longer", "--clocks", 80, "--resume", self.snapshots("short")))
        self.assertAlmostEqual(longer[40], 0.05 * 40 / 80)
        self.assertAlmostEqual(longer[79], 0.05 * 1 / 80)

    def test_refuses_a_state_that_cannot_be(self):
        self.train("out", "--clocks", 1)
        path = self.snapshots("out") / "iter_1"
        state = json.loads((path / "state.json").read_text())
        state["examples"] = 2**63 - 1
        (path / "state.json").write_text(json.dumps(state))
        self.refuse(["train", self.solver, "--data", self.data, "--resume", path], path / "state.json", 2**63 - 1)

    def test_tests_look_at_every_image_once(self):
        data = self.make_data("prime", test=97)
        run = self.train("out", "--clocks", 20)
        flags = ["test", self.solver, "--weights", self.snapshots("out"), "--data", data, "--json"]
        result = json.loads(self.succeed(*flags).stdout)
        at_once = json.loads(self.succeed(*flags, "--batch", 97).stdout)
        self.assertEqual((result["images"], at_once["images"]), (97, 97))
        self.assertAlmostEqual(result["accuracy"], at_once["accuracy"], places=6)
        self.assertAlmostEqual(result["loss"], at_once["loss"], delta=1e-5 * at_once["loss"])
        self.assertAlmostEqual(result["accuracy"] * 97, round(result["accuracy"] * 97), places=4)
        self.assertEqual(run.code, 0)

    def test_goes_on_with_other_workers(self):
        self.train("one", "--clocks", 20)
        run = self.train("two", "--resume", self.snapshots("one"), "--workers", 2, "--batch", 10)
        self.assertEqual(run.last("eval")["clock"], 40)
        self.assertGreater(run.last("eval")["accuracy"], 0.9)

    def test_weights_are_safetensors_and_test_reads_them(self):
        run = self.train("out")
        path = self.snapshots("out") / "iter_40"
        tensors, metadata = read_safetensors(path / "weights.safetensors")
        self.assertEqual(tensors["ip2.weight"][0], [10, 16])
        self.assertEqual(tensors["conv.weight"][0], [6, 1, 3, 3])
        self.assertEqual(metadata["net"], "Small")
        history, _ = read_safetensors(path / "solver.safetensors")
        self.assertEqual(history["ip2.weight.history0"][0], [10, 16])
        for weights in (path, path / "weights.safetensors", self.snapshots("out")):
            result = json.loads(self.succeed("test", self.solver, "--weights", weights, "--data", self.data,
                                             "--json").stdout)
            self.assertEqual(result["images"], 100)
            self.assertAlmostEqual(result["accuracy"], run.last("eval")["accuracy"], places=6)

    def test_starts_from_weights_alone(self):
        self.train("first")
        weights = self.snapshots("first") / "iter_40" / "weights.safetensors"
        run = self.train("second", "--weights", weights, "--clocks", 1)
        self.assertLess(run.of_kind("eval")[0]["loss"], 0.5)
        self.net.write_text(NET.replace("name: ip2", "name: head"))
        self.refuse(["train", self.solver, "--data", self.data, "--weights", weights], "has no tensor 'head.weight'")
        # A step so short that no loaded parameter moves by more than its rounding; the head begins anew.
        self.solver.write_text(SOLVER.replace("base_lr: 0.05", "base_lr: 1.0e-12"))
        self.train("third", "--weights", weights, "--fine-tune", "--clocks", 1)
        loaded, _ = read_safetensors(weights)
        tuned, _ = read_safetensors(self.snapshots("third") / "iter_1" / "weights.safetensors")
        for name in ("conv.weight", "conv.bias", "ip1.weight", "ip1.bias"):
            self.assertEqual(tuned[name], loaded[name], name)
        self.assertEqual(tuned["head.weight"][0], [10, 16])
        self.assertNotEqual(tuned["head.weight"], loaded["ip2.weight"])

    def test_refuses_what_is_no_snapshot_of_this_training(self):
        self.train("out")
        path = self.snapshots("out") / "iter_40"

        def refuse(*parts):
            self.refuse(["train", self.solver, "--data", self.data, "--clocks", 60, "--resume", path], *parts)

        weights = path / "weights.safetensors"
        content = weights.read_bytes()
        weights.write_bytes(content[:-100])
        refuse("weights.safetensors", "cut short")
        weights.write_bytes(content)
        self.net.write_text(NET.replace("num_output: 16", "num_output: 17"))
        refuse("'ip1.weight'", "belongs to another net")
        self.net.write_text(NET.replace("name: Small", "name: Large"))
        refuse("is a snapshot of net 'Small', not 'Large'")
        self.net.write_text(NET)
        self.solver.write_text(SOLVER + "type: Adam\n")
        refuse("solver type SGD, not Adam")
        self.solver.write_text(SOLVER)
        path = self.folder
        refuse("holds no snapshot")
        path = self.folder / "nowhere"
        refuse("is no folder")

    def test_a_batch_larger_than_the_data_set_is_said(self):
        said = "poseidon train: a batch of all workers is {} images, the data set has 400, so"
        for flags, together in ((["--batch", 500], 500), (["--batch", 201, "--workers", 2], 402)):
            run = self.succeed("train", self.solver, "--data", self.data, "--clocks", 1, *flags)
            self.assertEqual(run.stderr.count(said.format(together)), 1, run.stderr)
        for data, batch in ((self.data, 200), ("synthetic", 30)):
            run = self.succeed("train", self.solver, "--data", data, "--clocks", 1, "--batch", batch, "--workers", 2)
            self.assertNotIn("a batch of all workers", run.stderr)


class NonfiniteTest(PoseidonTest):
    def setUp(self):
        super().setUp()
        self.solver.write_text(SOLVER.replace("base_lr: 0.05", "base_lr: 1.0e+30"))
        self.net.write_text(PLAIN_NET)  # normalisation would make the numbers small again

    def test_stop_names_worker_clock_and_layer(self):
        for flags in ([], ["--workers", 2], ["--workers", 2, "--scheme", "sfb"]):
            self.refuse(["train", self.solver, "--data", "synthetic", "--clocks", 20, *flags], "worker ", "clock 1", "layer '",
                        "--on-nonfinite skip")

    def test_stop_loses_no_snapshot(self):
        output = self.folder / "out"
        self.solver.write_text(SOLVER)
        self.succeed("train", self.solver, "--data", "synthetic", "--clocks", 5, "--output", output)
        self.solver.write_text(SOLVER.replace("base_lr: 0.05", "base_lr: 1.0e+30"))
        self.refuse(["train", self.solver, "--data", "synthetic", "--output", output, "--resume", output / "snapshots"],
                    "clock 6")
        self.assertEqual([each.name for each in (output / "snapshots").iterdir()], ["iter_5"])

    def test_skip_and_clip_go_on(self):
        for policy in ("skip", "clip"):
            for flags in ([], ["--workers", 2], ["--workers", 2, "--scheme", "sfb"], ["--consistency", "ssp", "--staleness", 1, "--workers", 2]):
                with self.subTest(policy=policy, flags=flags):
                    run = self.succeed("train", self.solver, "--data", "synthetic", "--on-nonfinite", policy, *flags)
                    self.assertEqual(run.last("end")["clocks"], 40)
                    self.assertIn("is not finite", run.stderr)
                    skipped = re.search(r"(\d+) of 40 iterations changed nothing, as their gradients were not finite", run.stderr)
                    self.assertEqual(skipped is not None and int(skipped[1]) > 0, policy == "skip", run.stderr)
                    losses = [event["loss"] for event in run.of_kind("eval") if "loss" in event]
                    self.assertIsNone(losses[-1], "a loss is reported that is none")
                    self.assertNotIn("-nan", run.stderr)
                    ended = re.search(r"the last \d+ iterations changed nothing", run.stderr.splitlines()[-1])
                    self.assertEqual(ended is not None, policy == "skip", run.stderr)

    def test_skip_goes_on_whatever_travels(self):
        # So that there is a layer whose gradients are encoded.
        self.net.write_text(PLAIN_NET.replace("num_output: 16", "num_output: 64"))
        for codec in ("bf16", "4bit", "1bit"):
            with self.subTest(codec=codec):
                run = self.succeed("train", self.solver, "--data", "synthetic", "--on-nonfinite", "skip", "--codec", codec,
                                   "--scheme", "ps", processes=2)
                self.assertEqual(run.last("end")["clocks"], 40)
                self.assertRegex(run.stderr, r"ip1 +ps +" + codec)
                self.assertRegex(run.stderr, r"\d+ of 40 iterations changed nothing, as their gradients were not finite")

    def test_statistics_outlive_a_batch_that_is_too_large_for_them(self):
        # The variance of such images is no float; normalised by it they are zeros, and loss and gradients are finite.
        self.solver.write_text(SOLVER)
        self.net.write_text(NET.replace("scale: 0.004", "scale: 1.0e+25"))
        run = self.succeed("train", self.solver, "--data", self.make_data(), "--on-nonfinite", "skip", "--output",
                           self.folder / "out")
        self.assertIn("running statistics were not finite", run.stderr)
        self.assertTrue((self.folder / "out" / "snapshots" / "iter_40").is_dir())


if __name__ == "__main__":
    unittest.main()
