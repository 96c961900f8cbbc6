"""lda: topics that documents were made of, counts that add up under every model, its commands, and what it says to bad input."""

import random
import shutil
import subprocess
import sys
import unittest

from apps_support import BIN, SOURCE, TIMEOUT_S, AppTest

TOPICS = [["apple", "pear", "plum", "cherry", "fig"], ["iron", "tin", "gold", "lead", "zinc"],
          ["wolf", "bear", "deer", "fox", "hare"], ["rain", "snow", "wind", "hail", "fog"]]


def documents(count, words, seed):
    """Each of one topic mostly, and a word in ten of another."""
    source = random.Random(seed)
    for i in range(count):
        yield " ".join(source.choice(TOPICS[i % 4 if source.random() < 0.9 else source.randrange(4)]) for _ in range(words))


class LdaTest(AppTest):
    def setUp(self):
        super().setUp()
        self.data = self.write("documents.txt", "".join(text + "\n" for text in documents(80, 40, 1)))
        self.model = self.folder / "model"

    def learn(self, *flags, **options):
        return self.train("lda", "--data", self.data, "--topics", 4, "--sweeps", 60, "--output", self.model, *flags, **options)

    def command(self, name, *flags):
        run = subprocess.run([str(BIN / "lda"), name, "--model", str(self.model), *map(str, flags)], capture_output=True,
                             text=True, timeout=TIMEOUT_S)
        self.assertEqual(run.returncode, 0, run.stderr)
        return run.stdout

    def counts(self):
        """The counts of the model: .npy, format 1.0, 32-bit integers."""
        data = (self.model / "counts.npy").read_bytes()
        header = 10 + data[8] + 256 * data[9]
        return list(memoryview(data[header:]).cast("i"))

    def topics(self):
        return [set(line.split()[2:]) for line in self.command("topics", "--words", 5).splitlines()]

    def test_counts_add_up_under_every_model(self):
        for model, staleness, workers, processes in [("bsp", 0, 1, 1), ("ssp", 3, 2, 1), ("essp", 3, 2, 2), ("asp", 0, 2, 2)]:
            for sampler in ["sparse", "mh"]:
                with self.subTest(model=model, sampler=sampler, workers=workers, processes=processes):
                    run = self.learn("--consistency", model, "--staleness", staleness, "--workers", workers // processes,
                                     "--sampler", sampler, processes=processes)
                    evaluations = [event["log_likelihood"] for event in run.of_kind("eval")]
                    self.assertEqual(len(evaluations), 12)
                    if model != "asp":  # which bounds nothing: on a loaded machine one process may learn long before the other
                        self.assertGreater(evaluations[-1], evaluations[0])
                    self.assertEqual(sum(self.counts()), 80 * 40, "no update is lost or counted twice")
                    self.assertGreaterEqual(min(self.counts()), 0)
                    if model == "bsp":  # the others may end elsewhere each time: a topic in two halves and two in one
                        self.assertCountEqual(self.topics(), [set(words) for words in TOPICS])

    def test_learns_the_same_from_the_same_seed_under_bsp(self):
        flags = ["--consistency", "bsp", "--workers", 2]
        self.learn(*flags)
        first = self.counts()
        self.learn(*flags)
        self.assertEqual(self.counts(), first)
        self.learn(*flags, "--seed", 2)
        self.assertNotEqual(self.counts(), first)

    def test_flags_have_their_effect(self):
        flags = ["--consistency", "bsp", "--seed", 3]
        self.learn(*flags)
        plain = self.counts()
        self.learn(*flags, "--sampler", "mh")
        two_steps = self.counts()
        for changed, instead_of in [(["--alpha", 2], plain), (["--beta", 0.5], plain),
                                    (["--sampler", "mh", "--mh-steps", 5], two_steps)]:
            self.learn(*flags, *changed)
            self.assertNotEqual(self.counts(), instead_of, changed)
        self.data = self.write("documents.txt", "apple pear plum\niron tin gold\n" * 5 + "apple once\n")
        run = self.train("lda", "--data", self.data, "--topics", 2, "--sweeps", 6, "--clocks-per-sweep", 3, "--evaluate-every", 2,
                         "--word-count-min", 2, "--output", self.model)
        self.assertEqual(run.last("end")["clocks"], 6 * 3 + 1)
        self.assertEqual(len(run.of_kind("eval")), 3)
        self.assertEqual((self.model / "vocabulary.txt").read_text().split(), ["apple", "gold", "iron", "pear", "plum", "tin"])

    def test_writes_before_it_concludes(self):
        (self.model / "counts.npy/in the way").mkdir(parents=True)
        run = self.run_app("lda", "--data", self.data, "--topics", 4, "--sweeps", 2, "--output", self.model)
        self.assertEqual(run.code, 2, run.stderr)
        self.assertIn("cannot write", run.stderr.splitlines()[-1])
        self.assertNotIn("lda: topic", run.stderr)

    def test_says_how_to_keep_the_model(self):
        run = self.run_app("lda", "--data", self.data, "--topics", 4, "--sweeps", 2)
        self.assertEqual(run.stderr.splitlines()[-1], "lda: next, keep the model: add --output results")

    def test_ends_with_what_to_do_next(self):
        run = self.train("lda", "--data", self.data, "--topics", 4, "--sweeps", 2, "--output", self.model)
        lines = run.stderr.splitlines()
        self.assertEqual(lines[-1], f"lda: next, all topics: lda topics --model {self.model}")
        self.assertEqual(lines[-2], f"lda: wrote {self.model}/counts.npy, vocabulary.txt and model.yaml")
        self.assertEqual([line for line in lines if "lda: topic" in line], lines[-6:-2])

    def test_infers_the_topics_of_unseen_documents(self):
        self.learn("--consistency", "bsp")
        unseen = self.write("unseen.txt", "iron gold zinc tin\nwolf bear unheard fox\n\n")
        lines = [line.split("\t") for line in self.command("infer", "--data", unseen, "--topics", 1).splitlines()]
        self.assertEqual([line[0] for line in lines], ["0", "1", "2"])
        self.assertLess(float(lines[0][1]), 20)
        self.assertEqual(lines[2][1], "nan", "of no word there is no perplexity")
        topics = {line.split()[0]: set(line.split()[2:]) for line in self.command("topics", "--words", 5).splitlines()}
        self.assertEqual(topics[lines[0][2].split(":")[0]], set(TOPICS[1]))
        self.assertEqual(topics[lines[1][2].split(":")[0]], set(TOPICS[2]))

    def test_reads_a_bag_of_words(self):
        words = [word for topic in TOPICS for word in topic]
        lines = [f"{document + 1} {words.index(word) + 1} {text.split().count(word)}"
                 for document, text in enumerate(documents(80, 40, 1)) for word in sorted(set(text.split()))]
        vocabulary = self.write("vocab.txt", "".join(word + "\n" for word in words))
        self.data = self.write("docword.txt", f"80\n{len(words)}\n{len(lines)}\n" + "".join(line + "\n" for line in lines))
        self.learn("--vocabulary", vocabulary, "--consistency", "bsp")
        self.assertCountEqual(self.topics(), [set(words) for words in TOPICS])

    @unittest.skipUnless(shutil.which("bible"), "needs Debian's bible-kjv and bible-kjv-text")
    def test_reads_the_bible(self):
        path = self.folder / "bible.txt"
        subprocess.run([sys.executable, str(SOURCE / "apps/lda/bible.py"), str(path)], check=True, capture_output=True)
        self.assertEqual(len(path.read_text().splitlines()), 1189)
        run = self.train("lda", "--data", path, "--stop-words", SOURCE / "apps/lda/stop_words.txt", "--sweeps", 40,
                         "--workers", 2, "--staleness", 1)
        self.assertGreater(run.last("eval")["log_likelihood"], -6.7, "a model of word frequencies alone has -7.6")
        self.assertRegex(run.stderr, r"lda: topic \d+, .*lord")

    def test_refuses_bad_input(self):
        self.assert_refuses("lda", ["--data", self.folder / "nowhere"], "nowhere: is not there", "document a line")
        bag = self.write("docword.txt", "1\n2\n1\n1 9 1\n")
        words = self.write("vocab.txt", "a\nb\n")
        self.assert_refuses("lda", ["--data", bag, "--vocabulary", words], "docword.txt:4:3: word '9'")
        self.assert_refuses("lda", ["--data", self.data, "--topics", "0"], "--topics")
        self.assert_refuses("lda", ["topcis", "--model", self.folder], "there is no command 'topcis'; did you mean 'topics'?")
        self.assert_refuses("lda", ["--data", self.write("two.txt", "a\nb\n"), "--workers", 3], "3 workers for 2 documents")
        self.learn("--consistency", "bsp")
        (self.model / "vocabulary.txt").rename(self.folder / "words.txt")
        shutil.copy(self.folder / "words.txt", self.model / "vocabulary.txt")
        size = len((self.folder / "words.txt").read_text().splitlines())
        absurd = self.write("absurd.txt", f"1\n{size}\n1\n1 1 3900000000\n")
        run = subprocess.run([str(BIN / "lda"), "infer", "--model", str(self.model), "--data", str(absurd), "--vocabulary",
                              str(self.folder / "words.txt")], capture_output=True, text=True, timeout=TIMEOUT_S)
        self.assertEqual(run.returncode, 2, run.stderr)
        self.assertRegex(run.stderr, r"^lda infer: .*absurd.txt:4:5: count '3900000000' is not a whole number .*\n$")
        for command in ["topics", "infer"]:
            run = subprocess.run([str(BIN / "lda"), command, "--model", "/nowhere", *(["--data", "x"] * (command == "infer"))],
                                 capture_output=True, text=True, timeout=TIMEOUT_S)
            self.assertEqual(run.returncode, 2)
            self.assertRegex(run.stderr, f"^lda {command}: .*/nowhere/model.yaml")


if __name__ == "__main__":
    unittest.main()
