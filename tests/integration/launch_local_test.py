"""`bosen run` with processes of this host: exit codes, output, signals, and that nothing is ever left behind."""

import os
import pty
import select
import shlex
import signal
import subprocess
import time

from launch_support import BOSEN, PATIENCE_S, Job, LaunchTest, bosen, environment, main, placements

# Prints its process id and that of a descendant which has nothing to do with the signals of its parent, and waits.
FAMILY = "sleep 1000 & echo pid $$; echo pid $!; wait"


def by_rank(*choices):
    """A shell program that does choices[rank]."""
    cases = " ".join(f"{rank}) {text} ;;" for rank, text in enumerate(choices))
    return ["sh", "-c", f"case $BOSEN_RANK in {cases} esac"]


class ExitCodeTest(LaunchTest):
    def test_is_zero_when_every_rank_ends_well(self):
        self.assertEqual(bosen("run", "-n", 3, "--", "true").code, 0)

    def test_is_the_code_of_the_rank_that_failed_first(self):
        result = bosen("run", "-n", 3, "--", *by_rank("sleep 100", "exit 7", "sleep 100"))
        self.assertEqual(result.code, 7, result)
        self.assertRegex(result.last_line, r"^bosen run: rank 1 on 127\.0\.0\.1 \(pid \d+\) exited with code 7; its output was not kept")

    def test_is_128_and_the_signal_that_killed_a_rank(self):
        result = bosen("run", "-n", 2, "--", *by_rank("sleep 100", "kill -9 $$"))
        self.assertEqual(result.code, 128 + 9, result)
        self.assertRegex(result.last_line, r"rank 1 on 127\.0\.0\.1 \(pid \d+\) was killed by signal 9 \(SIGKILL\)")

    def test_blames_the_rank_that_was_killed_and_not_one_that_fails_as_it_lost_its_peer(self):
        killed_a_little_later = "read line <fifo; kill -SEGV $$"
        os.mkfifo(self.folder / "fifo")
        result = bosen("run", "-n", 2, "--", *by_rank("echo >fifo; exit 1", killed_a_little_later), cwd=self.folder)
        self.assertEqual(result.code, 128 + 11, result)
        self.assertIn("rank 1", result.last_line)

    def test_is_110_when_a_rank_ends_with_a_time_out(self):
        self.assertEqual(bosen("run", "-n", 2, "--", *by_rank("sleep 100", "exit 110")).code, 110)

    def test_the_last_line_names_the_log(self):
        logs = self.folder / "logs"
        result = bosen("run", "-n", 2, "--output-dir", logs, "--", *by_rank("true", "echo why >&2; exit 3"))
        self.assertTrue(result.last_line.endswith(f"exited with code 3; log: {logs}/rank-1.err"), result)


class RestartTest(LaunchTest):
    """--restarts: a job that failed is started again, as a whole."""

    def test_starts_a_failed_job_again_as_often_as_allowed(self):
        logs = self.folder / "logs"
        result = bosen("run", "-n", 2, "--restarts", 2, "--output-dir", logs, "--",
                       *by_rank("echo try ${BOSEN_RESTART-0}", "exit 7"))
        self.assertEqual(result.code, 7, result)
        for number in (1, 2):
            self.assertIn(f"bosen run: starts the job again ({number} of 2 restarts)\n", result.err)
        self.assertEqual((logs / "rank-0.out").read_text(), "try 0\ntry 1\ntry 2\n")

    def test_ends_with_the_first_try_that_ends_well(self):
        result = bosen("run", "-n", 2, "--restarts", 5, "--", *by_rank("true", 'test "$BOSEN_RESTART" = 1 || kill -9 $$'))
        self.assertEqual(result.code, 0, result)
        self.assertEqual(result.err.count("starts the job again"), 1, result)

    def test_does_not_repeat_what_its_user_has_to_mend(self):
        result = bosen("run", "-n", 1, "--restarts", 5, "--", "sh", "-c", "exit 2")
        self.assertEqual(result.code, 2, result)
        self.assertNotIn("again", result.err)


