#!/usr/bin/python3
"""The training of handwritten digits, as a user runs it: examples/digits.py against the real server."""

import re
import subprocess
import sys
import unittest

from fedlog_server import ROOT, Server


class Digits(unittest.TestCase):
    def test_three_clients_train_a_network_that_recognises_rows_none_of_them_has(self):
        with Server() as server:
            training_file = server.folder / "training"
            command = [sys.executable, ROOT / "examples/digits.py", "--server", server.url, "--training-file", training_file]
            done = subprocess.run(command, capture_output=True, text=True, timeout=200)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr + server.words())

            rows = re.findall(r"^  round (\d)((?: +[\d.]+){3}) +([\d.]+|-)$", done.stdout, re.MULTILINE)
            self.assertEqual([row[0] for row in rows], ["1", "2", "3"], done.stdout)
            for accuracy in " ".join(row[1] for row in rows).split():
                self.assertGreater(float(accuracy), 0.8, done.stdout)
            self.assertGreaterEqual(float(rows[-1][2]), 0.9, done.stdout)

            events = server.tool("log", f"training/{training_file.read_text().strip()}")
            self.assertEqual(events.count("UpdateAccepted"), 9, events)
            self.assertEqual(events.count("RoundAggregated"), 3, events)
            self.assertEqual(server.stop(), 0, server.words())


if __name__ == "__main__":
    unittest.main()
