"""mlr: its accuracy on Fashion-MNIST under every model, what it writes, and what it says to bad input."""

import gzip
import os
import pathlib
import socket
import struct
import subprocess
import unittest

from apps_support import BIN, SOURCE, AppTest

FASHION_MNIST = pathlib.Path("/usr/share/datasets/fashion-mnist")
SANITIZED = bool(os.environ.get("BOSEN_SANITIZE"))

# Two separable classes.
TRAIN = "".join(f"{'+1' if i % 2 else '-1'} 1:{i % 2 + 0.1 * (i % 7)} 3:{1 - i % 2}\n" for i in range(200))
TEST = "-1 1:0.2 3:1\n+1 1:1.2\n"


@unittest.skipUnless(FASHION_MNIST.exists(), "Debian's dataset-fashion-mnist is not installed")
@unittest.skipIf(SANITIZED, "takes minutes under a sanitizer")
class FashionMnistTest(AppTest):
    def test_reaches_its_accuracy_under_every_model(self):
        for flags, options in [
            (["--consistency", "bsp", "--workers", 3], {}),
            (["--consistency", "ssp", "--staleness", 8, "--workers", 4], {}),
            (["--consistency", "essp", "--staleness", 8, "--workers", 2], {}),
            (["--consistency", "asp", "--workers", 2], {}),
            (["--consistency", "essp", "--staleness", 2, "--workers", 2], {"processes": 2}),
        ]:
            with self.subTest(flags=flags, **options):
                run = self.train("mlr", "--data", FASHION_MNIST, *flags, **options)
                self.assertGreaterEqual(run.last("eval")["accuracy"], 0.84)
                self.assertEqual(len(run.of_kind("eval")), 20)

    def test_runs_from_its_configuration_file(self):
        run = self.train("mlr", "--config", SOURCE / "config/apps/mlr.yaml", "--epochs", 1)
        self.assertEqual(run.last("start")["configuration"]["staleness"], 2)
        self.assertGreater(run.last("eval")["accuracy"], 0.7)


