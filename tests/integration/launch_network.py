"""Hosts that are network namespaces, joined by veth pairs to a bridge, each with its own sshd. Each test makes and removes its own."""

import os
import subprocess

import launch_sshd
from launch_support import Job, LaunchTest, Result, environment, missing_tools


def why_not():
    """Why this machine has no such hosts; empty where it has."""
    if os.geteuid() != 0:
        return "network namespaces take root"
    if gone := missing_tools("ip") or launch_sshd.why_not():
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


class NetworkTest(LaunchTest):
    """Three hosts at a switch: bosen runs on the first, the others have sshd. `first` and `second` are the addresses of these."""

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
