"""`bosen run` over ssh, for real: a server of the test's own on two loopback addresses that stand for two hosts."""

import os
import shutil
import signal
import socket
import sys
import tempfile
import unittest
from pathlib import Path

import launch_sshd
from launch_support import BOSEN, TABLES, VERSION, Job, LaunchTest, bosen, environment, main, missing_programs, placements

FIRST, SECOND = "127.0.0.2", "127.0.0.3"
FAMILY = "sleep 1000 & echo pid $$; echo pid $!; wait"


@unittest.skipIf(launch_sshd.why_not(), launch_sshd.why_not())
class SshTest(LaunchTest):
    @classmethod
    def setUpClass(cls):
        cls.server_folder = tempfile.mkdtemp(prefix="bosen-sshd-")
        cls.addClassCleanup(shutil.rmtree, cls.server_folder, ignore_errors=True)
        cls.server = launch_sshd.SshServer(cls.server_folder, [FIRST, SECOND], launch_sshd.free_port(FIRST))
        cls.addClassCleanup(cls.server.stop)
        cls.server.wait_until_ready()

    def env(self, **changes):
        return environment(BOSEN_SSH=self.server.ssh(), **changes)

    def run_there(self, *arguments, hosts=f"{FIRST}:2,{SECOND}", env=None, cwd=None):
        return bosen("run", "-H", hosts, *arguments, env=env or self.env(), cwd=cwd)

    def start_there(self, *arguments, hosts=f"{FIRST}:2,{SECOND}", env=None):
        return Job("run", "-H", hosts, *arguments, env=env or self.env())

    def pids_of(self, job, count):
        return [line.split()[1] for line in job.wait_for_lines(count, "pid")]