class BadUsageTest(LaunchTest):
    """Each of these is one line that says what is wrong, exit code 2, and nothing is started."""

    def check(self, *arguments, message, env=None):
        marker = self.folder / "started"
        result = bosen("run", *arguments, "--", "touch", marker, env=env)
        self.assertEqual(result.code, 2, result)
        self.assertIn(message, result.err)
        self.assertFalse(marker.exists(), "a process was started")
        return result

    def test_unknown_and_mistyped_flags(self):
        result = self.check("-n", 2, "--timeuot", 3, message="unknown flag '--timeuot'; did you mean '--timeout'?")
        self.assertEqual(len(result.err.splitlines()), 1, result)
        self.check("-n", "two", message="--processes: 'two' is not a whole number")
        self.check("-n", "0", message="--processes: must be from 1 to 4096, not 0")
        self.check("-n", 2, "--timeout", "never", message="--timeout")
        self.check("-n", 2, "--servers", "-1", message="--servers")
        self.check("-n", 2, "stray", message="cannot run 'stray'")

    def test_no_number_of_processes(self):
        self.check(message="say how many processes to start: -n N")

    def test_no_program(self):
        result = bosen("run", "-n", 2)
        self.assertEqual((result.code, result.out), (2, ""))
        self.assertIn("say which program to run", result.err)

    def test_a_program_that_is_not_there(self):
        for program, message in [("no-such-program", "there is no such program in PATH"), ("./nothing", "No such file")]:
            result = bosen("run", "-n", 3, "--", program)
            self.assertEqual(result.code, 2, result)
            self.assertIn(f"bosen run: cannot run '{program}': {message}", result.err)
            self.assertEqual(result.last_line, "bosen run: nothing was started")

    def test_a_program_beside_bosen_comes_after_those_in_the_path(self):
        # The folder of bosen is not in PATH, and bosen itself lies in it.
        result = bosen("run", "-n", 1, "--", "bosen", "--version")
        self.assertEqual(result.code, 0, result)
        self.assertRegex(result.out, r"bosen \d")
        self.write("bosen", "#!/bin/sh\necho mine\n", mode=0o755)
        path = f"{self.folder}:{os.environ['PATH']}"
        result = bosen("run", "-n", 1, "--", "bosen", "--version", env=environment(PATH=path))
        self.assertEqual(result.code, 0, result)
        self.assertIn("mine", result.out)

    def test_a_program_that_cannot_be_executed(self):
        result = bosen("run", "-n", 1, "--", self.write("data.txt", "text\n"))
        self.assertEqual(result.code, 2, result)
        self.assertIn("Permission denied", result.err)

    def test_a_missing_hostfile_is_fatal_and_a_similar_one_is_named(self):
        self.write("hosts.txt", "localhost\n")
        self.check("--hostfile", self.folder / "host.txt", message="No such file or directory; did you mean 'hosts.txt'?")

    def test_a_malformed_hostfile_is_reported_with_line_and_column(self):
        path = self.write("hosts", "localhost slots=2\ngnode1 slot=2\n")
        self.check("--hostfile", path, message=f"bosen run: {path}:2:8: 'slot' is not known here")

    def test_duplicate_hosts(self):
        self.check("-H", "localhost:2,localhost", message="-H:13: the host 'localhost' is listed twice")
        path = self.write("hosts", "localhost:1\nlocalhost:1\n")
        self.check("--hostfile", path, message=f"{path}:2:1: the host 'localhost' is listed twice, first on line 1")

    def test_more_processes_than_slots(self):
        self.check("-n", 5, "-H", "localhost:2", message="-n 5 needs 5 slots, and the hosts have 2 (localhost:2): lower -n")

    def test_an_unknown_host(self):
        result = self.check("-n", 1, "-H", "localhosd", message="-H:1: the host 'localhosd' is not known")
        self.assertIn("did you mean 'localhost'?", result.err)
        result = self.check("-n", 2, "-H", "no-host-1.invalid,no-host-2.invalid", message="no-host-1.invalid' is not known")
        self.assertNotIn("did you mean", result.err)
        self.assertIn("write its address, or add it to DNS or /etc/hosts", result.err)

    def test_a_host_that_no_ssh_reaches(self):
        for arguments in (["run", "-H", "127.0.0.2", "--", "/bin/true"], ["check", "-H", "127.0.0.2"]):
            result = bosen(*arguments, env=environment(PATH=self.folder))
            self.assertEqual(result.code, 2, result)
            self.assertRegex(result.err, "cannot run 'ssh': there is no such program in PATH; .*: install openssh-client")

    def test_a_variable_that_is_not_set_is_not_taken_for_a_flag_left_out(self):
        self.check("-n", 1, "--hostfile", "", message="bosen run: --hostfile: must name a file, and is empty")
        self.check("-n", 1, "-H", "", message="bosen run: --host: must name hosts, and is empty")
        self.check("-n", 1, "--output-dir", "", message="bosen run: --output-dir: must name a folder, and is empty")

    def test_hosts_given_twice(self):
        self.check("-n", 1, "-H", "localhost", "--hostfile", "x", message="either with -H or with --hostfile")

    def test_variables_that_are_none(self):
        self.check("-n", 1, "-x", "A-B=1", message="-x 'A-B=1' is not NAME or NAME=VALUE")
        self.check("-n", 1, "-x", "NOT_SET_HERE", message="-x NOT_SET_HERE: it is not set here")

    def test_an_output_folder_that_cannot_be_made(self):
        path = self.write("file", "")
        self.check("-n", 1, "--output-dir", f"{path}/logs", message="cannot make the output folder")


