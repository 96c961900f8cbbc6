"""What all apps share: the summary on stdout, and a configuration file that runs as it stands."""

import json
import re
import unittest

from apps_support import SOURCE, AppTest

EXAMPLES = "".join(f"{i % 2} 1:{i % 2} 2:{i % 7}\n" for i in range(40))
DOCUMENTS = "apple pear plum\niron tin gold\n" * 10


class SummaryTest(AppTest):
    def test_json_is_what_the_metrics_say_at_the_end(self):
        examples, documents = self.write("examples.svm", EXAMPLES), self.write("documents.txt", DOCUMENTS)
        for app, flags in [("mf", ["--generate", "60,80,4,2000", "--epochs", 2]),
                           ("mlr", ["--data", examples, "--test", examples, "--epochs", 2]),
                           ("lda", ["--data", documents, "--topics", 2, "--sweeps", 2]),
                           ("lasso", ["--data", examples, "--rounds-max", 50])]:
            with self.subTest(app=app):
                self.assert_prints_its_end(self.train(app, *flags, "--json"))
                self.assertEqual(self.train(app, *flags).stdout, "")

    def test_rank_0_alone_prints_it(self):
        run = self.train("mf", "--generate", "60,80,4,2000", "--epochs", 2, "--json", processes=2)
        rank, text = run.stdout.split(" ", 1)
        self.assertEqual((rank, json.loads(text)), ("[0]", run.last("end")))


class ClocksTest(AppTest):
    def test_clocks_that_leave_none_to_learn_in_are_refused(self):
        documents = self.write("documents.txt", DOCUMENTS)
        for app, flags in [("mf", ["--generate", "60,80,4,2000"]), ("lda", ["--data", documents, "--topics", 2]),
                           ("lasso", ["--generate", "200,1000,20,10"])]:
            with self.subTest(app=app):
                self.assert_refuses(app, [*flags, "--clocks", 1], "--clocks 1: the first clock only fills the tables")
                self.assertEqual(self.train(app, *flags, "--clocks", 2).last("end")["clocks"], 2)


class LauncherTest(AppTest):
    def test_servers_that_bosen_run_does_not_start_are_said(self):
        said = "mf: --servers 1 changes nothing, as bosen run's ({}) goes before it: use 'bosen run --servers 1 ...'"
        generated = ["--generate", "60,80,4,2000", "--epochs", 2]
        run = self.train("mf", *generated, "--servers", 1, processes=2)
        self.assertEqual(run.stderr.count(said.format(0)), 1, run.stderr)
        run = self.train("mf", *generated, "--servers", 1, processes=2, servers=1)
        self.assertNotIn("changes nothing", run.stderr)


class ConfigurationTest(AppTest):
    def keys_of(self, path):
        """Key -> text, of a file of one `key: value` a line."""
        return dict(re.findall(r"^([a-z-]+): +([^#\n]*[^#\n ])", path.read_text(), re.MULTILINE))

    def test_every_file_runs_its_app(self):
        examples, documents = self.write("examples.svm", EXAMPLES), self.write("documents.txt", DOCUMENTS)
        # Instead of what takes long, or is not here.
        shorter = {"lasso": {"generate": "200,1000,20,10"}, "lda": {"data": documents, "sweeps": 2},
                   "mf": {"generate": "60,80,4,2000", "epochs": 2}, "mlr": {"data": examples, "test": examples, "epochs": 2}}
        files = sorted((SOURCE / "config" / "apps").glob("*.yaml"))
        self.assertEqual([path.stem for path in files], sorted(shorter))
        for path in files:
            with self.subTest(path=path.name):
                instead = shorter[path.stem]
                flags = [text for key, value in instead.items() for text in (f"--{key}", value)]
                run = self.train(path.stem, "--config", path, *flags, cwd=SOURCE)
                configuration = run.last("start")["configuration"]
                read = {key: text for key, text in self.keys_of(path).items() if key not in instead}
                self.assertGreater(len(read), 4)
                for key, text in read.items():
                    value = configuration[key]
                    self.assertEqual(value, text if isinstance(value, str) else type(value)(text), key)


if __name__ == "__main__":
    unittest.main()
