"""An ssh server of the test's own: host and user keys, configuration and known hosts in a folder that goes away with it."""

import contextlib
import getpass
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from launch_support import PATIENCE_S, die_with_us, missing_tools

SSHD = shutil.which("sshd", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


def why_not():
    """Why this machine cannot run an ssh server; empty where it can."""
    gone = missing_tools("sshd", "ssh", "ssh-keygen", "setsid")
    if gone:
        return gone
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # sshd insists on it for its privilege separation
    return ""


def make_key(path):
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "bosen-test", "-f", str(path)], check=True)


class SshServer:
    """Serves logins of this user with this server's key on the given addresses, all at one port."""

    def __init__(self, folder, addresses, port, prefix=()):
        self.folder = Path(folder)
        self.addresses = list(addresses)
        self.port = port
        self.folder.mkdir(parents=True, exist_ok=True)
        make_key(self.folder / "host_key")
        make_key(self.folder / "user_key")
        shutil.copy(self.folder / "user_key.pub", self.folder / "authorized_keys")
        config = self.folder / "sshd_config"
        config.write_text(
            "".join(f"ListenAddress {address}\n" for address in self.addresses)
            + f"Port {port}\nHostKey {self.folder}/host_key\nAuthorizedKeysFile {self.folder}/authorized_keys\n"
            "UsePAM no\nStrictModes no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\n"
            "PidFile none\nMaxStartups 100:30:200\n"
        )
        self.process = subprocess.Popen(
            [*prefix, SSHD, "-D", "-E", str(self.folder / "sshd.log"), "-f", str(config)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=die_with_us,
        )
        host_key = (self.folder / "host_key.pub").read_text().split()
        (self.folder / "known_hosts").write_text(
            "".join(f"[{address}]:{port} {host_key[0]} {host_key[1]}\n" for address in self.addresses)
        )
        self.ssh_config()

    def ssh_config(self, **changes):
        """Writes an ssh configuration that reaches this server, and returns its path."""
        settings = {
            "Port": self.port,
            "User": getpass.getuser(),
            "IdentityFile": self.folder / "user_key",
            "IdentitiesOnly": "yes",
            "IdentityAgent": "none",
            "UserKnownHostsFile": self.folder / "known_hosts",
            "GlobalKnownHostsFile": "/dev/null",
            "LogLevel": "ERROR",
        }
        settings.update(changes)
        name = "ssh_config" + "".join(f"-{key}" for key in sorted(changes))
        path = self.folder / name
        path.write_text("Host *\n" + "".join(f"  {key} {value}\n" for key, value in settings.items()))
        return str(path)

    def ssh(self, **changes):
        """The value of BOSEN_SSH that reaches this server."""
        return f"ssh -F {self.ssh_config(**changes)}"

    def wait_until_ready(self, prefix=()):
        """Waits until the server says at each address who it is."""
        deadline = time.monotonic() + PATIENCE_S
        for address in self.addresses:
            probe = (
                "import socket, sys\n"
                f"s = socket.create_connection(({address!r}, {self.port}), timeout=5)\n"
                "sys.exit(0 if s.recv(4) == b'SSH-' else 1)\n"
            )
            while subprocess.run([*prefix, sys.executable, "-c", probe], stderr=subprocess.DEVNULL).returncode != 0:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError("sshd does not run: " + (self.folder / "sshd.log").read_text())

    def sessions(self):
        """Process ids of the children of the server: one for each connection."""
        text = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(word) for word in text.split()]

    def drop_sessions(self):
        """Kills them all: connections are lost without a word."""
        for session in self.sessions():
            with contextlib.suppress(ProcessLookupError):  # it has ended meanwhile
                os.kill(session, signal.SIGKILL)

    def stop(self):
        self.drop_sessions()  # one whose peer is out of reach would live on
        self.process.kill()
        self.process.wait()


def free_port(address):
    """A port at which nothing listens now."""
    with socket.socket() as probe:
        probe.bind((address, 0))
        return probe.getsockname()[1]