class RunTest(SshTest):
    def test_runs_ranks_on_the_hosts_and_tells_them_their_place(self):
        result = self.run_there("--servers", 1, "--", BOSEN, "doctor", "--placement")
        self.assertEqual(result.code, 0, result)
        found = placements(result)
        self.assertEqual([(p["host"], p["local_rank"], p["local_size"]) for p in found], [(FIRST, 0, 2), (FIRST, 1, 2), (SECOND, 0, 1)])
        for place in found:
            self.assertEqual((place["size"], place["servers"], place["source"]), (3, 1, "bosen run"))
            self.assertRegex(place["rendezvous"], r"^127\.0\.0\.1:\d+$")

    def test_mixes_this_host_with_others_under_a_name_that_they_can_reach(self):
        result = self.run_there("--", BOSEN, "doctor", "--placement", hosts=f"localhost,{FIRST}")
        self.assertEqual([place["host"] for place in placements(result)], ["127.0.0.1", FIRST])

    def test_ranks_of_several_hosts_find_each_other(self):
        program = self.write(
            "rank.py",
            "import os, socket\n"
            'rank = int(os.environ["BOSEN_RANK"])\n'
            'host, port = os.environ["BOSEN_RENDEZVOUS"].rsplit(":", 1)\n'
            "connection = socket.create_connection((host, int(port)), timeout=30)\n"
            'request = "publish 0 127.0.0.2:5555" if rank == 0 else f"find {rank}"\n'
            f'connection.sendall(f"bosen {VERSION} {{os.environ[\'BOSEN_JOB\']}} {{request}}\\n".encode())\n'
            "print(connection.makefile().read().splitlines()[-1])\n",
        )
        result = self.run_there("--", sys.executable, program)
        self.assertEqual(
            sorted(result.out.splitlines()),
            ["[0] ok", "[1] coordinator 127.0.0.2:5555", "[2] coordinator 127.0.0.2:5555"],
            result,
        )

    @unittest.skipIf(missing_programs(), missing_programs())
    def test_tables_keep_their_guarantee_across_hosts(self):
        for model in ("bsp", "essp"):
            with self.subTest(model=model):
                command = [TABLES, "--clocks", 15, "--consistency", model, "--staleness", 1, "--workers", 2]
                result = self.run_there("--servers", 1, "--", *command)
                self.assertEqual(result.code, 0, result)
                self.assertIn("kept the guarantee", result.out)

    def test_arguments_environment_and_folder_arrive_as_they_are(self):
        strange = self.folder / "it's a $(folder)"
        strange.mkdir()
        words = ["two words", "", "'quotes\"", "$HOME `id` \\", "-n", "line\nbreak", "*", "~", "ünï"]
        program = 'printf "<%s>" "$PWD" "$VALUE" "$@"; echo'
        result = self.run_there("-n", 1, "-x", "VALUE=it's \"$HOME\"", "--", "sh", "-c", program, "sh", *words, cwd=strange)
        expected = "[0] " + "".join(f"<{word}>" for word in [str(strange), "it's \"$HOME\"", *words]) + "\n"
        self.assertEqual(result.out, expected.replace("line\nbreak", "line\n[0] break"), result)

    def test_secrets_are_on_no_command_line(self):
        env = self.env(SECRET="hunter2-hunter2")
        with self.start_there("-n", 1, "-x", "SECRET", "--", "sh", "-c", "echo job $BOSEN_JOB; sleep 1000", env=env) as job:
            token = job.wait_for_lines(1, "job")[0].split()[1]
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    words = path.read_bytes()
                except OSError:
                    continue
                self.assertNotIn(b"hunter2-hunter2", words)
                self.assertNotIn(token.encode(), words)
            job.send(signal.SIGINT)
            self.assertEqual(job.finish().code, 130)

    def test_output_is_tagged_and_kept_in_files(self):
        logs = self.folder / "logs"
        result = self.run_there("--output-dir", logs, "--", "sh", "-c", "echo out; echo err >&2; printf end")
        self.assertEqual(sorted(result.out.splitlines()), sorted(f"[{rank}] {word}" for rank in range(3) for word in ("out", "end")))
        self.assertEqual((logs / "rank-2.out").read_text(), "out\nend")
        self.assertEqual((logs / "rank-2.err").read_text(), "err\n")

    def test_a_login_shell_that_talks_does_not_disturb(self):
        noisy = self.write(
            "noisy-ssh",
            '#!/bin/sh\nfor last; do :; done\necho "Welcome!"\necho "Last login: never" >&2\nexec /bin/sh -c "$last"\n',
            0o755,
        )
        result = self.run_there("-n", 1, "--", "sh", "-c", "echo out; echo err >&2", env=environment(BOSEN_SSH=noisy))
        self.assertEqual((result.code, result.out, result.err), (0, "[0] out\n", "[0] err\n"))


class ExitCodeTest(SshTest):
    def by_rank(self, *choices):
        return ["sh", "-c", "case $BOSEN_RANK in " + " ".join(f"{rank}) {text} ;;" for rank, text in enumerate(choices)) + " esac"]

    def test_is_the_failing_ranks_even_255(self):
        for code in (3, 255):
            with self.subTest(code=code):
                result = self.run_there("--", *self.by_rank("sleep 100", "sleep 100", f"exit {code}"))
                self.assertEqual(result.code, code, result)
                self.assertRegex(result.last_line, rf"rank 2 on {SECOND} \(pid \d+\) exited with code {code}; its output was not kept")

    def test_names_the_signal_that_killed_a_rank(self):
        result = self.run_there("--", *self.by_rank("sleep 100", "kill -SEGV $$", "sleep 100"))
        self.assertEqual(result.code, 128 + 11, result)
        self.assertRegex(result.last_line, rf"rank 1 on {FIRST} \(pid \d+\) was killed by signal 11 \(SIGSEGV\)")

    def test_a_lost_connection_ends_the_job(self):
        with self.start_there("--", "sh", "-c", FAMILY) as job:
            pids = self.pids_of(job, 6)
            self.server.drop_sessions()
            result = job.finish()
            self.assertEqual(result.code, 1, result)
            self.assertRegex(result.last_line, r"rank \d on 127\.0\.0\.[23] \(pid \d+\) was lost with its ssh connection")
            self.assert_gone(pids)


