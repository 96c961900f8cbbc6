"""poseidon's other commands, and what every command says to bad input."""

import json
import os
import re
import shlex
import unittest

from apps_support import SOURCE
from poseidon_support import NET, SOLVER, PoseidonTest, png

NETS = SOURCE / "config" / "nets"


class HelpTest(PoseidonTest):
    def test_every_command_explains_itself(self):
        text = self.succeed("--help").stdout
        for command in ("train", "test", "time", "data", "describe"):
            self.assertIn(f"  {command} ", text)
            self.assertIn("--help", self.succeed(command, "--help").stdout)
        flags = self.succeed("train", "--help").stdout
        for flag in ("SOLVER.yaml", "--resume", "--scheme", "--no-overlap", "--trace", "--on-nonfinite", "--workers",
                     "--consistency", "--metrics"):
            self.assertIn(flag, flags)

    def test_unknown_commands(self):
        self.refuse(["tain"], "there is no command 'tain'", "train")
        self.refuse([], "needs a command")


class DescribeTest(PoseidonTest):
    def test_counts_parameters_and_costs(self):
        net = json.loads(self.succeed("describe", NETS / "lenet.yaml", "--json").stdout)
        self.assertEqual(net["parameters"], 431080)
        layers = {layer["layer"]: layer for layer in net["layers"]}
        self.assertEqual(layers["conv1"]["outputs"], [[64, 20, 24, 24]])
        self.assertGreater(net["memory_bytes"], 4 * 2 * 431080)
        self.assertIn("431080 parameters", self.succeed("describe", NETS / "lenet.yaml").stdout)

    def test_chooses_schemes_as_the_cost_model_does(self):
        flags = ["--workers", 8, "--batch", 32, "--json"]
        net = json.loads(self.succeed("describe", NETS / "vgg19.yaml", *flags).stdout)
        layers = {layer["layer"]: layer for layer in net["layers"]}
        self.assertEqual((layers["fc6"]["scheme"], layers["fc7"]["scheme"], layers["conv1_1"]["scheme"]),
                         ("sfb", "sfb", "ps"))
        # The cost model's own figures: 2 K (P - 1) (M + N) floats.
        self.assertEqual(layers["fc7"]["bytes"], 2 * 32 * 7 * (4096 + 4096) * 4)
        forced = json.loads(self.succeed("describe", NETS / "vgg19.yaml", *flags, "--scheme", "ps").stdout)
        self.assertGreater(forced["bytes"], 3 * net["bytes"])

    def test_counts_what_a_codec_leaves(self):
        def layers(*flags):
            net = json.loads(self.succeed("describe", NETS / "vgg19.yaml", "--workers", 4, "--json", *flags).stdout)
            return {layer["layer"]: layer for layer in net["layers"]}
        floats, halves, bits = layers(), layers("--codec", "bf16"), layers("--codec", "1bit")
        self.assertEqual([floats[name]["codec"] for name in ("conv1_1", "conv4_1", "fc6")], ["fp32"] * 3)
        # So few parameters as conv1_1's stay floats, and factors are no less than bf16.
        self.assertEqual([halves[name]["codec"] for name in ("conv1_1", "conv4_1", "fc6")], ["fp32", "bf16", "bf16"])
        self.assertEqual([bits[name]["codec"] for name in ("conv1_1", "conv4_1", "fc6")], ["fp32", "1bit", "bf16"])
        for name in ("conv4_1", "fc6"):
            self.assertAlmostEqual(floats[name]["bytes"] / halves[name]["bytes"], 2, delta=0.001)
        self.assertAlmostEqual(floats["conv4_1"]["bytes"] / bits["conv4_1"]["bytes"], 256 / 9, delta=0.01)

    def test_sends_no_factors_of_several_batches(self):
        self.solver.write_text(SOLVER + "iter_size: 2\n")
        described = json.loads(self.succeed("describe", self.solver, "--workers", 2, "--scheme", "sfb", "--json").stdout)
        schemes = {layer["layer"]: layer["scheme"] for layer in described["layers"] if "scheme" in layer}
        self.assertEqual(set(schemes.values()), {"ps"}, schemes)

    def test_describes_the_phase_that_is_asked_for(self):
        def layers(*flags):
            net = json.loads(self.succeed("describe", NETS / "lenet.yaml", "--json", *flags).stdout)
            return {layer["layer"]: layer for layer in net["layers"]}
        self.assertNotIn("accuracy", layers())
        self.assertEqual(layers("--phase", "train"), layers())
        tested = layers("--phase", "test")
        self.assertIn("accuracy", tested)
        self.assertEqual(tested["conv1"]["outputs"], [[100, 20, 24, 24]])

    def test_takes_a_solver_for_its_net(self):
        self.assertIn("Small: ", self.succeed("describe", self.solver, "--workers", 2).stdout)


