"""A Slurm of one node, configured in a folder of the test's own, with its own munge."""

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

from launch_support import PATIENCE_S, die_with_us, environment, missing_tools

PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"


def why_not():
    """Why this machine cannot run a Slurm; empty where it can."""
    if gone := missing_tools("slurmctld", "slurmd", "srun", "sbatch", "munged"):
        return gone
    if not os.path.ismount("/sys/fs/cgroup"):
        return "slurmd takes control groups at /sys/fs/cgroup"
    return "" if os.geteuid() == 0 else "slurmd takes root"


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [listener.getsockname()[1] for listener in sockets]
    for listener in sockets:
        listener.close()
    return ports


class Slurm:
    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.chmod(0o755)
        self.node = socket.gethostname().split(".")[0]
        self.processes = []
        controller_port, node_port = free_ports(2)
        for name in ("state", "spool"):
            (self.folder / name).mkdir()
        key = self.folder / "munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o600)
        (self.folder / "slurm.conf").write_text(
            f"""ClusterName=bosen
SlurmctldHost={self.node}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={self.folder}/munge.socket
CryptoType=crypto/munge
SlurmctldPort={controller_port}
SlurmdPort={node_port}
StateSaveLocation={self.folder}/state
SlurmdSpoolDir={self.folder}/spool
SlurmctldPidFile={self.folder}/slurmctld.pid
SlurmdPidFile={self.folder}/slurmd.pid
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
ReturnToService=2
SlurmdParameters=config_overrides
SwitchType=switch/none
NodeName={self.node} NodeAddr=127.0.0.1 CPUs=8 State=UNKNOWN
PartitionName=all Nodes={self.node} Default=YES State=UP
"""
        )

    @property
    def env(self):
        return environment(SLURM_CONF=self.folder / "slurm.conf", PATH=PATH)

    def start(self):
        """Starts the three daemons and waits until the node takes jobs; raises RuntimeError where it does not."""
        munge = self.folder / "munge"
        self.daemon(
            "munged", "--foreground", "--force", f"--key-file={munge}.key", f"--socket={munge}.socket", f"--pid-file={munge}.pid",
            f"--log-file={munge}.log", f"--seed-file={munge}.seed",
        )  # fmt: skip
        self.wait_for(lambda: (self.folder / "munge.socket").exists(), "munged's socket")
        self.daemon("slurmctld", "-D", "-c")
        self.daemon("slurmd", "-D", "-N", self.node)
        self.wait_for(lambda: "idle" in self.run("sinfo", "-h", "-o", "%T").stdout, "an idle node")

    def daemon(self, program, *arguments):
        log = open(self.folder / f"{program}.output", "w")
        with log:
            command = [shutil.which(program, path=PATH), *arguments]
            self.processes.append(
                subprocess.Popen(
                    command, env=self.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                    preexec_fn=die_with_us,
                )  # fmt: skip
            )

    def wait_for(self, condition, what):
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            if time.monotonic() > deadline or any(process.poll() is not None for process in self.processes):
                outputs = "".join(f"--- {path.name}\n{path.read_text()}" for path in self.folder.glob("*.output"))
                raise RuntimeError(f"Slurm does not come up, no {what}\n{outputs}")
            try:
                self.processes[-1].wait(timeout=0.1)
            except subprocess.TimeoutExpired:
                pass

    def run(self, *command):
        return subprocess.run(
            command, env=self.env, cwd=self.folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE_S
        )

    def stop(self):
        if self.processes:
            self.run("scancel", "--state=RUNNING", f"--nodelist={self.node}")
        for process in reversed(self.processes):
            process.terminate()
        for process in self.processes:
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.kill_step_daemons()

    def kill_step_daemons(self):
        """slurmstepd, one a step, outlives slurmd when the controller goes before it could report; ours have our configuration."""
        setting = f"SLURM_CONF={self.folder}/slurm.conf".encode()
        for path in Path("/proc").glob("[0-9]*"):
            try:
                if (path / "comm").read_text() == "slurmstepd\n" and setting in (path / "environ").read_bytes().split(b"\0"):
                    os.kill(int(path.name), signal.SIGKILL)
            except OSError:
                continue