class SignalTest(SshTest):
    def test_signals_reach_every_process_and_nothing_is_left(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(signal=number), self.start_there("--", "sh", "-c", FAMILY) as job:
                pids = self.pids_of(job, 6)
                job.send(number)
                result = job.finish()
                self.assertEqual(result.code, 128 + number, result)
                self.assert_gone(pids)

    def test_ranks_can_end_in_order(self):
        program = "trap 'echo saved; exit 0' INT; echo pid $$; while :; do sleep 0.05; done"
        with self.start_there("--", "sh", "-c", program) as job:
            self.pids_of(job, 3)
            job.send(signal.SIGINT)
            result = job.finish()
            self.assertEqual((result.code, result.out.count("saved\n")), (130, 3), result)

    def test_a_rank_that_does_not_mind_is_killed(self):
        with self.start_there("-n", 1, "--", "sh", "-c", "trap '' TERM INT; " + FAMILY) as job:
            pids = self.pids_of(job, 2)
            job.send(signal.SIGTERM)
            self.assertEqual(job.finish().code, 143)
            self.assert_gone(pids)

    def test_nothing_is_left_when_bosen_run_is_killed(self):
        with self.start_there("--", "sh", "-c", FAMILY) as job:
            pids = self.pids_of(job, 6)
            job.send(signal.SIGKILL)
            job.process.wait()
            self.assert_gone(pids)

    def test_a_stubborn_rank_is_killed_when_bosen_run_is(self):
        with self.start_there("-n", 1, "--", "sh", "-c", "trap '' TERM INT HUP; " + FAMILY) as job:
            pids = self.pids_of(job, 2)
            job.send(signal.SIGKILL)
            job.process.wait()
            self.assert_gone(pids)

    def test_nothing_is_left_when_a_rank_fails(self):
        with self.start_there("--", "sh", "-c", FAMILY) as job:
            pids = self.pids_of(job, 6)
            os.kill(int(pids[0]), signal.SIGKILL)
            job.finish()
            self.assert_gone(pids)


class RefusalTest(SshTest):
    """Each is one clear line for a host, exit code 2, and nothing is started anywhere."""

    def check(self, pattern, hosts=f"{FIRST},{SECOND}", env=None, cwd=None, program=None):
        marker = self.folder / "started"
        command = program or ["touch", str(marker)]
        result = self.run_there("--", *command, hosts=hosts, env=env, cwd=cwd)
        self.assertEqual(result.code, 2, result)
        self.assertRegex(result.err, pattern)
        self.assertEqual(result.last_line, "bosen run: nothing was started")
        self.assertFalse(marker.exists(), "a process was started")
        return result

    def test_no_passwordless_ssh(self):
        launch_sshd.make_key(self.folder / "wrong_key")
        env = environment(BOSEN_SSH=self.server.ssh(IdentityFile=self.folder / "wrong_key"))
        result = self.check(rf"-H:1: host '{FIRST}': ssh does not let you in without a password: .*ssh-copy-id {FIRST}", env=env)
        self.assertEqual(len(result.err.splitlines()), 3, result)  # a line for each host, and the last

    def test_an_unknown_host_key(self):
        env = environment(BOSEN_SSH=self.server.ssh(UserKnownHostsFile="/dev/null"))
        self.check(rf"host '{FIRST}': its ssh host key is not known here: run `{env['BOSEN_SSH']} {FIRST} true` once by hand", env=env)

    def test_a_changed_host_key(self):
        launch_sshd.make_key(self.folder / "other_key")
        kind, key = (self.folder / "other_key.pub").read_text().split()[:2]
        known = self.write("known_hosts", f"[{FIRST}]:{self.server.port} {kind} {key}\n")
        env = environment(BOSEN_SSH=self.server.ssh(UserKnownHostsFile=known))
        self.check(rf"host '{FIRST}': its ssh host key is not the one known so far: .*ssh-keygen -R", env=env, hosts=FIRST)

    def test_no_ssh_server(self):
        env = environment(BOSEN_SSH=self.server.ssh(Port=launch_sshd.free_port(FIRST)))
        self.check(rf"host '{FIRST}': no ssh server answers: start sshd there", env=env)

    def test_one_bad_host_keeps_the_others_from_starting(self):
        self.check(r"host '127\.0\.0\.4': no ssh server answers", hosts=f"{FIRST},127.0.0.4")

    def test_an_unknown_host(self):
        result = self.run_there("--", "true", hosts=f"{FIRST},no-such-host.invalid")
        self.assertEqual(result.code, 2, result)
        self.assertRegex(result.err, r"^bosen run: -H:11: the host 'no-such-host\.invalid' is not known: .*\n$")

    def test_a_folder_that_is_not_there(self):
        private = self.write(
            "private-ssh", '#!/bin/sh\nfor last; do :; done\nexec unshare -m sh -c "mount -t tmpfs none $(dirname "$0")/here && $last"\n', 0o755
        )
        (self.folder / "here" / "job").mkdir(parents=True)
        if os.geteuid() != 0 or os.system(f"unshare -m mount -t tmpfs none {self.folder}/here 2>/dev/null") != 0:
            self.skipTest("hiding a folder takes root")
        job = self.folder / "here" / "job"
        self.check(rf"host '{FIRST}': there is no folder '{job}'", env=environment(BOSEN_SSH=private), cwd=job, hosts=FIRST)

    def test_a_program_that_is_not_there(self):
        result = self.check(rf"host '{FIRST}': there is no program 'no-such-program' to run there", program=["no-such-program"])
        self.assertEqual(result.err.count(FIRST), 1, result)

    def test_an_ssh_that_is_not_there(self):
        result = self.run_there("--", "true", env=environment(BOSEN_SSH="no-such-ssh"))
        self.assertEqual(result.code, 2, result)
        self.assertIn("cannot run 'no-such-ssh'", result.err)

    def test_an_option_that_is_none(self):
        result = self.run_there("--ssh-option", "verbose", "--", "true")
        self.assertEqual(result.code, 2, result)
        self.assertIn("--ssh-option 'verbose' is not NAME=VALUE", result.err)

    def test_options_reach_ssh(self):
        env = environment(BOSEN_SSH=self.server.ssh(Port=1))
        self.assertEqual(self.run_there("--ssh-option", f"Port={self.server.port}", "--", "true", env=env).code, 0)

    def test_a_server_that_never_answers(self):
        with socket.socket() as silent:
            silent.bind((FIRST, 0))
            silent.listen()
            env = environment(BOSEN_SSH=self.server.ssh(Port=silent.getsockname()[1]))
            result = self.run_there("--timeout", 1, "--", "true", env=env, hosts=f"{FIRST}:2")
        self.assertEqual(result.code, 110, result)
        by_hand = f"see how long `{env['BOSEN_SSH']} {FIRST} true` takes"
        self.assertEqual(result.err.count(f"no shell on host '{FIRST}' after 1 s: {by_hand}"), 1, result)
        self.assertEqual(result.last_line, "bosen run: timed out; nothing was started")

    def test_interrupted_while_connecting(self):
        with socket.socket() as silent:
            silent.bind((FIRST, 0))
            silent.listen()
            env = environment(BOSEN_SSH=self.server.ssh(Port=silent.getsockname()[1]))
            with self.start_there("--", "true", env=env, hosts=FIRST) as job:
                self.addCleanup(silent.accept()[0].close)
                job.send(signal.SIGINT)
                self.assertEqual(job.finish().code, 130)


if __name__ == "__main__":
    main()