class DataTest(PoseidonTest):
    def make(self, name, *flags):
        run = self.succeed("data", "--from", "images", "--images", self.folder / "images", "--output", self.folder / name,
                           "--resize", "12,12", "--test-share", 0.25, *flags)
        self.assertIn(f"wrote {self.folder / name} (18 images to train, 6 to test)", run.stderr)
        self.assertTrue(run.stderr.rstrip().endswith(f"--data {shlex.quote(str(self.folder / name))}"), run.stderr)
        return self.folder / name

    def test_makes_a_data_set_of_images(self):
        for place in ("ant", "bee"):
            (self.folder / "images" / place).mkdir(parents=True)
            for i in range(12):
                self.write(f"images/{place}/{i}.png", png(16, 20, (20 * i, 100, 200)))
        net = NET.replace("classes: 10", "classes: 2")
        grey, colour = self.make("grey", "--grey"), self.make("colour")
        for data, channels in ((grey, 1), (colour, 3)):
            self.net.write_text(net.replace("[1, 12, 12]", f"[{channels}, 12, 12]"))
            run = self.succeed("train", self.solver, "--data", data, "--clocks", 2, "--batch", 6)
            self.assertEqual(run.last("end")["clocks"], 2)
        self.net.write_text(net)
        self.refuse(["train", self.solver, "--data", colour], "3")
        content = lambda data: {path.relative_to(data): path.read_bytes() for path in data.rglob("*")
                                if path.suffix in (".ldb", ".log")}
        self.assertEqual(content(self.make("once again", "--grey")), content(grey))
        self.assertNotEqual(content(self.make("other", "--grey", "--seed", 2)), content(grey))


class TimeTest(PoseidonTest):
    def test_says_where_threads_take_turns(self):
        net = f"{SOURCE}/config/nets/lenet.yaml"
        cores = len(os.sched_getaffinity(0))
        run = self.succeed("time", net, "--iterations", 1, "--threads", cores + 1)
        self.assertIn(f"poseidon: {cores + 1} threads take turns on {cores} cores, which is slow: "
                      f"lower --threads to {cores}\n", run.stderr)
        run = self.succeed("time", net, "--iterations", 1, "--threads", cores)
        self.assertNotIn("take turns", run.stderr)

    def test_threads_wait_for_each_other_briefly(self):
        def spins(**environment):
            """What libgomp has last said of it: it speaks each time that it is loaded."""
            run = self.succeed("--version", env={**os.environ, "OMP_DISPLAY_ENV": "VERBOSE", **environment})
            return re.findall(r"GOMP_SPINCOUNT = '(\d+)'", run.stderr)[-1]
        self.assertEqual(spins(), "1000")
        self.assertEqual(spins(GOMP_SPINCOUNT="77"), "77")

    def test_times_every_layer(self):
        result = json.loads(self.succeed("time", self.net, "--iterations", 5, "--batch", 8, "--json").stdout)
        self.assertEqual((result["batch"], result["iterations"], result["threads"]), (8, 5, 1))
        self.assertGreater(result["images_per_second"], 0)
        self.assertAlmostEqual(result["images_per_second"] * result["iteration_ms"], 8 * 1000, places=3)
        for part in ("forward_ms", "backward_ms", "update_ms"):
            self.assertGreater(result[part], 0, part)
        layers = {layer["layer"]: layer for layer in result["layers"]}
        self.assertGreater(layers["conv"]["forward_ms"], 0)
        self.assertGreater(layers["conv"]["backward_ms"], 0)
        self.assertIn("images/s", self.succeed("time", self.solver, "--iterations", 1).stdout)