class MetricsTest(AppTest):
    def test_has_all_events_and_the_histogram_of_staleness(self):
        run = self.train("mlr", "--data", self.write("train", TRAIN), "--test", self.write("test", TEST), "--batch", 10,
                         "--epochs", 3, "--workers", 2, "--consistency", "ssp", "--staleness", 3)
        start = run.last("start")
        self.assertEqual((start["program"], start["ranks"], start["workers"]), ("mlr", 1, 2))
        self.assertEqual(start["configuration"]["consistency"], "ssp")
        self.assertEqual([each["clock"] for each in run.of_kind("eval")], [20, 40, 60])
        self.assertEqual(run.last("eval")["accuracy"], 1.0)
        end = run.last("end")
        self.assertEqual(end["clocks"], 60)
        self.assertEqual(sum(end["staleness_histogram"].values()), end["reads"])
        self.assertGreaterEqual(min(map(int, end["staleness_histogram"])), -3)

    def test_a_run_that_fails_before_it_begins_loses_nothing_of_the_last(self):
        output = self.folder / "results"
        flags = ["--test", self.write("test", TEST), "--batch", 10, "--output", output]
        command = [str(BIN / "mlr"), *map(str, flags)]
        subprocess.run([*command, "--data", self.write("train", TRAIN)], check=True, capture_output=True)
        before = (output / "metrics.jsonl").read_text()
        failed = subprocess.run([*command, "--data", self.write("broken", "+1 1:x\n")], check=False, capture_output=True)
        self.assertEqual(failed.returncode, 2)
        self.assertEqual((output / "metrics.jsonl").read_text(), before)

    def test_every_process_writes_to_its_own_hosts_disk(self):
        """Two hosts without a shared folder: here, two working directories."""
        folders = [self.folder / "first", self.folder / "second"]
        train, test = self.write("train", TRAIN), self.write("test", TEST)
        ranks = []
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        for rank, folder in enumerate(folders):
            folder.mkdir()
            environment = {**os.environ, "RANK": str(rank), "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1",
                           "MASTER_PORT": str(port)}
            ranks.append(subprocess.Popen([str(BIN / "mlr"), "--data", str(train), "--test", str(test), "--batch", "10",
                                           "--output", "out"], cwd=folder, env=environment, stderr=subprocess.PIPE, text=True))
        for rank, folder in zip(ranks, folders):
            _, errors = rank.communicate(timeout=60)
            self.assertEqual(rank.returncode, 0, errors)
            self.assertIn('"event":"clock"', (folder / "out" / "metrics.jsonl").read_text().replace(" ", ""))

    def test_learns_the_same_from_the_same_seed_under_bsp(self):
        flags = ["--data", self.write("train", TRAIN), "--test", self.write("test", TEST), "--batch", 10, "--epochs", 2,
                 "--workers", 2, "--consistency", "bsp"]
        losses = [self.train("mlr", *flags, "--seed", seed).last("eval")["test_loss"] for seed in (1, 1, 2)]
        self.assertEqual(losses[0], losses[1])
        self.assertNotEqual(losses[0], losses[2])

    def test_writes_the_model_and_the_metrics_into_the_output_folder(self):
        output = self.folder / "deep" / "results"
        run = self.train("mlr", "--data", self.write("train", TRAIN), "--test", self.write("test", TEST), "--epochs", 1,
                         "--output", output)
        content = (output / "weights.npy").read_bytes()
        self.assertTrue(content.startswith(b"\x93NUMPY\x01\x00"))
        self.assertIn(b"'descr': '<f4', 'fortran_order': False, 'shape': (2,4,)", content)
        self.assertEqual(len(content) % 64, 2 * 4 * 4)
        self.assertIn(f"wrote {output}/weights.npy", run.stderr)
        self.assertIn("next, on two processes: bosen run -n 2", run.stderr.splitlines()[-1])

    def test_proposes_several_processes_only_where_there_is_one(self):
        output = self.folder / "results"
        run = self.train("mlr", "--data", self.write("train", TRAIN), "--test", self.write("test", TEST), "--epochs", 1,
                         "--output", output, processes=2)
        self.assertEqual(run.stderr.splitlines()[-1], f"[0] mlr: next, look: numpy.load('{output}/weights.npy')")

    def test_flags_have_their_effect(self):
        data = ["--data", self.write("train", TRAIN), "--test", self.write("test", TEST), "--batch", 10, "--consistency", "bsp"]

        def losses(*flags):
            return [each["loss"] for each in self.train("mlr", *data, "--epochs", 4, *flags).of_kind("eval")]

        plain = losses()
        self.assertEqual(plain, sorted(plain, reverse=True))
        # A loss is an epoch's mean. After the first, steps are a thousandth as long, and so is what they gain.
        slowed = losses("--decay", 0.001)
        self.assertEqual(slowed[0], plain[0])
        self.assertLess(slowed[1] - slowed[3], 0.01 * (plain[1] - plain[3]))
        self.assertGreater(losses("--learning-rate", 0.001)[3], plain[0])
        self.assertGreater(losses("--l2", 3)[3], plain[0], "weights are held near zero")

    def test_has_as_many_classes_as_asked_for(self):
        data = ["--data", self.write("train", TRAIN), "--test", self.write("test", TEST)]
        output = self.folder / "results"
        self.train("mlr", *data, "--epochs", 1, "--classes", 5, "--output", output)
        self.assertIn(b"'shape': (5,4,)", (output / "weights.npy").read_bytes())
        self.assert_refuses("mlr", [*data, "--classes", 1], "--classes 1 leaves nothing to tell apart")

    def test_says_how_to_keep_the_model(self):
        run = self.train("mlr", "--data", self.write("train", TRAIN), "--test", self.write("test", TEST), "--epochs", 1)
        self.assertEqual(run.stderr.splitlines()[-1], "mlr: next, keep the model: add --output results")

    def test_runs_on_dedicated_servers(self):
        run = self.train("mlr", "--data", self.write("train", TRAIN), "--test", self.write("test", TEST), "--epochs", 2,
                         processes=2, servers=1)
        self.assertEqual(run.last("eval")["accuracy"], 1.0)


