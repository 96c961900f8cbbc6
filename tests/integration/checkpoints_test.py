"""Jobs that are saved and go on, as real processes: read by read, bit for bit, in other shapes, after a loss, with bad input."""

import fcntl
import json
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import unittest
import urllib.request

BIN = os.environ.get("BOSEN_BIN", os.path.join(os.path.dirname(__file__), "..", "..", "build", "bin"))
PROGRAMS = os.environ.get("BOSEN_TEST_PROGRAMS", os.path.join(BIN, "..", "test-programs"))
BOSEN = os.path.join(BIN, "bosen")
MF = os.path.join(BIN, "mf")
CHECK = os.path.join(PROGRAMS, "consistency_check")
MISUSE = os.path.join(PROGRAMS, "misuse")
SANITIZED = bool(os.environ.get("BOSEN_SANITIZE"))
TIMEOUT_S = 90  # less than ctest's, so that what a run has said is shown
CONTAINER = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child"]  # whose process 1 it makes a command
RATINGS = ["--generate", "60,40,3,1200", "--rank", "4"]


def run(command, **options):
    return subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, **options)


def run_by_hand(*command):
    """Two processes without a launcher. Returns their exit codes, and what they said."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    common = {**os.environ, "BOSEN_SIZE": "2", "BOSEN_COORDINATOR": f"127.0.0.1:{port}", "BOSEN_JOB": "by-hand"}
    jobs = [subprocess.Popen(command, env={**common, "BOSEN_RANK": rank}, stdout=subprocess.DEVNULL,
                             stderr=subprocess.PIPE, text=True) for rank in "01"]
    said = [job.communicate(timeout=TIMEOUT_S)[1] for job in jobs]
    return [job.returncode for job in jobs], said


def launcher(processes, servers=0):
    if processes + servers == 1:
        return []
    return [BOSEN, "run", "-n", str(processes), *(["--servers", str(servers)] if servers else []), "--"]


class CheckpointTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="bosen-test-")
        self.addCleanup(shutil.rmtree, self.folder)

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def succeed(self, command):
        result = run(command)
        self.assertEqual(result.returncode, 0, f"{command}\n{result.stdout}\n{result.stderr}")
        return result

    def refuse(self, command, *texts):
        result = run(command)
        self.assertNotEqual(result.returncode, 0, result.stderr)
        for text in texts:
            self.assertIn(text, result.stderr)
        return result

    def apart(self, processes, servers=0):
        """The command of a job whose processes have working directories of their own, named after their ranks."""
        return [*launcher(processes, servers), "sh", "-c",
                f'mkdir -p "{self.folder}/$BOSEN_RANK" && cd "{self.folder}/$BOSEN_RANK" && exec "$@"', "sh"]

    def clocks(self, output):
        names = os.listdir(self.path(output, "checkpoints"))
        return sorted(int(name.removeprefix("clock-")) for name in names)

    def contents(self, *names):
        with open(self.path(*names), "rb") as file:
            return file.read()


class GuaranteeTest(CheckpointTest):
    """consistency_check itself looks at every read and at what workers kept; here it must only end well."""

    def test_every_model_goes_on_where_it_was(self):
        for model in ["bsp", "ssp", "essp", "asp"]:
            for processes, servers, workers in [(1, 0, 3), (2, 0, 2), (2, 1, 1)]:
                with self.subTest(model=model, processes=processes, servers=servers):
                    output = self.path(f"{model}-{processes}-{servers}")
                    check = [*launcher(processes, servers), CHECK, "--consistency", model, "--staleness", "1",
                             "--workers", str(workers)]
                    self.succeed([*check, "--clocks", "13", "--output", output, "--checkpoint-every", "4"])
                    self.assertEqual(self.clocks(output), [8, 12])
                    result = self.succeed([*check, "--clocks", "20", "--resume", output])
                    self.assertIn("goes on from the checkpoint of clock 12", result.stderr)
                    self.assertIn("kept the guarantee", result.stdout)

    def test_other_processes_servers_and_shards_go_on(self):
        output = self.path("saved")
        check = [CHECK, "--clocks", "13", "--rows", "50"]
        self.succeed([*launcher(3, 1), *check, "--workers", "2", "--output", output, "--checkpoint-every", "12"])
        for processes, servers, workers, shards in [(1, 0, 6, 4), (2, 0, 3, 1), (3, 2, 2, 2), (6, 0, 1, 1)]:
            with self.subTest(processes=processes, servers=servers):
                result = self.succeed([*launcher(processes, servers), CHECK, "--clocks", "20", "--rows", "50", "--workers",
                                       str(workers), "--shards", str(shards), "--resume", output])
                self.assertIn("kept the guarantee", result.stdout)

    def test_processes_that_share_no_folder_agree(self):
        """Each in a working directory of its own, and one of them lacks the newest."""
        check = [*self.apart(2), CHECK]
        self.succeed([*check, "--clocks", "9", "--output", "out", "--checkpoint-every", "4"])
        self.assertEqual(self.clocks("0/out"), [4, 8])
        self.assertEqual(os.listdir(self.path("1/out/checkpoints/clock-8")), ["rank-1"])
        shutil.rmtree(self.path("1/out/checkpoints/clock-8"))
        result = self.succeed([*check, "--clocks", "12", "--resume", "out"])
        self.assertIn("goes on from the checkpoint of clock 4", result.stderr)
        shutil.rmtree(self.path("0/out/checkpoints/clock-4"))
        self.refuse([*check, "--clocks", "12", "--resume", "out"], "the processes have no checkpoint in common: "
                    "rank 0 has of clock 8, rank 1 has of clock 4")


class RepeatabilityTest(CheckpointTest):
    def test_under_bsp_a_job_that_was_interrupted_ends_with_the_same_bits(self):
        for processes, workers in [(1, 2), (2, 1)]:
            with self.subTest(processes=processes):
                mf = [*launcher(processes), MF, *RATINGS, "--consistency", "bsp", "--workers", str(workers)]
                whole, parts = f"whole-{processes}", f"parts-{processes}"
                self.succeed([*mf, "--epochs", "5", "--output", self.path(whole)])
                self.succeed([*mf, "--clocks", "20", "--output", self.path(parts), "--checkpoint-every", "9"])
                self.succeed([*mf, "--epochs", "5", "--output", self.path(parts), "--resume", self.path(parts)])
                for name in ["users.npy", "items.npy"]:
                    self.assertEqual(self.contents(whole, name), self.contents(parts, name), name)

    def test_a_job_that_was_killed_goes_on(self):
        output = self.path("killed")
        check = [*launcher(3), CHECK, "--consistency", "ssp", "--staleness", "2"]
        job = subprocess.Popen([*check, "--clocks", "1000000", "--output", output, "--checkpoint-every", "5"],
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        try:
            while not os.path.isdir(os.path.join(output, "checkpoints", "clock-10")) and job.poll() is None:
                os.sched_yield()
            ranks = subprocess.run(["pgrep", "-P", str(job.pid)], capture_output=True, text=True, check=True).stdout.split()
            os.kill(int(ranks[-1]), signal.SIGKILL)
            _, said = job.communicate(timeout=TIMEOUT_S)
        finally:
            job.kill()
        self.assertNotEqual(job.returncode, 0, said)
        newest = self.clocks("killed")[-1]
        result = self.succeed([*check, "--clocks", str(newest + 5), "--resume", output])
        self.assertIn("kept the guarantee", result.stdout)


class RestartTest(CheckpointTest):
    """A job that bosen run starts again: the first try comes to an end, and is then killed."""

    def job(self, clocks, output, *flags):
        check = f'"{CHECK}" --output "{output}" --checkpoint-every 4 {" ".join(flags)}'
        return [BOSEN, "run", "-n", "2", "--restarts", "1", "--", "sh", "-c",
                f'test -n "$BOSEN_RESTART" || {{ {check} --clocks {clocks}; kill -9 $$; }}; exec {check} --clocks 20']

    def test_goes_on_from_its_last_checkpoint(self):
        result = self.succeed(self.job(13, self.path("out")))
        self.assertIn("bosen run: starts the job again (1 of 1 restart)", result.stderr)
        self.assertIn("goes on from the checkpoint of clock 12", result.stderr)
        self.assertEqual(self.clocks("out"), [12, 16])

    def test_goes_on_from_where_it_was_told_to_before_it_has_one(self):
        self.succeed([*launcher(2), CHECK, "--clocks", "5", "--output", self.path("old"), "--checkpoint-every", "4"])
        result = self.succeed(self.job(7, self.path("out"), "--resume", self.path("old")))
        self.assertEqual(result.stderr.count("goes on from the checkpoint of clock 4"), 2, result.stderr)

    def test_begins_again_where_there_is_no_checkpoint(self):
        result = self.succeed(self.job(3, self.path("out")))
        self.assertNotIn("goes on from the checkpoint", result.stderr)
        self.assertEqual(result.stdout.count("kept the guarantee"), 2)
class LossTest(CheckpointTest):
    """Whatever happens, there is a checkpoint to go on from, and never one of two runs."""

    def test_a_job_that_is_stopped_says_how_it_goes_on(self):
        for name, processes, kind in [("alone", 1, signal.SIGINT), ("two", 2, signal.SIGTERM)]:
            with self.subTest(name):
                output = self.path(name)
                check = [*launcher(processes), CHECK]
                way = f"consistency_check: stopped; it has checkpoints: --resume {output} goes on from the newest that is whole"
                with subprocess.Popen([*check, "--clocks", "1000000", "--output", output, "--checkpoint-every", "5"],
                                      stderr=subprocess.PIPE, text=True) as job:
                    # The first is written when the second begins, and worker 0 has seen so when the third does.
                    while not (os.path.isdir(self.path(name, "checkpoints")) and self.clocks(name)[-1:] >= [15]):
                        self.assertIsNone(job.poll())
                        os.sched_yield()
                    job.send_signal(kind)
                    said = job.communicate(timeout=TIMEOUT_S)[1]
                self.assertEqual(said.count(way), 1, said)
                self.succeed([*check, "--clocks", str(self.clocks(name)[-1] + 5), "--resume", output])

    def test_a_job_that_is_stopped_before_its_first_checkpoint_says_so(self):
        with subprocess.Popen([MF, *RATINGS, "--clocks", "1000000000", "--output", self.path("early"),
                               "--checkpoint-every", "1000000000"], stderr=subprocess.PIPE, text=True) as job:
            job.stderr.readline()
            job.send_signal(signal.SIGTERM)
            said = job.communicate(timeout=TIMEOUT_S)[1]
        self.assertEqual(job.returncode, -signal.SIGTERM)
        self.assertIn("mf: stopped before its first checkpoint, so nothing is kept: ", said)

    @unittest.skipIf(subprocess.run([*CONTAINER, "true"], stderr=subprocess.DEVNULL).returncode, "needs namespaces")
    def test_the_first_process_of_a_container_is_stopped_too(self):
        """The kernel keeps signals from it that it doesn't handle."""
        for kind, flags, said in [(signal.SIGTERM, [], ""), (signal.SIGINT, [], ""),
                                  (signal.SIGTERM, ["--output", self.path("out"), "--checkpoint-every", "1000000000"],
                                   "mf: stopped before its first checkpoint")]:
            with self.subTest(kind=kind, flags=flags):
                with subprocess.Popen([*CONTAINER, MF, *RATINGS, "--clocks", "1000000000", *flags],
                                      stderr=subprocess.PIPE, text=True) as job:
                    self.assertIn("clock 1/", job.stderr.readline())
                    with open(f"/proc/{job.pid}/task/{job.pid}/children", encoding="ascii") as children:
                        first = int(children.read())
                    os.kill(first, kind)
                    try:
                        rest = job.communicate(timeout=TIMEOUT_S)[1]
                    finally:
                        job.kill()
                self.assertEqual(job.returncode, 128 + kind, rest)
                self.assertIn(said, rest)

    def test_one_job_at_a_time_writes_to_a_folder(self):
        output = self.path("out")
        mf = [MF, *RATINGS, "--output", output]
        with subprocess.Popen([*mf, "--clocks", "1000000000"], stderr=subprocess.PIPE, text=True) as first:
            self.assertIn("clock", first.stderr.readline())
            for processes in [1, 2]:
                result = self.refuse([*launcher(processes), *mf, "--clocks", "10"],
                                     f"mf: another job writes to '{output}' (process {first.pid} on ",
                                     "): wait for its end, or name another folder with --output")
                self.assertEqual(result.returncode, 2)
            first.kill()
        self.succeed([*mf, "--clocks", "10"])

    def test_a_run_that_went_back_keeps_the_checkpoint_that_it_went_back_to(self):
        output = self.path("out")
        mf = [MF, *RATINGS, "--output", output]
        self.succeed([*mf, "--clocks", "10", "--checkpoint-every", "4"])
        self.succeed([*mf, "--clocks", "12", "--checkpoint-every", "10", "--resume", self.path("out/checkpoints/clock-4")])
        self.assertEqual(self.clocks("out"), [4, 10])

    def test_who_went_back_goes_on_from_there_before_its_next_checkpoint_too(self):
        output = self.path("out")
        mf = [MF, *RATINGS, "--output", output]
        self.succeed([*mf, "--clocks", "10", "--checkpoint-every", "4"])
        back = ["--output", output, "--checkpoint-every", "100", "--clocks", "12", "--resume", self.path("out/checkpoints/clock-4")]
        self.refuse([MF, *RATINGS[:2], "--rank", "5", *back], "has width 6")
        self.assertEqual(self.clocks("out"), [4, 8])  # with wrong flags nothing has changed
        self.assertIn(f"mf: has set aside the newer checkpoints in {output}/checkpoints, up to clock 8, as clock-8.left",
                      self.succeed([MF, *RATINGS, *back]).stderr)
        again = self.succeed([*mf, "--clocks", "12", "--checkpoint-every", "5", "--resume", output]).stderr
        self.assertIn("goes on from the checkpoint of clock 4", again)
        self.assertEqual(self.clocks("out"), [5, 10])

    def test_a_lock_of_a_host_that_was_lost_does_not_keep_the_job_from_starting_again(self):
        """The test's own lock stands for it."""
        os.mkdir(self.path("out"))
        mf = [MF, *RATINGS, "--clocks", "10", "--output", self.path("out")]
        with open(self.path("out/.lock"), "w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            self.refuse(mf, f"another job writes to '{self.path('out')}': wait for its end")
            result = run(mf, env={**os.environ, "BOSEN_RESTART": "1"})
        self.assertEqual(result.returncode, 0, result.stderr)

    def test_files_that_a_larger_job_left_do_not_hide_a_checkpoint(self):
        check = [CHECK, "--output", self.path("out"), "--checkpoint-every", "4"]
        self.succeed([*launcher(4), *check, "--clocks", "9"])
        for rank in [0, 1]:
            os.remove(self.path(f"out/checkpoints/clock-8/rank-{rank}"))
        resumed = ["--resume", self.path("out")]
        left = self.path("left")
        shutil.copytree(self.path("out/checkpoints/clock-8"), left)
        said = self.succeed([*launcher(2), *check, "--workers", "2", "--clocks", "9", *resumed]).stderr
        self.assertIn("goes on from the checkpoint of clock 4", said)
        shutil.copytree(left, self.path("out/checkpoints/clock-8"), dirs_exist_ok=True)
        self.assertEqual(len(os.listdir(self.path("out/checkpoints/clock-8"))), 4)
        said = self.succeed([*launcher(4), *check, "--clocks", "10", *resumed]).stderr
        self.assertIn("goes on from the checkpoint of clock 8", said)

    def test_a_run_started_by_hand_is_not_taken_for_the_one_before(self):
        """Nothing in the environment tells the two runs apart, as with a batch job that is queued again."""
        def succeed_by_hand(*flags):
            codes, said = run_by_hand(CHECK, "--clocks", "9", *flags)
            self.assertEqual(codes, [0, 0], said)
            return said[0]

        output = self.path("out")
        save = ["--output", output, "--checkpoint-every", "4"]
        succeed_by_hand(*save)
        newest = os.path.join(output, "checkpoints", "clock-8", "rank-1")
        of_first_run = self.contents(newest)
        succeed_by_hand(*save, "--resume", os.path.join(output, "checkpoints", "clock-4"))
        with open(newest, "wb") as file:
            file.write(of_first_run)
        self.assertIn("goes on from the checkpoint of clock 4", succeed_by_hand("--resume", output))

    def test_nobody_takes_for_written_what_could_not_be(self):
        """Rank 1 has no shards, so nobody needs it but for its word. Its file is a pipe: it fails when we let it."""
        check = [*self.apart(2, 1), CHECK, "--consistency", "ssp", "--staleness", "2", "--output", "out",
                 "--checkpoint-every", "4"]
        self.succeed([*check, "--clocks", "5"])
        os.mkdir(self.path("1/out/checkpoints/clock-8"))
        pipe = self.path("1/out/checkpoints/clock-8/rank-1.partial")
        os.mkfifo(pipe)
        job = subprocess.Popen([*check, "--clocks", "1000000", "--resume", "out", "--monitor", "0"],
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        try:
            said = ""
            while not (live := re.search("live view at (http://[^/]+)/", said)) and (line := job.stderr.readline()):
                said += line
            self.assertTrue(live, said)
            while "held back" not in self.states_of_rank(1, live[1]) and job.poll() is None:
                os.sched_yield()
            with open(pipe, "rb") as file:
                file.read()
            said += job.communicate(timeout=TIMEOUT_S)[1]
        finally:
            job.kill()
        self.assertNotEqual(job.returncode, 0, said)
        self.assertIn("cannot write out/checkpoints/clock-8/rank-1", said)
        for rank in range(3):
            self.assertIn(4, self.clocks(f"{rank}/out"), said)
        self.assertIn("from the checkpoint of clock 4", self.succeed([*check, "--clocks", "7", "--resume", "out"]).stderr)

    def states_of_rank(self, rank, monitor):
        with urllib.request.urlopen(monitor + "/api/status", timeout=TIMEOUT_S) as response:
            status = json.load(response)
        return [worker["state"] for process in status["processes"] if process["rank"] == rank for worker in process["workers"]]


class UnlikeFlagsTest(CheckpointTest):
    def test_processes_with_other_flags_are_refused(self):
        by_rank = f'exec "{CHECK}" --clocks 9 --output "{self.folder}/$BOSEN_RANK" --checkpoint-every $((4 + BOSEN_RANK))'
        self.refuse([*launcher(2), "sh", "-c", by_rank],
                    "rank 0 was started with --checkpoint-every 4, rank 1 with 5: give all processes the same")


class MistakeTest(CheckpointTest):
    def setUp(self):
        super().setUp()
        self.saved = self.path("saved")
        self.succeed([MF, *RATINGS, "--clocks", "10", "--output", self.saved, "--checkpoint-every", "4"])

    def test_flags_that_do_not_fit(self):
        mf = [MF, *RATINGS]
        self.refuse([*mf, "--checkpoint-every", "5"], "--checkpoint-every needs --output DIR")
        self.refuse([*mf, "--resume", self.path("nowhere")], f"'{self.path('nowhere')}' is not there")
        self.refuse([*mf, "--resume", self.folder], "holds no checkpoint")
        self.refuse([*mf, "--resume", ""], "--resume names no folder")
        self.refuse([*mf, "--clocks", "8", "--resume", self.saved],
                    "the checkpoint is of clock 8, and the job ends at clock 8")
        self.refuse([MF, *RATINGS[:2], "--rank", "5", "--resume", self.saved],
                    "table 'users': has width 6, in the checkpoint of clock 8 width 5")
        self.refuse([*mf, "--output", self.saved, "--checkpoint-every", "4"],
                    f"has checkpoints of another run: go on from them with --resume {self.saved}")
        self.refuse([CHECK, "--resume", self.saved], "is of mf, not of consistency_check")

    def test_other_data_is_refused(self):
        """Of the same shape, so that nothing else tells."""
        def write(name, text):
            with open(self.path(name), "w") as file:
                file.write(text)
            return self.path(name)

        vectors = [f"{i % 2} 1:{i % 5} 2:1\n" for i in range(40)]
        for app, texts, flags in [
                ("mf", [f"{u} {i} {(u * i) % 5}\n" for u in range(9) for i in range(9)], ["--rank", "2"]),
                ("mlr", vectors, ["--test", write("test", "".join(vectors)), "--batch", "10"]),
                ("lda", ["a b c d\n", "c d e f\n", "a e b f\n", "a a c c\n"] * 3, ["--topics", "2"])]:
            with self.subTest(app):
                data = write(app, "".join(texts))
                job = [os.path.join(BIN, app), "--data", data, *flags, "--checkpoint-every", "4", "--output", self.path(f"{app}-out")]
                self.succeed([*job, "--clocks", "10"])
                resumed = [*job, "--clocks", "12", "--resume", self.path(f"{app}-out")]
                texts[0], texts[1] = texts[1], texts[0]
                write(app, "".join(texts))
                self.refuse(resumed, "the checkpoint of clock 8 was made with other data")
                texts[0], texts[1] = texts[1], texts[0]
                write(app, "".join(texts))
                self.succeed(resumed)

    def test_one_checkpoint_of_several(self):
        result = self.succeed([MF, *RATINGS, "--clocks", "10", "--resume", os.path.join(self.saved, "checkpoints", "clock-4")])
        self.assertIn("goes on from the checkpoint of clock 4", result.stderr)

    def test_a_damaged_checkpoint_is_refused(self):
        file = os.path.join(self.saved, "checkpoints", "clock-8", "rank-0")
        with open(file, "r+b") as part:
            part.seek(os.path.getsize(file) // 2)
            part.write(b"?!?!")
        self.refuse([MF, *RATINGS, "--resume", self.saved], f"checkpoint {file}: is damaged",
                    f"to go on from the one before: --resume {self.saved}/checkpoints/clock-4")
        open(file, "wb").close()
        self.refuse([MF, *RATINGS, "--resume", os.path.dirname(file)], f"checkpoint {file}: is cut off")

    def test_all_are_told_whose_file_is_damaged(self):
        self.succeed([*launcher(2), CHECK, "--clocks", "5", "--output", self.path("out"), "--checkpoint-every", "4"])
        file = self.path("out/checkpoints/clock-4/rank-1")
        os.truncate(file, os.path.getsize(file) - 1)
        codes, said = run_by_hand(CHECK, "--resume", self.path("out"))
        self.assertEqual(codes, [2, 2], said)
        self.assertIn(f"consistency_check: checkpoint {file}: is cut off", said[1])
        self.assertRegex(said[0], "rank 1 .* ended the job: checkpoint .*/rank-1: is cut off")

    def test_a_run_too_short_for_a_checkpoint_says_so(self):
        result = self.succeed([MF, *RATINGS, "--clocks", "5", "--output", self.path("short"), "--checkpoint-every", "100"])
        self.assertIn("made no checkpoint: the job ended before clock 100", result.stderr)

    def test_what_a_run_proposes_at_its_end_can_be_typed_as_it_stands(self):
        output = self.path("with blank")
        result = self.succeed([MF, *RATINGS, "--clocks", "10", "--output", output, "--checkpoint-every", "4"])
        self.assertIn(f"--resume '{output}' goes on from it", result.stderr)
        self.assertNotIn("before the same command", result.stderr)  # --output has checkpoints now, so it would be refused

    def test_a_disk_that_is_full_ends_the_job_and_leaves_the_last_checkpoint(self):
        """The limit on files' sizes stands for it."""
        def small_files():
            size = os.path.getsize(os.path.join(self.saved, "checkpoints", "clock-8", "rank-0"))
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (size // 2, size // 2))

        result = run([MF, *RATINGS, "--clocks", "30", "--output", self.saved, "--metrics", self.path("metrics.jsonl"),
                      "--resume", self.saved, "--checkpoint-every", "3"], preexec_fn=small_files)
        self.assertEqual(result.returncode, 2, result.stderr)
        self.assertIn(f"cannot write {self.saved}/checkpoints/clock-9/rank-0: File too large", result.stderr)
        self.assertIn(f"go on with --resume {self.saved}", result.stderr)
        self.assertFalse(os.path.exists(os.path.join(self.saved, "checkpoints", "clock-9", "rank-0.partial")))
        self.succeed([MF, *RATINGS, "--clocks", "12", "--resume", self.saved])


if __name__ == "__main__":
    unittest.main()
