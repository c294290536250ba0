#!/usr/bin/python3
"""The recorded exchanges of what the server does of the REST contract, twice on the same data. Skipped without them."""

import os
import pathlib
import subprocess
import sys
import unittest

from fedlog_server import ROOT, Server

CONFORMANCE = pathlib.Path(os.environ.get("FEDLOG_CONFORMANCE", ROOT / "../shared/api")) / "conformance.py"

SCENARIOS = "openapi,users,pipeline,groups,models,trainings,round_fedavg,round_swag,round_feddc,round_eager,refusal,inference,statistics"


@unittest.skipUnless(CONFORMANCE.exists(), f"no recorded exchanges: there is no {CONFORMANCE} (see FEDLOG_CONFORMANCE)")
class Conformance(unittest.TestCase):
    def test_nothing_differs_twice_in_a_row(self):
        with Server(environment={"FEDLOG_SUPERUSER": "root:rootpw"}) as server:
            for _ in range(2):
                command = [sys.executable, "-B", CONFORMANCE, "--base", server.url, "--superuser", "root:rootpw", "--only", SCENARIOS]
                done = subprocess.run(command, capture_output=True, text=True, timeout=400)
                last_line = done.stdout.strip().rsplit("\n", 1)[-1]
                print(last_line)
                self.assertRegex(last_line, r"^[1-9]\d* passed, 0 failed", done.stdout[-8000:] + done.stderr + server.words())


if __name__ == "__main__":
    unittest.main()