class BadInputTest(AppTest):
    def images(self, count=3, pixels=4):
        return struct.pack(">IIII", 0x803, count, 2, pixels // 2) + bytes(range(count * pixels))

    def labels(self, labels=(0, 1, 2)):
        return struct.pack(">II", 0x801, len(labels)) + bytes(labels)

    def folder_of(self, **files):
        """A folder of IDX files, some of them replaced."""
        content = {"train_images": self.images(), "train_labels": self.labels(), "t10k_images": self.images(),
                   "t10k_labels": self.labels()}
        content.update(files)
        for name, data in content.items():
            kind = "images-idx3" if name.endswith("images") else "labels-idx1"
            path = f"data/{name.split('_')[0]}-{kind}-ubyte"
            self.write(path, data) if data[:2] != b"\x1f\x8b" else self.write(path + ".gz", data)
        return self.folder / "data"

    def test_accepts_the_folder_that_the_others_spoil(self):
        self.train("mlr", "--data", self.folder_of(), "--epochs", 1)

    def test_flags(self):
        data = self.folder_of()
        self.assert_refuses("mlr", [], "--data PATH is required")
        self.assert_refuses("mlr", ["--data", data, "--stalenes", 1], "--stalenes", "did you mean '--staleness'?")
        self.assert_refuses("mlr", ["--data", data, "--workers", "two"], "--workers", "'two' is not a whole number")
        self.assert_refuses("mlr", ["--data", data, "--workers", 0], "must be from 1 to")
        self.assert_refuses("mlr", ["--data", data, "--consistency", "bps"], "bsp, ssp, essp or asp")
        self.assert_refuses("mlr", ["--data", data, "--straggler", "0:0.5"], "--straggler", "factor must be from 1")
        self.assert_refuses("mlr", ["--data", data, "--straggler", "5:2"], "there is no worker 5")
        self.assert_refuses("mlr", ["--data", data, "--servers", 1], "leaves no process for the workers")
        self.assert_refuses("mlr", ["--data", data, "--output", "/proc/results"], "cannot write to output folder")

    def test_configuration(self):
        path = self.write("bad.yaml", "data: x\nepoch: 3\n")
        self.assert_refuses("mlr", ["--config", path], f"{path}:2:1: unknown key 'epoch'", "did you mean 'epochs'?")
        path = self.write("bad.yaml", "data: x\nepochs: -3\n")
        self.assert_refuses("mlr", ["--config", path], f"{path}:2:9: epochs: must be from 1")
        self.assert_refuses("mlr", ["--config", self.folder / "none.yaml"], "none.yaml", "No such file")

    def test_missing_files(self):
        self.assert_refuses("mlr", ["--data", "/nowhere"], "/nowhere: is not there", "dataset-fashion-mnist")
        self.assert_refuses("mlr", ["--data", self.folder], "train-labels-idx1-ubyte: is not there")
        self.assert_refuses("mlr", ["--data", self.write("train", TRAIN)], "--test FILE")

    def test_idx_files(self):
        for files, part in [
            ({"train_images": gzip.compress(self.images())[:-12]}, "was cut short"),
            ({"train_images": self.labels()}, "begins with 0x00000801 instead of 0x00000803"),
            ({"train_images": self.images()[:-1]}, "has 2 images where its header promises 3"),
            ({"train_images": b""}, "is empty"),
            ({"train_images": self.images(0)}, "holds no images"),
            ({"train_labels": self.labels((0, 1, 200))}, "label 200 of example 2 is out of range"),
            ({"train_labels": self.labels((0, 1))}, "has 2 labels for the 3 images"),
            ({"t10k_images": self.images(3, 6)}, "belong to different data sets"),
        ]:
            with self.subTest(part=part):
                for old in self.folder.glob("data/*"):
                    old.unlink()
                if "train_images" in files and files["train_images"][:2] == b"\x1f\x8b":
                    folder = self.folder_of(**files)
                    (folder / "train-images-idx3-ubyte").unlink(missing_ok=True)
                else:
                    folder = self.folder_of(**files)
                self.assert_refuses("mlr", ["--data", folder], part)

    def test_libsvm_files(self):
        test = self.write("test", TEST)
        for text, part in [
            ("", "train: is empty"),
            ("-1 1:1\n+1 1:one\n", "train:2:4: the value of '1:one' is not a number"),
            ("-1 1:1\ncat 1:1\n", "train:2:1: label 'cat'"),
            ("-1 1:1\n+1 1:1 7\n", "train:2:8: '7' is not of the form INDEX:VALUE"),
            ("-1 1:1\n5 1:1\n", "train:2:1: label 5 is out of range"),
        ]:
            with self.subTest(part=part):
                self.assert_refuses("mlr", ["--data", self.write("train", text), "--test", test], part)

    def test_more_workers_than_examples(self):
        flags = ["--data", self.write("train", "0 1:1\n1 1:2\n"), "--test", self.write("test", "0 1:1\n"), "--workers", 3]
        self.assert_refuses("mlr", flags, "there are 3 workers for 2 examples", "use fewer workers")


if __name__ == "__main__":
    unittest.main()
