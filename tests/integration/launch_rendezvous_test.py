"""How the processes that `bosen run` starts find each other, with ranks that speak the rendezvous' protocol by hand."""

import sys
from concurrent.futures import ThreadPoolExecutor

from launch_support import VERSION, Job, LaunchTest, bosen, main

# say("find 1") sends a request as this rank and returns the last line of the answer.
PRELUDE = f"""
import os, socket, sys, signal
rank = int(os.environ["BOSEN_RANK"])

def say(request, job=os.environ["BOSEN_JOB"], version="{VERSION}"):
    host, port = os.environ["BOSEN_RENDEZVOUS"].rsplit(":", 1)
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(f"bosen {{version}} {{job}} {{request}}\\n".encode())
        lines = connection.makefile().read().splitlines()
        return lines[-1] if lines else ""
"""


class RendezvousTest(LaunchTest):
    def program(self, text):
        return [sys.executable, self.write("rank.py", PRELUDE + text)]

    def test_everyone_learns_what_rank_zero_publishes(self):
        program = self.program(
            'print("answer", say("publish 0 127.0.0.1:5555") if rank == 0 else say(f"find {rank}"))\n'
        )
        result = bosen("run", "-n", 4, "--", *program)
        self.assertEqual(result.code, 0, result)
        self.assertEqual(
            sorted(result.out.splitlines()),
            ["[0] answer ok"] + [f"[{rank}] answer coordinator 127.0.0.1:5555" for rank in (1, 2, 3)],
        )

    def test_any_number_of_jobs_share_a_host(self):
        program = self.program(
            'own = f"127.0.0.1:{os.getpid() % 60000 + 1}"\n'
            'print("answer", own if say(f"publish 0 {own}") == "ok" else "no") if rank == 0 else print("answer", say("find 1").split()[-1])\n'
        )
        with ThreadPoolExecutor(4) as pool:
            results = list(pool.map(lambda _: bosen("run", "-n", 2, "--", *program), range(8)))
        for result in results:
            self.assertEqual(result.code, 0, result)
            first, second = (line.split()[-1] for line in sorted(result.out.splitlines()))
            self.assertEqual(first, second)

    def test_a_time_out_names_who_is_missing_and_for_how_long(self):
        program = self.program(
            "if rank == 2: signal.pause()\n"
            'say("publish 0 127.0.0.1:5555") if rank == 0 else say("find 1")\n'
            "signal.pause()\n"
        )
        with Job("run", "-n", 3, "--timeout", 6, "--", *program) as job:
            result = job.finish()
        self.assertEqual(result.code, 110, result)
        self.assertRegex(result.err, r"bosen run: waiting for rank 2 on 127\.0\.0\.1 \(pid \d+\) to join the job, \d+ s so far")
        self.assertRegex(result.err, r"bosen run: not joined after \d+ s: rank 2 on 127\.0\.0\.1 \(pid \d+\);")
        self.assertEqual(result.last_line, "bosen run: timed out; all processes have ended")

    def test_those_who_wait_are_told_for_whom(self):
        program = self.program(
            "if rank == 0: signal.pause()\n"
            'host, port = os.environ["BOSEN_RENDEZVOUS"].rsplit(":", 1)\n'
            'connection = socket.create_connection((host, int(port)), timeout=30)\n'
            f'connection.sendall(f"bosen {VERSION} {{os.environ[\'BOSEN_JOB\']}} find 1\\n".encode())\n'
            "print(connection.makefile().readline().strip())\n"
            "sys.exit(3)\n"
        )
        result = bosen("run", "-n", 2, "--", *program)
        self.assertEqual(result.code, 3, result)
        self.assertRegex(result.out, r"^\[1\] waiting rank 0 on 127\.0\.0\.1 \(pid \d+\)\n$")

    def test_a_rank_that_ends_without_joining_ends_the_job(self):
        program = self.program('if rank == 1: sys.exit(0)\nprint(say("find 0"))\nsignal.pause()\n')
        result = bosen("run", "-n", 2, "--", *program)
        self.assertEqual(result.code, 2, result)
        self.assertRegex(result.err, r"rank 1 on 127\.0\.0\.1 \(pid \d+\) has ended without joining the job")

    def test_another_version_is_refused_with_a_reason(self):
        program = self.program('print(say("find 0", version="9.9.9"))\n')
        result = bosen("run", "-n", 1, "--", *program)
        self.assertIn("[0] error rank 0 is built with bosen 9.9.9, but bosen run is " + VERSION, result.out)

    def test_strangers_are_dropped_without_a_word(self):
        program = self.program(
            'print("stranger <" + say("find 0", job="guess") + ">")\n'
            'print("garbage <" + say("\\0" * 100) + ">")\n'
            'print("friend <" + say("publish 0 127.0.0.1:5555") + ">")\n'
        )
        result = bosen("run", "-n", 1, "--", *program)
        self.assertEqual(result.out, "[0] stranger <>\n[0] garbage <>\n[0] friend <ok>\n")

    def test_programs_that_are_none_of_bosens_need_not_join(self):
        self.assertEqual(bosen("run", "-n", 2, "--timeout", 0.1, "--", "sleep", "0.3").code, 0)


if __name__ == "__main__":
    main()
