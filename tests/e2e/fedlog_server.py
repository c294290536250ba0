"""The real server for a test: started on a free port and a folder of its own, stopped, killed, and started again.

FEDLOG_BIN names the folder of the programs (ctest sets it); without it build/dev/bin is taken.
"""

import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import requests

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("FEDLOG_BIN", ROOT / "build/dev/bin"))
sys.path.insert(0, str(ROOT / "examples"))

PATIENCE_S = 60  # for what takes well under a second on an idle machine


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """As a context manager: runs at the start, and is stopped and removed with its data at the end."""

    def __init__(self, configuration="", environment=None):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="fedlog-e2e-"))
        self.data = self.folder / "data"
        self.log = self.folder / "server.log"
        self.configuration = self.folder / "fedlog.toml"
        self.configuration.write_text(configuration)
        self.environment = environment or {}
        self.port = free_port()
        self.process = None

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def command(self, data=None, port=None, configuration=None):
        listen = f"127.0.0.1:{port or self.port}"
        options = ["--data", data or self.data, "--listen", listen, "--config", configuration or self.configuration]
        return [str(part) for part in [BIN / "fedlog-server", *options]]

    def start(self):
        """Returns when the server answers; fails with its own words when it ends instead."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("FEDLOG_")}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command(), stdout=log, stderr=log, env={**inherited, **self.environment}
            )
        self.wait_until_it_answers()

    def wait_until_it_answers(self):
        deadline = time.monotonic() + PATIENCE_S
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"the server does not answer (exit code {self.process.poll()}):\n{self.words()}")
            time.sleep(0.02)

    def answers(self):
        try:
            return requests.get(self.url + "/api/users/myself/", timeout=5).status_code == 401
        except requests.RequestException:
            return False

    def words(self):
        return self.log.read_text(errors="replace")[-4000:]

    def stop(self):
        """Asks the server to end, and returns its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_S)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def run_another(self, **changes):
        """Starts a second server that is expected to give up; its exit code and what it said."""
        done = subprocess.run(self.command(**changes), capture_output=True, text=True, timeout=PATIENCE_S)
        return done.returncode, done.stdout + done.stderr

    def tool(self, *arguments):
        """What `fedlog` prints for the arguments and this server's data."""
        command = [str(BIN / "fedlog"), arguments[0], "--data", str(self.data), *arguments[1:]]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S)
        if done.returncode != 0:
            raise AssertionError(f"{' '.join(command)}: {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.process is not None and self.process.poll() is None:
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)
