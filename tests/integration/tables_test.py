"""Tables in real processes: the guarantee read by read, misuse, lost processes, joining without bosen run."""

import itertools
import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import unittest
import unittest.mock

BIN = os.environ.get("BOSEN_BIN", os.path.join(os.path.dirname(__file__), "..", "..", "build", "bin"))
PROGRAMS = os.environ.get("BOSEN_TEST_PROGRAMS", os.path.join(BIN, "..", "test-programs"))
BOSEN = os.path.join(BIN, "bosen")
CHECK = os.path.join(PROGRAMS, "consistency_check")
LETTERS = os.path.join(PROGRAMS, "letters")
WAIT_FREE_BACKPROP = os.path.join(PROGRAMS, "wait_free_backprop")
OWN_UPDATER = os.path.join(PROGRAMS, "own_updater")
MISUSE = os.path.join(PROGRAMS, "misuse")
SANITIZED = bool(os.environ.get("BOSEN_SANITIZE"))
TIMEOUT_S = 90  # less than ctest's, so that what a run has said is shown
MODELS = ["bsp", "ssp", "essp", "asp"]


def run(command, **options):
    return subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, **options)


def jobs():
    """Processes, workers of each, model and transport: all there are. Under sanitizers, where a job takes long, every number
    of processes with every number of workers, and the rest in turns, so that every model also meets every number of either
    and both transports; all of them with BOSEN_TEST_FULL=1."""
    full = not SANITIZED or os.environ.get("BOSEN_TEST_FULL")
    for processes, workers in itertools.product(range(1, 9), range(1, 5)):
        transports = ["tcp", "ipc"] if processes > 1 else ["auto"]
        if full:
            yield from itertools.product([processes], [workers], MODELS, transports)
        else:
            model = (processes + workers) % len(MODELS)
            yield processes, workers, MODELS[model], transports[(processes // 4 + model // 2) % len(transports)]


class GuaranteeTest(unittest.TestCase):
    """consistency_check itself looks at every read; here it must only end well."""

    clocks = "15" if SANITIZED else "40"

    def check(self, launcher, arguments, clocks=None):
        result = run([*launcher, CHECK, "--clocks", clocks or self.clocks, *arguments])
        self.assertEqual(result.returncode, 0, f"{launcher} {arguments}\n{result.stdout}\n{result.stderr}")
        self.assertIn("kept the guarantee", result.stdout)

    def test_every_number_of_processes_and_workers(self):
        for processes, workers, model, transport in jobs():
            with self.subTest(processes=processes, workers=workers, model=model, transport=transport):
                launcher = [] if processes == 1 else [BOSEN, "run", "-n", str(processes), "--"]
                self.check(launcher, ["--consistency", model, "--staleness", "1", "--workers", str(workers),
                                      "--transport", transport])

    def test_rows_in_shared_memory(self):
        """So many rows that their blocks are lent."""
        for model in MODELS:
            with self.subTest(model=model):
                self.check([BOSEN, "run", "-n", "3", "--"], ["--consistency", model, "--staleness", "1", "--workers", "2",
                                                             "--transport", "shm", "--rows", "3000"], clocks="8")

    def test_processes_with_different_numbers_of_workers(self):
        for model in MODELS:
            with self.subTest(model=model):
                port = free_port()
                ranks = [start_rank(rank, 3, port, [CHECK, "--clocks", self.clocks, "--consistency", model, "--staleness", "2",
                                                    "--workers", str(workers)]) for rank, workers in enumerate((3, 1, 2))]
                try:
                    outputs = [rank.communicate(timeout=TIMEOUT_S) for rank in ranks]
                    self.assertEqual([rank.returncode for rank in ranks], [0, 0, 0], outputs)
                    self.assertIn("kept the guarantee", outputs[0][0])
                finally:
                    end(ranks)

    def test_dedicated_servers(self):
        for model in MODELS:
            with self.subTest(model=model):
                self.check([BOSEN, "run", "-n", "2", "--servers", "2", "--"],
                           ["--consistency", model, "--staleness", "3", "--workers", "2", "--shards", "2"])

    def test_bounded_caches_and_scattered_rows(self):
        for model in MODELS:
            with self.subTest(model=model):
                self.check([BOSEN, "run", "-n", "2", "--"],
                           ["--consistency", model, "--staleness", "2", "--workers", "2", "--cache-rows", "5",
                            "--random-rows", "--rows", "60"])

    def test_a_straggler_changes_nothing_but_the_time(self):
        for model in MODELS:
            with self.subTest(model=model):
                self.check([], ["--consistency", model, "--staleness", "2", "--workers", "3", "--straggler", "1:3"])

    def test_changing_staleness(self):
        for model in ["ssp", "essp"]:
            for processes in [1, 3]:
                with self.subTest(model=model, processes=processes):
                    launcher = [] if processes == 1 else [BOSEN, "run", "-n", str(processes), "--"]
                    self.check(launcher, ["--consistency", model, "--staleness", "auto", "--workers", "2", "--straggler", "1:3",
                                          "--barrier-every", "0"], clocks="200")


class ChannelTest(unittest.TestCase):
    def test_brings_letters_of_every_length(self):
        for processes, transport in [(1, "auto"), (3, "tcp"), (3, "ipc"), (3, "shm")]:
            with self.subTest(processes=processes, transport=transport):
                launcher = [] if processes == 1 else [BOSEN, "run", "-n", str(processes), "--"]
                result = run([*launcher, LETTERS, "--workers", "2", "--transport", transport])
                self.assertEqual(result.returncode, 0, result.stderr)
                self.assertIn(f"every letter of {2 * processes} workers arrived", result.stdout)


class PriorityTest(unittest.TestCase):
    def test_all_arrives_whatever_overtakes_it(self):
        """80 MB of gradients, in tables and channels each of its own priority, over links that are always full."""
        for processes, transport in [(2, "shm")] if SANITIZED else [(2, "tcp"), (3, "ipc"), (3, "shm")]:
            with self.subTest(processes=processes, transport=transport):
                result = run([BOSEN, "run", "-n", str(processes), "--", WAIT_FREE_BACKPROP, "--transport", transport,
                              "--compute-ms", "0", "--iterations", "1"])
                self.assertEqual(result.returncode, 0, result.stderr)
                self.assertIn("ms an iteration", result.stdout)


class OwnUpdaterTest(unittest.TestCase):
    def test_runs_on_every_shard(self):
        for processes, servers, transport in [(1, 0, "auto"), (2, 0, "shm"), (2, 1, "ipc"), (2, 2, "tcp")]:
            with self.subTest(processes=processes, servers=servers, transport=transport):
                launcher = [BOSEN, "run", "-n", str(processes), "--servers", str(servers), "--"] if processes > 1 else []
                result = run([*launcher, OWN_UPDATER, "--workers", "2", "--transport", transport])
                self.assertEqual(result.returncode, 0, result.stderr)
                self.assertIn("every row is what its updates make it", result.stdout)


class MisuseTest(unittest.TestCase):
    def assert_refused(self, case, words, processes=1, servers=0):
        launcher = [BOSEN, "run", "-n", str(processes), "--servers", str(servers), "--"] if processes > 1 else []
        result = run([*launcher, MISUSE, "--case", case])
        lines = [line for line in result.stderr.splitlines() if "misuse:" in line and "misuse: clock" not in line]
        self.assertEqual(result.returncode, 2, result.stderr)
        self.assertTrue(lines, result.stderr)
        for line in lines:
            self.assertRegex(line, words)
        self.assertNotIn("invariant", result.stderr)
        return lines

    def test_misused_tables(self):
        self.assert_refused("table-twice", "table 'same' exists already")
        self.assert_refused("no-width", "table 'weights': width is 0, it must be from 1")
        self.assert_refused("unknown-updater", "unknown updater 'adamw': this program knows add, adagrad, adam, clock_sum, sgd")
        self.assert_refused("updater-of-integers", "updater 'sgd' does not work on elements of this type")
        self.assert_refused("run-twice", "run_workers was called twice")

    def test_tables_that_differ_between_ranks_are_refused_on_every_rank(self):
        lines = self.assert_refused("other-width-on-another-rank",
                                    r"makes table 'weights' with width \d, another rank with width \d: every process", processes=3)
        self.assertEqual(len(lines), 3, lines)
        lines = self.assert_refused("other-name-on-another-rank", "makes table '(left|right)'", processes=2)
        self.assertEqual(len(lines), 2, lines)

    def test_one_table_or_channel_more_on_one_rank_is_refused_on_every_rank(self):
        for what in ("table", "channel"):
            lines = self.assert_refused(f"one-{what}-more-on-another-rank",
                                        "'extra'.*every process must make the same .*channels in the same order",
                                        processes=3)
            self.assertEqual(len(lines), 3, lines)

    def test_updaters_that_throw_end_the_job_on_every_rank(self):
        for processes, servers in [(1, 0), (2, 0), (2, 1)]:
            with self.subTest(processes=processes, servers=servers):
                self.assert_refused("updater-that-cannot-be-made", "updater 'unmade' can't be made: the file of weights is not",
                                    processes, servers)
                self.assert_refused("updater-throws", "shard [0-9]+: the update is not mine", processes, servers)

    def assert_every_rank_refuses(self, flags, message):
        """Where ranks are started with flags of their own."""
        port = free_port()
        ranks = [start_rank(rank, len(flags), port, [CHECK, *own]) for rank, own in enumerate(flags)]
        try:
            for rank in ranks:
                _, errors = rank.communicate(timeout=TIMEOUT_S)
                self.assertEqual(rank.returncode, 2, errors)
                self.assertRegex(errors, message)
        finally:
            end(ranks)

    def test_flags_that_differ_between_ranks_are_refused(self):
        flags = [["--consistency", "essp", "--staleness", staleness] for staleness in ["auto", "8"]]
        self.assert_every_rank_refuses(flags, "every process must make the same channels in the same order")

    def test_numbers_of_servers_that_differ_between_ranks_are_refused(self):
        flags = [["--servers", servers] for servers in "110"]
        self.assert_every_rank_refuses(flags, r"rank 2 \(host .*\) was started with --servers 0, but rank 0 with --servers 1")

    def test_transports_that_differ_between_ranks_are_refused_on_every_rank(self):
        """Only the rank that connects finds it."""
        flags = [["--transport", name] for name in ["tcp", "ipc", "tcp"]]
        self.assert_every_rank_refuses(flags, "rank 0 does not listen on ipc: choose the same transport in every process")

    def test_misused_rows_and_channels(self):
        self.assert_refused("column-out-of-range", "table 'weights', row 7: column 4 is out of range: .* 4 wide")
        self.assert_refused("wrong-length", "row 7: the update has 3 elements, the row 4")
        self.assert_refused("columns-without-values", "2 columns with 1 updates")
        self.assert_refused("advanced-twice", "was advanced twice at clock 0")
        self.assert_refused("unknown-worker", "there is no worker 1, the job has 1")
        self.assert_refused("unmade-table", "a table is used that was not made: assign it what create_table returns")
        self.assert_refused("unmade-channel", "a channel is used that was not made: assign it what create_channel returns")

    def test_workers_of_one_process_that_wait_for_nobody_end(self):
        self.assert_refused("waits-for-ever", "worker 0 waits for a message with tag 1 .*, and nobody can go on")

    def test_a_barrier_to_which_not_all_workers_come_ends_the_job_on_every_rank(self):
        lines = self.assert_refused("barrier-of-one-worker",
                                    r"rank \d (waits at a barrier|has workers that have ended) while another rank "
                                    r"(has workers that have ended|waits at a barrier): all workers must do so together",
                                    processes=2)
        self.assertEqual(len(lines), 2, lines)

    def test_a_rank_that_runs_no_workers_is_refused_where_others_do(self):
        lines = self.assert_refused("no-run-workers-on-another-rank", "bosen.end_without_run_workers.*every process must make",
                                    processes=2)
        self.assertEqual(len(lines), 2, lines)

    def test_an_error_of_one_worker_ends_the_job_on_every_rank(self):
        result = run([BOSEN, "run", "-n", "2", "--", MISUSE, "--case", "worker-throws"])
        self.assertEqual(result.returncode, 2, result.stderr)
        self.assertIn("ratings.txt:12: not a number", result.stderr)

    def test_an_error_of_one_worker_is_the_same_error_on_every_rank(self):
        """Whichever rank ends first, its exit code is the job's."""
        port = free_port()
        ranks = [start_rank(rank, 3, port, [MISUSE, "--case", "worker-throws"]) for rank in range(3)]
        try:
            for rank in ranks:
                _, errors = rank.communicate(timeout=TIMEOUT_S)
                self.assertEqual(rank.returncode, 2, errors)
                self.assertIn("ratings.txt:12: not a number", errors)
        finally:
            end(ranks)


class LostProcessTest(unittest.TestCase):
    def test_every_rank_names_the_process_that_died(self):
        """Ranks without a launcher, so that only the job itself can notice."""
        port = free_port()
        ranks = [start_rank(rank, 3, port, [MISUSE, "--case", "waits-for-ever"]) for rank in range(3)]
        try:
            wait_until_workers_run(ranks)
            ranks[1].kill()
            for rank in (0, 2):
                _, errors = ranks[rank].communicate(timeout=TIMEOUT_S)
                self.assertEqual(ranks[rank].returncode, 1, errors)
                self.assertRegex(errors, rf"rank 1 \(host .*pid {ranks[1].pid}\)")
        finally:
            end(ranks)

    def test_a_worker_that_waits_for_nobody_ends_too(self):
        """asp never waits, and one that computes does not even look."""
        for case, flags in [("never-waits", ["--consistency", "asp"]), ("computes-for-ever", []),
                            ("never-waits", ["--consistency", "asp", "--straggler", "0:1000000,2:1000000"])]:
            with self.subTest(case=case, flags=flags):
                port = free_port()
                ranks = [start_rank(rank, 3, port, [MISUSE, "--case", case, *flags]) for rank in range(3)]
                try:
                    wait_until_workers_run(ranks)
                    ranks[1].kill()
                    for rank in (0, 2):
                        _, errors = ranks[rank].communicate(timeout=TIMEOUT_S)
                        self.assertEqual(ranks[rank].returncode, 1, errors)
                        self.assertRegex(errors, rf"rank 1 \(host .*pid {ranks[1].pid}\)")
                finally:
                    end(ranks)

    def test_every_rank_names_rank_0_when_it_dies(self):
        port = free_port()
        ranks = [start_rank(rank, 3, port, [MISUSE, "--case", "waits-for-ever"]) for rank in range(3)]
        try:
            wait_until_workers_run(ranks)
            ranks[0].kill()
            for rank in (1, 2):
                _, errors = ranks[rank].communicate(timeout=TIMEOUT_S)
                self.assertEqual(ranks[rank].returncode, 1, errors)
                self.assertIn("rank 0", errors)
        finally:
            end(ranks)

    def test_under_bosen_run_the_last_line_names_rank_and_signal(self):
        job = subprocess.Popen([BOSEN, "run", "-n", "2", "--", MISUSE, "--case", "waits-for-ever"],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            process_of = dict(re.search(r"worker (\d) runs in process (\d+)", line).groups() for line in first_lines(job, 2))
            os.kill(int(process_of["1"]), signal.SIGKILL)
            _, errors = job.communicate(timeout=TIMEOUT_S)
            self.assertEqual(job.returncode, 128 + signal.SIGKILL, errors)
            self.assertRegex(errors.strip().splitlines()[-1],
                             rf"rank 1 on .* \(pid {process_of['1']}\) was killed by signal 9 \(SIGKILL\)")
        finally:
            end([job])


class JoinTest(unittest.TestCase):
    """Jobs that other launchers start."""

    def assert_kept(self, result):
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("kept the guarantee", result.stdout)

    def test_variables_as_torchrun_sets_them(self):
        port = free_port()
        environment = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
        ranks = [subprocess.Popen([CHECK], env={**os.environ, **environment, "RANK": str(rank)}, text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE) for rank in range(2)]
        try:
            outputs = [rank.communicate(timeout=TIMEOUT_S) for rank in ranks]
            self.assertEqual([rank.returncode for rank in ranks], [0, 0], outputs)
            self.assertIn("kept the guarantee", outputs[0][0])
        finally:
            end(ranks)

    def test_mpirun(self):
        if shutil.which("mpirun") is None:
            self.skipTest("mpirun is not installed")
        self.assert_kept(run(["mpirun", "--allow-run-as-root", "--oversubscribe", "-n", "2", CHECK]))

    def test_hosts_with_ipv6_addresses(self):
        try:
            with socket.socket(socket.AF_INET6) as probe:
                probe.bind(("::1", 0))
        except OSError:
            self.skipTest("this machine has no IPv6")
        self.assert_kept(run([BOSEN, "run", "-n", "2", "--", "env", "BOSEN_HOST=::1", CHECK, "--transport", "tcp"]))

    def test_metrics_record_what_the_launcher_said(self):
        with tempfile.TemporaryDirectory() as folder:
            metrics = os.path.join(folder, "metrics.jsonl")
            self.assert_kept(run([BOSEN, "run", "-n", "1", "--servers", "1", "--", CHECK, "--metrics", metrics]))
            with open(metrics, encoding="utf-8") as file:
                self.assertEqual(json.loads(file.readline())["configuration"]["servers"], 1)

    def test_missing_ranks_are_named(self):
        rank = start_rank(0, 3, free_port(), [CHECK, "--timeout", "1"])
        try:
            _, errors = rank.communicate(timeout=TIMEOUT_S)
            self.assertEqual(rank.returncode, 110, errors)
            self.assertRegex(errors, r"ranks 1 and 2 did not join the job within 1 s \(1 of 3 processes are here\)")
        finally:
            end([rank])

    def test_ranks_that_cannot_reach_each_other_end(self):
        """They join, but the name by which one is to be reached is nobody's. What they wait for is looked at each 10 s."""
        port = free_port()
        with unittest.mock.patch.dict(os.environ, BOSEN_HOST="nowhere.invalid"):
            ranks = [start_rank(rank, 2, port, [CHECK, "--timeout", "5", "--transport", "tcp"]) for rank in (0, 1)]
        try:
            outputs = [rank.communicate(timeout=TIMEOUT_S) for rank in ranks]
            self.assertEqual([rank.returncode for rank in ranks], [110, 110], outputs)
            for _, errors in outputs:
                self.assertRegex(errors, r"rank [01] waits for every process to make table '.*' since 1\d s: no (answer|connection) "
                                         r"from rank [01] .*tcp://nowhere.invalid:\d+; .*BOSEN_HOST")
        finally:
            end(ranks)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start_rank(rank, size, port, command):
    environment = {"BOSEN_RANK": str(rank), "BOSEN_SIZE": str(size), "BOSEN_COORDINATOR": f"127.0.0.1:{port}",
                   "BOSEN_JOB": f"test-{port}"}
    return subprocess.Popen(command, env={**os.environ, **environment}, text=True, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE)


def first_lines(process, count):
    """The lines that it prints first, at least `count` of them."""
    text = ""
    while text.count("\n") < count:
        readable, _, _ = select.select([process.stdout], [], [], TIMEOUT_S)
        chunk = os.read(process.stdout.fileno(), 4096).decode() if readable else ""
        if not chunk:
            process.kill()
            raise AssertionError(f"printed no more than {text!r}: {process.communicate()}")
        text += chunk
    return text.splitlines()


def wait_until_workers_run(ranks):
    """Of `misuse`, whose workers print a line when they begin."""
    for rank in ranks:
        first_lines(rank, 1)


def end(processes):
    for process in processes:
        if process.poll() is None:
            process.kill()
        process.communicate()


if __name__ == "__main__":
    unittest.main(verbosity=1)