class StreamsTest(LaunchTest):
    """Standard streams that are full or closed from the start."""

    def run_with(self, redirection, *command):
        words = " ".join(shlex.quote(str(word)) for word in command)
        return subprocess.run(["/bin/sh", "-c", f"exec {words} {redirection}"], env=environment(), capture_output=True, text=True,
                              timeout=PATIENCE_S, check=False)

    def test_a_full_stdout_ends_the_job_with_a_line(self):
        done = self.run_with(">/dev/full", BOSEN, "run", "-n", 1, "--", "sh", "-c", "echo hello; exec sleep 100")
        self.assertEqual((done.returncode, done.stderr),
                         (2, "bosen run: cannot write to standard output: No space left on device\n"))

    def test_a_full_stderr_costs_nothing_but_what_was_said(self):
        self.assertEqual(self.run_with("2>/dev/full", BOSEN, "doctor").returncode, 0)
        self.assertEqual(self.run_with("2>/dev/full", BOSEN, "bogus").returncode, 2)

    def test_closed_streams_are_taken_for_empty_ones(self):
        for closed in ("<&-", ">&-", "2>&-", "<&- >&- 2>&-"):
            with self.subTest(closed):
                done = self.run_with(closed, BOSEN, "run", "-n", 2, "--", "sh", "-c", "echo hello; echo hello >&2")
                self.assertEqual(done.returncode, 0, done)


class EnvironmentTest(LaunchTest):
    def test_every_rank_knows_its_place(self):
        result = bosen("run", "-n", 2, "--servers", 1, "--timeout", 7, "--", BOSEN, "doctor", "--placement")
        self.assertEqual(result.code, 0, result)
        found = placements(result)
        self.assertEqual([p["rank"] for p in found], [0, 1, 2])
        for place in found:
            self.assertEqual((place["size"], place["local_size"], place["servers"], place["timeout_s"]), (3, 3, 1, 7))
            self.assertEqual((place["host"], place["source"], place["coordinator"]), ("127.0.0.1", "bosen run", ""))
        self.assertEqual(len({place["job"] for place in found}), 1)

    def test_hosts_that_are_this_one_need_no_ssh(self):
        env = environment(BOSEN_SSH="false")
        self.assertEqual(bosen("run", "-H", "localhost:2", "--", "true", env=env).code, 0)

    def test_variables_are_set_as_given(self):
        env = environment(FROM_HERE="it's $HOME")
        result = bosen("run", "-n", 1, "-x", "FROM_HERE", "-x", "SET=a=b", "--", "sh", "-c", 'echo "$FROM_HERE|$SET"', env=env)
        self.assertEqual(result.out, "[0] it's $HOME|a=b\n")

    def test_arguments_arrive_as_they_are(self):
        words = ["two words", "", "'quotes\"", "$HOME `id` \\", "-n", "--", "*"]
        result = bosen("run", "-n", 1, "--", "printf", "<%s>\\n", *words)
        self.assertEqual(result.out, "".join(f"[0] <{word}>\n" for word in words))

    def test_the_separator_may_be_left_out(self):
        self.assertEqual(bosen("run", "-n", 1, "echo", "-n", "--help").out, "[0] --help\n")


