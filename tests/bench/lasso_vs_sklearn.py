#!/usr/bin/env python3
"""lasso against scikit-learn's Lasso: the objective that both reach, and how long they take, lasso with reading its file,
scikit-learn for solving and for load_svmlight_file, on UCI data sets that Debian's
python3-sklearn brings along (standardised) and on generated sparse data.

Usage: tests/bench/lasso_vs_sklearn.py [--workers N] [--lambda-ratio R] [--small]

Exits with 1 where an objective differs from scikit-learn's by more than 1e-4 of it.
"""

import argparse
import os
import pathlib
import subprocess
import sys
import tempfile
import time

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import numpy
import scipy.sparse
from sklearn.datasets import load_breast_cancer, load_digits, load_svmlight_file, load_wine
from sklearn.linear_model import Lasso

TOLERANCE = 1e-4
ROOT = pathlib.Path(__file__).resolve().parents[2]


def standardised(loader):
    data = loader()
    features = data.data - data.data.mean(axis=0)
    deviation = features.std(axis=0)
    features = features[:, deviation > 0] / deviation[deviation > 0]
    return scipy.sparse.csr_matrix(features.astype(numpy.float32)), data.target - data.target.mean()


def generated(examples, columns, entries, true_columns):
    source = numpy.random.default_rng(1)
    rows = numpy.repeat(numpy.arange(examples), entries)
    places = numpy.concatenate([source.choice(columns, entries, replace=False) for _ in range(examples)])
    features = scipy.sparse.csr_matrix((source.normal(size=len(rows)).astype(numpy.float32), (rows, places)),
                                       shape=(examples, columns))
    truth = numpy.zeros(columns)
    truth[source.choice(columns, true_columns, replace=False)] = source.normal(size=true_columns)
    target = features @ truth
    return features, target + 0.1 * target.std() * source.normal(size=examples)


def write_libsvm(path, features, target):
    with open(path, "w", encoding="utf-8") as file:
        for i in range(features.shape[0]):
            begin, end = features.indptr[i], features.indptr[i + 1]
            order = numpy.argsort(features.indices[begin:end])
            entries = " ".join(f"{features.indices[begin + j] + 1}:{features.data[begin + j]:.9g}" for j in order)
            file.write(f"{target[i]:.17g} {entries}\n")


def objective(features, target, coefficients, alpha):
    residual = target - features @ coefficients
    return residual @ residual / (2 * len(target)) + alpha * numpy.abs(coefficients).sum()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--lambda-ratio", type=float, default=0.1)
    parser.add_argument("--small", action="store_true", help="a hundredth of the generated problem")
    arguments = parser.parse_args()
    examples, columns = (1_000, 10_000) if arguments.small else (10_000, 100_000)
    problems = {"breast cancer (UCI)": standardised(load_breast_cancer), "digits (UCI)": standardised(load_digits),
                "wine (UCI)": standardised(load_wine), f"generated {examples} x {columns}": generated(examples, columns, 100, 300)}
    good = True
    with tempfile.TemporaryDirectory() as folder:
        for name, (features, target) in problems.items():
            path = pathlib.Path(folder) / "data.svm"
            write_libsvm(path, features, target)
            alpha = numpy.abs(features.T @ target).max() / len(target) * arguments.lambda_ratio
            started = time.perf_counter()
            subprocess.run([pathlib.Path(os.environ.get("BOSEN_BIN", ROOT / "build/bin")) / "lasso", "--data", path, "--lambda", repr(float(alpha)), "--workers",
                            str(arguments.workers), "--output", folder], check=True, stderr=subprocess.DEVNULL)
            ours_s = time.perf_counter() - started
            ours = numpy.zeros(features.shape[1])
            found = numpy.load(f"{folder}/coefficients.npy")
            ours[:len(found)] = found
            started = time.perf_counter()
            model = Lasso(alpha=alpha, fit_intercept=False, tol=1e-8, max_iter=100_000)
            model.fit(scipy.sparse.csc_matrix(features, dtype=numpy.float64), target)
            sklearn_s = time.perf_counter() - started
            started = time.perf_counter()
            load_svmlight_file(str(path))
            reading_s = time.perf_counter() - started
            mine, theirs = objective(features, target, ours, alpha), objective(features, target, model.coef_, alpha)
            print(f"{name}: objective lasso {mine:.10g} ({ours_s:.2f} s with reading), scikit-learn {theirs:.10g} "
                  f"({sklearn_s:.2f} s; {reading_s:.2f} s to read), {mine / theirs - 1:+.1e} relative; not zero {numpy.count_nonzero(ours)}, "
                  f"{numpy.count_nonzero(model.coef_)}", flush=True)
            good = good and abs(mine / theirs - 1) <= TOLERANCE
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
