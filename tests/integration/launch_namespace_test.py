"""`bosen run` and `bosen check` on hosts that are network namespaces, joined by veth pairs to a bridge, each with its own sshd."""

import contextlib
import os
import signal
import subprocess
import sys
import unittest

import launch_sshd
from launch_support import BOSEN, PATIENCE_S, VERSION, Job, LaunchTest, Result, environment, main, missing_tools, placements

FAMILY = "sleep 1000 & echo pid $$; echo pid $!; wait"


def why_not():
    if os.geteuid() != 0:
        return "network namespaces take root"
    if gone := missing_tools("ip", "unshare"):
        return gone
    if subprocess.run(["ip", "netns", "add", f"bt{os.getpid()}"], stderr=subprocess.DEVNULL).returncode != 0:
        return "this machine allows no network namespaces"
    try:
        veth = ["ip", "-n", f"bt{os.getpid()}", "link", "add", "eth0", "type", "veth", "peer", "name", "eth1"]
        return "" if subprocess.run(veth, stderr=subprocess.DEVNULL).returncode == 0 else "this machine allows no veth pairs"
    finally:
        subprocess.run(["ip", "netns", "del", f"bt{os.getpid()}"])


class Network:
    """A switch and `count` hosts 10.83.0.1, 10.83.0.2, ... at it. The first is where bosen runs."""

    serial = 0

    def __init__(self, count, cleanup):
        Network.serial += 1
        self.base = f"bt{os.getpid()}n{Network.serial}"
        self.switch = f"{self.base}s"
        self.names = [f"{self.base}h{number}" for number in range(1, count + 1)]
        self.addresses = [f"10.83.0.{number}" for number in range(1, count + 1)]
        for name in (self.switch, *self.names):
            self.ip("netns", "add", name)
            cleanup(subprocess.run, ["ip", "netns", "del", name])
            self.ip("-n", name, "link", "set", "lo", "up")
        self.ip("-n", self.switch, "link", "add", "bridge", "type", "bridge")
        self.ip("-n", self.switch, "link", "set", "bridge", "up")
        for number, (name, address) in enumerate(zip(self.names, self.addresses), 1):
            self.ip("-n", name, "link", "add", "eth0", "type", "veth", "peer", "name", f"port{number}", "netns", self.switch)
            self.ip("-n", name, "addr", "add", f"{address}/24", "dev", "eth0")
            self.ip("-n", name, "link", "set", "eth0", "up")
            self.ip("-n", self.switch, "link", "set", f"port{number}", "master", "bridge", "up")

    @staticmethod
    def ip(*arguments):
        subprocess.run(["ip", *arguments], check=True)

    def inside(self, number):
        """What to put before a command so that it runs on host `number`, from 1."""
        return ["ip", "netns", "exec", self.names[number - 1]]

    def unplug(self, number):
        self.ip("-n", self.switch, "link", "set", f"port{number}", "down")


@unittest.skipIf(launch_sshd.why_not(), launch_sshd.why_not())
class NamespaceTest(LaunchTest):
    def setUp(self):
        super().setUp()
        self.network = Network(3, self.addCleanup)
        self.first, self.second = self.network.addresses[1:]
        known_hosts = self.folder / "known_hosts"
        for number in (2, 3):
            server = launch_sshd.SshServer(self.folder / f"sshd{number}", [self.network.addresses[number - 1]], 22, self.network.inside(number))
            self.addCleanup(server.stop)
            server.wait_until_ready(self.network.inside(number))
            with known_hosts.open("a") as file:
                file.write((server.folder / "known_hosts").read_text().replace("]:22", "").replace("[", ""))
            (self.folder / "authorized").touch()
            if number == 2:
                key = server.folder / "user_key"
                self.ssh = server.ssh(UserKnownHostsFile=known_hosts)
            else:
                (server.folder / "authorized_keys").write_text((key.parent / "user_key.pub").read_text())

    def start(self, *arguments, hosts=None):
        """Starts bosen on the first host."""
        command, *rest = arguments
        hosts = hosts or f"{self.first}:2,{self.second}"
        return Job(command, "-H", hosts, *rest, env=environment(BOSEN_SSH=self.ssh), prefix=self.network.inside(1))

    def run_bosen(self, *arguments, hosts=None) -> Result:
        with self.start(*arguments, hosts=hosts) as job:
            return job.finish()

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

    def test_a_host_that_drops_out_ends_the_job_and_leaves_nothing(self):
        with self.start("run", "--", "sh", "-c", FAMILY) as job:
            pids = [line.split()[1] for line in job.wait_for_lines(6, "pid")]
            self.network.unplug(2)
            result = job.finish()
            self.assertEqual(result.code, 1, result)
            self.assertRegex(result.last_line, rf"rank [01] on {self.first} \(pid \d+\) was lost with its ssh connection")
            self.assert_gone(pids)  # those of the lost host too: its watchers hear nothing any more

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
        self.assertEqual(len(result.err.splitlines()), 3, result)

    def test_a_host_that_swallows_packets_is_given_up_in_time(self):
        Network.ip("-n", self.network.names[1], "route", "add", "blackhole", f"{self.network.addresses[0]}/32")
        result = self.run_bosen("run", "--", "true")
        self.assertEqual(result.code, 2, result)
        self.assertRegex(result.err, rf"waiting for ssh to {self.first}, \d s so far")
        self.assertRegex(result.err, rf"host '{self.first}': it cannot be reached: .*timed out")

    def test_check_tries_the_ways_between_all_hosts(self):
        result = self.run_bosen("check")
        self.assertEqual(result.code, 0, result)
        Network.ip("-n", self.network.names[1], "route", "add", "blackhole", f"{self.second}/32")
        result = self.run_bosen("check")
        self.assertEqual(result.code, 2, result)
        self.assertRegex(result.err, rf"host '{self.first}' cannot connect to host '{self.second}': ")
        self.assertRegex(result.err, rf"host '{self.second}' cannot connect to host '{self.first}': .*timed out")


if __name__ == "__main__":
    reason = why_not()
    if reason:
        print(f"skipped: {reason}")
        sys.exit(77)
    main()
