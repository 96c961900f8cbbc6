#!/usr/bin/env python3
"""lda against gensim's LdaModel on the King James Bible by chapter: tokens a second of one core's time, and the perplexity of
chapters that neither has seen, by one and the same evaluator.

Usage: tests/bench/lda_vs_gensim.py [--topics K] [--sweeps N] [--passes N] [--chunksize N] [--rounds N] [--sampler mh]

Both have the same priors. gensim takes a step after every --chunksize documents. One step a pass, by its
default of 2000, serves it best here: smaller chunks are slower and end at a higher perplexity. Times are the processor's, so that other work on the machine counts less: lda's with starting and
reading, gensim's for training alone. Every tenth chapter is held out. Of those, every other word serves to find the mixture of topics (by expectation and
maximisation from the model's p(word | topic)), and the rest is predicted. Needs Debian's bible-kjv, bible-kjv-text and
python3-gensim.
"""

import argparse
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import numpy

ROOT = pathlib.Path(__file__).resolve().parents[2]
ALPHA, BETA = 0.1, 0.01


def read_model(folder):
    counts = numpy.maximum(numpy.load(folder / "counts.npy").astype(float), 0) + BETA
    words = (folder / "vocabulary.txt").read_text().split("\n")[:-1]
    return words, (counts / counts.sum(axis=0)).T


def perplexity(topics, documents):
    """`topics`: p(word | topic), a row a topic. Documents are lists of word numbers."""
    log_sum, count = 0.0, 0
    for document in documents:
        seen, unseen = topics[:, document[::2]], topics[:, document[1::2]]
        if seen.shape[1] == 0 or unseen.shape[1] == 0:
            continue
        mixture = numpy.full(len(topics), 1 / len(topics))
        for _ in range(100):
            shares = mixture[:, None] * seen
            mixture = (shares / shares.sum(axis=0)).sum(axis=1) + ALPHA
            mixture /= mixture.sum()
        log_sum += numpy.log(mixture @ unseen).sum()
        count += unseen.shape[1]
    return numpy.exp(-log_sum / count)


def run_lda(folder, arguments):
    """Seconds of the processor's time, and the model."""
    before = os.times()
    subprocess.run(["taskset", "-c", "0", ROOT / "build/bin/lda", "--data", folder / "train.txt", "--stop-words",
                    ROOT / "apps/lda/stop_words.txt", "--topics", str(arguments.topics), "--sweeps", str(arguments.sweeps),
                    "--sampler", arguments.sampler, "--alpha", str(ALPHA), "--beta", str(BETA), "--evaluate-every", "0", "--output", folder / "model"],
                   check=True, stderr=subprocess.DEVNULL)
    after = os.times()
    seconds = after.children_user + after.children_system - before.children_user - before.children_system
    return (seconds, *read_model(folder / "model"))


def run_gensim(train, words, arguments):
    from gensim.models import LdaModel

    corpus = []
    for document in train:
        numbers, counts = numpy.unique(document, return_counts=True)
        corpus.append(list(zip(numbers.tolist(), counts.tolist())))
    started = time.process_time()
    model = LdaModel(corpus, num_topics=arguments.topics, passes=arguments.passes, chunksize=arguments.chunksize,
                     alpha=[ALPHA] * arguments.topics, eta=BETA, eval_every=None, random_state=1, id2word=dict(enumerate(words)))
    return time.process_time() - started, model.get_topics()


def numbered(lines, numbers):
    documents = []
    for line in lines:
        text = "".join(c if c.isalpha() or c == "'" else " " for c in line.lower())
        documents.append([numbers[word] for word in (word.strip("'") for word in text.split()) if word in numbers])
    return documents


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--topics", type=int, default=100)
    parser.add_argument("--sweeps", type=int, default=200)
    parser.add_argument("--passes", type=int, default=20)
    parser.add_argument("--chunksize", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sampler", default="sparse")
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {0})
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        subprocess.run([ROOT / "apps/lda/bible.py", folder / "all.txt"], check=True, stdout=subprocess.DEVNULL)
        lines = (folder / "all.txt").read_text().splitlines()
        train = [line for i, line in enumerate(lines) if i % 10 != 9]
        held_out = [line for i, line in enumerate(lines) if i % 10 == 9]
        (folder / "train.txt").write_text("".join(line + "\n" for line in train))
        ratios = []
        for _ in range(arguments.rounds):
            lda_s, words, lda_topics = run_lda(folder, arguments)
            numbers = {word: i for i, word in enumerate(words)}
            train_documents, test_documents = numbered(train, numbers), numbered(held_out, numbers)
            gensim_s, gensim_topics = run_gensim(train_documents, words, arguments)
            tokens = sum(map(len, train_documents))
            lda_rate = tokens * arguments.sweeps / lda_s / 1e6
            gensim_rate = tokens * arguments.passes / gensim_s / 1e6
            ratios.append(lda_rate / gensim_rate)
            print(f"{tokens} tokens of {len(words)} words: lda {lda_rate:.2f} M tokens/s ({lda_s:.1f} s), held-out perplexity "
                  f"{perplexity(lda_topics, test_documents):.0f}; gensim {gensim_rate:.2f} M tokens/s ({gensim_s:.1f} s), "
                  f"{perplexity(gensim_topics, test_documents):.0f}; ratio {ratios[-1]:.1f}")
            sys.stdout.flush()
        print(f"median ratio of speed: {statistics.median(ratios):.1f}")


if __name__ == "__main__":
    main()
