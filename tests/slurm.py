"""A SLURM cluster of two nodes, both of them this machine, for tests of what runs on a cluster."""

import os
import shutil
import socket
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

CONFIGURATION = """\
ClusterName=syda
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmctldPidFile={folder}/controller.pid
StateSaveLocation={folder}
SlurmUser={user}
SlurmdUser={user}
SlurmdPidFile={folder}/%n.pid
SlurmdSpoolDir={folder}/%n
SlurmdParameters=config_overrides
AuthType=auth/none
CredType=cred/none
KillOnBadExit=1
MpiDefault=none
ProctrackType=proctrack/linuxproc
SelectType=select/linear
SwitchType=switch/none
TaskPlugin=task/none
NodeName=one NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[1]} CPUs=2
NodeName=two NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[2]} CPUs=2
PartitionName=all Nodes=ALL Default=YES
"""
"""No authentication: anyone who can reach these ports could run jobs during the tests."""

DAEMONS = "/usr/sbin"
"""Where Debian has them, which is not in the PATH of every user."""

PATIENCE_S = 120.0


def missing() -> list[str]:
    """Return the commands of SLURM that are not installed."""
    commands = ("slurmctld", "slurmd", "srun", "scancel", "sinfo")
    path = os.environ["PATH"] + os.pathsep + DAEMONS
    return [command for command in commands if shutil.which(command, path=path) is None]


class Slurm:
    """Controller and both nodes, as processes of this user; a context manager.

    Args:
        folder: an empty one.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._processes = ExitStack()
        file = folder / "slurm.conf"
        user = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True)
        file.write_text(
            CONFIGURATION.format(
                host=socket.gethostname().split(".")[0],
                ports=free_ports(3),
                folder=folder,
                user=user.stdout.strip(),
            )
        )
        path = os.environ["PATH"] + os.pathsep + DAEMONS
        settings = {"PATH": path, "SLURM_CONF": str(file), "MASTER_ADDR": "127.0.0.1"}
        self.environment = {**os.environ, **settings}
        """Of the commands; MASTER_ADDR is set since no name server knows the nodes."""

    def __enter__(self) -> "Slurm":
        with ExitStack() as starting:
            starting.callback(self._processes.close)
            self._start("controller", "slurmctld", "-D")
            for node in ("one", "two"):
                self._start(node, "slurmd", "-D", "-N", node)
            self._wait_until_idle()
            starting.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Kill the jobs and end the processes."""
        try:
            self.kill_jobs()
        finally:
            self._processes.close()

    def kill_jobs(self) -> None:
        """Kill what runs on the nodes, and wait until they are free."""
        command = ("scancel", "--signal=KILL", "--state=RUNNING")
        subprocess.run(command, env=self.environment, check=True, timeout=PATIENCE_S)
        self._wait_until_idle()

    def _start(self, name: str, *command: str) -> None:
        log = self._processes.enter_context((self._folder / f"{name}.log").open("wb"))
        process = subprocess.Popen(command, env=self.environment, stdout=log, stderr=log)
        self._processes.callback(process.wait)
        self._processes.callback(process.terminate)

    def _wait_until_idle(self) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while True:
            done = subprocess.run(
                ["sinfo", "--noheader", "--Node", "--format=%T"],
                env=self.environment,
                capture_output=True,
                text=True,
                check=False,
                timeout=PATIENCE_S,
            )
            if done.stdout.split() == ["idle", "idle"]:
                return
            if time.monotonic() > deadline:
                logs = [file.read_text() for file in sorted(self._folder.glob("*.log"))]
                raise TimeoutError(f"SLURM: {done.stdout}{done.stderr}\n" + "\n".join(logs))
            time.sleep(0.1)


def free_ports(count: int) -> list[int]:
    """Ports of this machine that nobody listens on."""
    with ExitStack() as open_ones:
        sockets = [open_ones.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("", 0))
        return [one.getsockname()[1] for one in sockets]