class OutputTest(LaunchTest):
    def test_lines_are_tagged_and_streams_kept_apart(self):
        result = bosen("run", "-n", 2, "--", "sh", "-c", "echo out; echo err >&2; printf end")
        self.assertEqual(sorted(result.out.splitlines()), ["[0] end", "[0] out", "[1] end", "[1] out"])
        self.assertEqual(sorted(result.err.splitlines()), ["[0] err", "[1] err"])

    def test_nothing_is_lost_or_mixed_when_much_is_written(self):
        program = "i=0; while [ $i -lt 3000 ]; do echo $BOSEN_RANK-$i-abcdefghijklmnopqrstuvwxyz$i$i$i; i=$((i+1)); done"
        result = bosen("run", "-n", 4, "--", "sh", "-c", program)
        self.assertEqual(result.code, 0)
        lines = result.out.splitlines()
        for rank in range(4):
            expected = [f"[{rank}] {rank}-{i}-abcdefghijklmnopqrstuvwxyz{i}{i}{i}" for i in range(3000)]
            self.assertEqual([line for line in lines if line.startswith(f"[{rank}]")], expected)

    def test_streams_that_end_in_one_file_do_not_mix_within_lines(self):
        program = "i=0; while [ $i -lt 500 ]; do echo out$i; echo err$i >&2; i=$((i+1)); done"
        done = subprocess.run(
            [BOSEN, "run", "-n", "2", "--", "sh", "-c", program], env=environment(), stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, timeout=PATIENCE_S,
        )  # fmt: skip
        lines = done.stdout.decode().splitlines()
        self.assertEqual(len(lines), 2000)
        self.assertEqual({line.rstrip("0123456789") for line in lines}, {"[0] out", "[0] err", "[1] out", "[1] err"})

    def test_files_hold_each_rank_byte_for_byte(self):
        logs = self.folder / "deep" / "logs"
        result = bosen("run", "-n", 2, "--output-dir", logs, "--", "sh", "-c", "printf 'a\\0b'; echo $BOSEN_RANK >&2")
        self.assertEqual(result.code, 0, result)
        for rank in range(2):
            self.assertEqual((logs / f"rank-{rank}.out").read_bytes(), b"a\0b")
            self.assertEqual((logs / f"rank-{rank}.err").read_bytes(), b"%d\n" % rank)
        self.assertIn(f"all 2 ranks have ended well; all output is in {logs}/rank-*.out", result.last_line)

    def test_the_last_line_says_where_files_are_incomplete(self):
        logs = self.folder / "logs"
        logs.mkdir()
        (logs / "rank-1.out").symlink_to("/dev/full")
        result = bosen("run", "-n", 2, "--output-dir", logs, "--", "sh", "-c", "echo $BOSEN_RANK")
        self.assertEqual(result.code, 0, result)
        self.assertIn(f"cannot write '{logs}/rank-1.out' any more: No space left on device", result.err)
        self.assertIn(f"all 2 ranks have ended well, but not all output is in {logs}, see above; ", result.last_line)

    def run_on_terminal(self, env):
        master, slave = pty.openpty()
        with subprocess.Popen([BOSEN, "run", "-n", "1", "--", "echo", "x"], env=env, stdout=slave, stderr=slave) as process:
            os.close(slave)
            process.wait(timeout=PATIENCE_S)
            text = os.read(master, 4096).decode()
        os.close(master)
        return text

    def test_tags_are_coloured_on_a_terminal_only_and_not_with_no_color(self):
        self.assertIn("\x1b[36m[0]\x1b[0m x", self.run_on_terminal(environment()))
        self.assertIn("[0] x", self.run_on_terminal(environment(NO_COLOR="1")))
        self.assertEqual(bosen("run", "-n", 1, "--", "echo", "x").out, "[0] x\n")

    def wait_until_nothing_can_be_written(self, job):
        """Until the pipe of its stdout, which nobody reads, is full."""
        deadline = time.monotonic() + PATIENCE_S
        with open(f"/proc/{job.process.pid}/fd/1", "wb", buffering=0) as pipe:
            while select.select([], [pipe], [], 0)[1]:
                self.assertLess(time.monotonic(), deadline, "the pipe never was full")
                with self.assertRaises(subprocess.TimeoutExpired, msg="it ended"):
                    job.process.wait(timeout=0.01)

    def test_nothing_is_lost_when_the_reader_is_slow(self):
        program = "exec seq 1 400000"  # more than fits all buffers
        with Job("run", "-n", "1", "--", "sh", "-c", program) as job:
            self.wait_until_nothing_can_be_written(job)
            result = job.finish()
        self.assertEqual(result.code, 0)
        self.assertEqual(result.out, "".join(f"[0] {number}\n" for number in range(1, 400001)))

    def test_ends_when_nobody_reads_any_more(self):
        with Job("run", "-n", "1", "--", "sh", "-c", "echo pid $$; while echo y; do :; done") as job:
            pid = job.wait_for_lines(1, "pid")[0].split()[1]
            job.process.stdout.close()
            self.assertEqual(job.process.wait(timeout=PATIENCE_S), 128 + signal.SIGPIPE)
            self.assert_gone([pid])

    def test_serves_signals_while_nobody_reads(self):
        with Job("run", "-n", "1", "--", "sh", "-c", "while echo yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy; do :; done") as job:
            self.wait_until_nothing_can_be_written(job)
            job.send(signal.SIGTERM)
            self.assertEqual(job.process.wait(timeout=PATIENCE_S), 128 + signal.SIGTERM)