class BadInputTest(PoseidonTest):
    def refuse_net(self, old, new, *parts):
        self.assertIn(old, NET)
        self.net.write_text(NET.replace(old, new))
        for command in (["train", self.solver, "--data", "synthetic"], ["describe", self.net], ["time", self.net]):
            self.refuse(command, f"{self.net}:", *parts)

    def test_nets(self):
        self.refuse_net("type: Convolution", "type: Convolutoin", "Convolutoin", "Convolution'")
        self.refuse_net("num_output: 6", "num_outputs: 6", "num_output")
        self.refuse_net("num_output: 6", "num_output: many", "num_output")
        self.refuse_net("num_output: 6", "num_output: -6", "num_output")
        self.refuse_net("bottom: pool,", "bottom: pol,", "pol")
        self.refuse_net("kernel_size: 3", "kernel_size: 30", "conv")
        self.refuse_net("layer:", "layers: [", "")
        self.refuse_net("dropout_ratio: 0.3", "dropout_ratio: 1.5", "dropout_ratio")
        self.refuse_net("{scale: 0.004}", "{crop_size: 50}", "crop", "12")
        self.refuse_net("shape: [1, 12, 12]", "shape: [4096, 1048576, 1048576]", "layer 'images'", "smaller batch")

    def test_nets_larger_than_memory(self):
        self.net.write_text(NET.replace("shape: [1, 12, 12]", "shape: [512, 1024, 1024]"))
        for command in (["train", self.solver, "--data", "synthetic"], ["time", self.net]):
            self.refuse([*command, "--batch", 1000], "there is no memory", "smaller batch")
        self.net.write_text("""\
name: Wide
layer:
  - {name: images, type: Data, top: [data, label], data_param: {batch_size: 1000, shape: [1, 100, 100], classes: 10}}
  - {name: wide, type: Convolution, bottom: data, top: wide, convolution_param: {num_output: 10000, kernel_size: 1}}
  - {name: pool, type: Pooling, bottom: wide, top: pool, pooling_param: {pool: AVE, global_pooling: true}}
  - {name: loss, type: SoftmaxWithLoss, bottom: [pool, label], top: loss}
""")
        for command in (["train", self.solver, "--data", "synthetic"], ["time", self.net]):
            self.refuse(command, "net 'Wide'", "'wide'", "smaller batch")

    def test_numbers_that_no_float_holds(self):
        self.solver.write_text(SOLVER.replace("base_lr: 0.05", "base_lr: 1e39"))
        self.refuse(["train", self.solver, "--data", "synthetic"], f"{self.solver}:2:", "base_lr")

    def test_a_net_that_learns_nothing(self):
        self.net.write_text(NET.replace("top: loss}", "top: loss, include: {phase: TEST}}"))
        for flags in ([], ["--workers", 2]):
            self.refuse(["train", self.solver, "--data", "synthetic", *flags], self.net, "nothing learns in phase TRAIN")

    def test_more_classes_than_outputs(self):
        self.net.write_text(NET.replace("num_output: 10", "num_output: 9"))
        self.refuse(["train", self.solver, "--data", "synthetic"], f"{self.net}:", "loss", "9 classes", "has 10")

    def test_a_class_that_is_left_out_needs_no_output(self):
        net = NET.replace("num_output: 10", "num_output: 9").replace("top: loss}", "top: loss, loss_param: {ignore_label: 9}}")
        self.net.write_text(net.replace("top: accuracy,", "top: accuracy, accuracy_param: {ignore_label: 9},"))
        self.succeed("train", self.solver, "--data", "synthetic", "--clocks", 2)

    def test_times_a_net_whose_test_layer_is_for_a_data_set(self):
        self.net.write_text(NET.replace("{batch_size: 50, shape: [1, 12, 12], classes: 10}", "{batch_size: 50}"))
        self.succeed("time", self.net, "--iterations", 1)

    def test_solvers(self):
        for old, new, part in [
            ("momentum: 0.9", "momentun: 0.9", "'momentum'"),
            ("lr_policy: inv", "lr_policy: inf", "lr_policy"),
            ("gamma: 0.001\n", "", "gamma"),
            ("base_lr: 0.05", "base_lr: fast", "base_lr"),
            ("max_iter: 40\n", "", "max_iter"),
            ("net: net.yaml", "net: nut.yaml", "solver.yaml:1:6: there is no 'nut.yaml', neither beside this file nor"),
            ("momentum: 0.9", "momentum: [0.9", ""),
            ("momentum: 0.9", "momentum: 0.9\nmomentum: 0.8", "momentum"),
        ]:
            with self.subTest(new=new):
                self.assertIn(old, SOLVER)
                self.solver.write_text(SOLVER.replace(old, new))
                self.refuse(["train", self.solver, "--data", "synthetic"], part)
        self.refuse(["train", self.folder / "none.yaml"], "none.yaml")

    def test_flags(self):
        train = ["train", self.solver, "--data", "synthetic"]
        self.refuse(["train"], "--solver SOLVER.yaml is required")
        self.refuse([*train, "--shceme", "ps"], "did you mean '--scheme'?")
        self.refuse([*train, "--scheme", "ring"], "ps, sfb or auto")
        self.refuse([*train, "--codec", "2bit"], "fp32, bf16, 4bit or 1bit")
        self.refuse([*train, "--codec", "bf16", "--consistency", "essp", "--workers", 2], "--codec bf16 needs --consistency bsp")
        self.refuse([*train, "--on-nonfinite", "hope"], "stop, skip or clip")
        self.refuse([*train, "--scheme", "sfb", "--consistency", "ssp", "--workers", 2], "bsp")
        self.refuse([*train, "--resume", "a", "--weights", "b"], "exclude each other")
        self.refuse([*train, "--fine-tune"], "--weights")
        self.refuse([*train, "other.yaml"], "other.yaml")
        self.refuse(["test", self.solver], "--weights PATH is required")
        self.refuse(["describe", self.net, "--workers", 0], "--workers")
        self.refuse([*train, "--plan-cache", self.folder], "--plan-cache is for GPUs")
        self.refuse([*train, "--precision", "tf32"], "--precision tf32 is for GPUs")
        self.refuse([*train, "--precision", "fp16"], "fp32, tf32 or bf16")
        for flag in (["--resize", 14], ["--grey"], ["--test-share", 0.5], ["--seed", 3]):
            self.refuse(["data", "--from", "idx", "--images", self.folder, "--output", self.folder / "set", *flag],
                        f"{flag[0]} is for --from images")

    def test_a_share_of_images_that_have_parts(self):
        for part in ("train", "test"):
            (self.folder / "images" / part / "ant").mkdir(parents=True)
            self.write(f"images/{part}/ant/0.png", png(16, 20, (1, 2, 3)))
        data = ["data", "--from", "images", "--images", self.folder / "images", "--output", self.folder / "set"]
        self.refuse([*data, "--test-share", 0.1], f"--test-share: the images in {self.folder}/images/test are those to "
                                                  "test with: leave it out")
        self.assertIn("(1 image to train, 1 to test)", self.succeed(*data).stderr)

    def test_data(self):
        self.refuse(["train", self.solver, "--data", self.folder / "none"], self.folder / "none")
        self.refuse(["train", self.solver], "--data")
        data = self.make_data()
        wrong = self.make_data("other", side=10)
        self.refuse(["train", self.solver, "--data", wrong], "10", "12")
        for table in (data / "train").glob("*.ldb"):
            table.write_bytes(table.read_bytes()[:100])
        for log in (data / "train").glob("*.log"):
            log.write_bytes(b"\0" * 100)
        for manifest in (data / "train").glob("MANIFEST*"):
            manifest.write_bytes(b"not a manifest")
        self.refuse(["train", self.solver, "--data", data], data)

    def test_weights(self):
        path = self.folder / "weights.safetensors"
        test = ["test", self.solver, "--data", "synthetic", "--weights", path]
        self.refuse(test, path, "is not there")
        path.write_bytes(b"\x10\0\0\0\0\0\0\0" + b"{" * 16)
        self.refuse(test, path, "safetensors")
        path.write_bytes(b"\x02\0\0\0\0\0\0\0{}")
        self.refuse(test, path, "has no tensor 'conv.weight'")


if __name__ == "__main__":
    unittest.main()
