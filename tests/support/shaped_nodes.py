"""Nodes of a small cluster on one machine: network namespaces whose links `tc tbf` holds to a rate. Needs root and iproute2."""

import os
import subprocess


def ip(*arguments):
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


def bits_a_second(rate):
    """Of a rate as tc writes it."""
    units = {"kbit": 1e3, "mbit": 1e6, "gbit": 1e9}
    return float(rate[:-4]) * units[rate[-4:]]


def burst_of(rate):
    """Bytes that a link may carry at once after a pause: a millisecond's, as tbf's bucket fills while a job computes and what is
    in it then travels in no time. At least a packet as TCP hands it to the device."""
    return max(64 * 1024, int(bits_a_second(rate) / 8 / 1000))


class Nodes:
    """Namespaces on one bridge, each link held to a rate in both directions: "100mbit", "10gbit"; None: as fast as it goes."""

    def __init__(self, count, rate):
        self.prefix = f"bn{os.getpid() % 10000}"
        self.names = [f"{self.prefix}n{i}" for i in range(count)]
        self.addresses = [f"10.97.{os.getpid() % 250}.{i + 1}" for i in range(count)]
        self.rate = rate

    def __enter__(self):
        try:
            self.set_up()
        except BaseException:
            self.__exit__()
            raise
        return self

    def set_up(self):
        hub = f"{self.prefix}hub"
        ip("netns", "add", hub)
        ip("-n", hub, "link", "add", "bridge", "type", "bridge")
        ip("-n", hub, "link", "set", "bridge", "up")
        for name, address in zip(self.names, self.addresses):
            ip("netns", "add", name)
            ip("-n", hub, "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", name)
            ip("-n", hub, "link", "set", name, "master", "bridge", "up")
            ip("-n", name, "address", "add", f"{address}/24", "dev", "eth0")
            for device in ("lo", "eth0"):
                ip("-n", name, "link", "set", device, "up")
            if self.rate:
                for namespace, device in ((name, "eth0"), (hub, name)):
                    subprocess.run(["tc", "-n", namespace, "qdisc", "add", "dev", device, "root", "tbf", "rate", self.rate,
                                    "burst", str(burst_of(self.rate)), "latency", "100ms"], check=True)

    def __exit__(self, *_):
        for name in [*self.names, f"{self.prefix}hub"]:
            subprocess.run(["ip", "netns", "delete", name], check=False, capture_output=True)

    def inside(self, rank, job, port):
        """What to put before a command so that it runs as that rank of a job of all nodes."""
        environment = [f"BOSEN_RANK={rank}", f"BOSEN_SIZE={len(self.names)}", f"BOSEN_HOST={self.addresses[rank]}",
                       f"BOSEN_COORDINATOR={self.addresses[0]}:{port}", f"BOSEN_JOB={job}"]
        return ["ip", "netns", "exec", self.names[rank], "env", *environment]
