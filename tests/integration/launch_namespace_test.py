"""`bosen run` and `bosen check` on hosts that are network namespaces."""

import signal
import sys
import unittest

import launch_network
from launch_network import Network
from launch_support import BOSEN, TABLES, VERSION, main, missing_programs, placements

FAMILY = "sleep 1000 & echo pid $$; echo pid $!; wait"


@unittest.skipIf(launch_network.why_not(), launch_network.why_not())
class NamespaceTest(launch_network.NetworkTest):
    def test_ranks_on_three_hosts_find_each_other(self):
        program = self.folder / "rank.py"
        program.write_text(
            "import os, socket\n"
            'rank, own = int(os.environ["BOSEN_RANK"]), os.environ["BOSEN_HOST"]\n'
            'host, port = os.environ["BOSEN_RENDEZVOUS"].rsplit(":", 1)\n'
            "def say(request):\n"
            "    connection = socket.create_connection((host, int(port)), timeout=30)\n"
            f'    connection.sendall(f"bosen {VERSION} {{os.environ[\'BOSEN_JOB\']}} {{request}}\\n".encode())\n'
            "    return connection.makefile().read().splitlines()[-1]\n"
            "if rank == 0:\n"
            '    listener = socket.create_server((own, 0))\n'
            '    say(f"publish 0 {own}:{listener.getsockname()[1]}")\n'
            '    print("met", sorted(listener.accept()[1][0] for _ in range(3)))\n'
            "else:\n"
            '    where, port = say(f"find {rank}").split()[-1].rsplit(":", 1)\n'
            "    socket.create_connection((where, int(port)), timeout=30)\n"
        )
        hosts = f"localhost,{self.first}:2,{self.second}"
        result = self.run_bosen("run", "--", sys.executable, str(program), hosts=hosts)
        self.assertEqual(result.code, 0, result)
        self.assertEqual(result.out, f"[0] met ['{self.first}', '{self.first}', '{self.second}']\n")

    def test_ranks_learn_where_bosen_run_is(self):
        result = self.run_bosen("run", "--", BOSEN, "doctor", "--placement")
        self.assertEqual(result.code, 0, result)
        self.assertEqual([place["host"] for place in placements(result)], [self.first, self.first, self.second])
        for place in placements(result):
            self.assertTrue(place["rendezvous"].startswith(self.network.addresses[0] + ":"), place)

    @unittest.skipIf(missing_programs(), missing_programs())
    def test_tables_keep_their_guarantee_across_hosts(self):
        command = [TABLES, "--clocks", "15", "--workers", "2", "--staleness", "1"]
        result = self.run_bosen("run", "--", *command, hosts=f"localhost,{self.first}:2,{self.second}")
        self.assertEqual(result.code, 0, result)
        self.assertIn("kept the guarantee", result.out)

    def test_nothing_is_left_when_bosen_run_is_killed(self):
        with self.start("run", "--", "sh", "-c", FAMILY) as job:
            pids = [line.split()[1] for line in job.wait_for_lines(6, "pid")]
            job.send(signal.SIGKILL)
            self.assert_gone(pids)

    def test_unreachable_hosts_are_one_line_each(self):
        result = self.run_bosen("run", "--", "true", hosts=f"{self.first},10.83.0.98,10.83.0.99")
        self.assertEqual(result.code, 2, result)
        for host in ("10.83.0.98", "10.83.0.99"):
            self.assertRegex(result.err, rf"host '{host}': it cannot be reached: check that it is up .*No route to host")
        # How long the kernel takes to give an address up varies, and with it whether the wait is long enough to tell.
        lines = [line for line in result.err.splitlines() if "waiting for ssh" not in line]
        self.assertEqual(len(lines), 3, result)

    def test_check_tries_the_ways_between_all_hosts(self):
        result = self.run_bosen("check")
        self.assertEqual(result.code, 0, result)
        Network.ip("-n", self.network.names[1], "route", "add", "blackhole", f"{self.second}/32")
        result = self.run_bosen("check")
        self.assertEqual(result.code, 2, result)
        self.assertRegex(result.err, rf"host '{self.first}' cannot connect to host '{self.second}': ")
        self.assertRegex(result.err, rf"host '{self.second}' cannot connect to host '{self.first}': .*timed out")


if __name__ == "__main__":
    main()