class SignalTest(LaunchTest):
    def pids_of(self, job, count):
        return [line.split()[1] for line in job.wait_for_lines(count, "pid")]

    def test_interrupts_reach_every_process_and_nothing_is_left(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            with self.subTest(signal=number), Job("run", "-n", 3, "--", "sh", "-c", FAMILY) as job:
                pids = self.pids_of(job, 6)
                job.send(number)
                result = job.finish()
                self.assertEqual(result.code, 128 + number, result)
                self.assertIn(f"stopped by {number.name}", result.last_line)
                self.assert_gone(pids)

    def test_a_terminal_that_hangs_up_is_left_alone_under_nohup(self):
        os.mkfifo(self.folder / "fifo")
        script = "echo up; read line <fifo; echo $line"
        with Job("run", "-n", 1, "--", "sh", "-c", script, cwd=self.folder, prefix=["nohup"]) as job:
            job.wait_for_lines(1)
            job.send(signal.SIGHUP)
            (self.folder / "fifo").write_text("still here\n")
            result = job.finish()
        self.assertEqual((result.code, result.out), (0, "[0] up\n[0] still here\n"), result)

    def test_ranks_can_end_in_order_when_interrupted(self):
        program = 'trap "echo saved; exit 0" INT; echo pid $$; while :; do sleep 0.05; done'
        with Job("run", "-n", 2, "--", "sh", "-c", program) as job:
            self.pids_of(job, 2)
            job.send(signal.SIGINT)
            result = job.finish()
            self.assertEqual(result.code, 130, result)
            self.assertIn("[0] saved\n", result.out)
            self.assertIn("[1] saved\n", result.out)

    def test_a_rank_that_does_not_mind_is_killed(self):
        with Job("run", "-n", 1, "--", "sh", "-c", "trap '' TERM; " + FAMILY) as job:
            pids = self.pids_of(job, 2)
            job.send(signal.SIGTERM)
            result = job.finish()
            self.assertEqual(result.code, 143)
            self.assertRegex(result.err, r"rank 0 on 127\.0\.0\.1 \(pid \d+\): did not end when asked to; killed now")
            self.assert_gone(pids)

    def test_a_second_interrupt_kills_at_once(self):
        with Job("run", "-n", 1, "--", "sh", "-c", "trap 'echo first' INT; " + FAMILY + "; while :; do wait; done") as job:
            pids = self.pids_of(job, 2)
            job.send(signal.SIGINT)
            job.wait_for_lines(1, "first")
            job.send(signal.SIGINT)
            result = job.finish()
            self.assertEqual(result.code, 130)
            self.assertIn("killing what is left", result.err)
            self.assert_gone(pids)

    def test_nothing_is_left_when_bosen_run_is_killed(self):
        with Job("run", "-n", 3, "--", "sh", "-c", FAMILY) as job:
            pids = self.pids_of(job, 6)
            job.send(signal.SIGKILL)
            job.process.wait(timeout=PATIENCE_S)
            self.assert_gone(pids)

    def test_nothing_is_left_when_a_rank_fails(self):
        with Job("run", "-n", 3, "--", *by_rank(FAMILY, FAMILY, "read line <fifo; exit 5"), cwd=self.folder_with_fifo()) as job:
            pids = self.pids_of(job, 4)
            (self.folder / "fifo").write_text("go\n")
            result = job.finish()
            self.assertEqual(result.code, 5, result)
            self.assertIn("exited with code 5; ending the other 2 processes", result.err)
            self.assert_gone(pids)

    def folder_with_fifo(self):
        os.mkfifo(self.folder / "fifo")
        return self.folder

    def test_what_a_rank_leaves_in_the_background_ends_with_it(self):
        with Job("run", "-n", 1, "--", "sh", "-c", "sleep 1000 & echo pid $!") as job:
            pids = self.pids_of(job, 1)
            self.assertEqual(job.finish().code, 0)
            self.assert_gone(pids)


if __name__ == "__main__":
    main()
