#!/usr/bin/python3
"""Kills the server in the middle of a round and starts it again on its data: the clients, separate processes that know
nothing of it, finish the training, and its final model is the same, byte for byte, as that of an undisturbed run."""

import threading
import unittest

from fedlog_server import PATIENCE_S, Server

import digits  # of examples/, which fedlog_server puts on the path
import torch

ROUNDS = 2
CLIENTS = 3


class Killer:
    """Kills the server as soon as `line` was printed `count` times by the clients together."""

    def __init__(self, server, line, count):
        self.server, self.line, self.left = server, line, count
        self.lock = threading.Lock()
        self.killed = threading.Event()

    def on_line(self, _, text):
        with self.lock:
            if self.line in text:
                self.left -= 1
                if self.left == 0:
                    self.server.kill()
                    self.killed.set()


class Kill(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        torch.set_num_threads(1)
        cls.model = digits.make_model()
        with Server() as server:
            cls.undisturbed = cls.train(server)

    @classmethod
    def train(cls, server, killer=None):
        """The final model's bytes."""
        on_line = killer.on_line if killer else lambda part, line: None
        with digits.participants(server.url, CLIENTS, on_line) as (clients, users):
            owner = digits.Owner(server.url)
            model = owner.upload(cls.model)
            training = owner.create_training(model, users, ROUNDS)
            owner.start(training)
            if killer:
                if not killer.killed.wait(PATIENCE_S):
                    raise AssertionError(f"no {killer.line!r}\n{server.words()}")
                server.start()
            progress = digits.Progress(owner, training, clients, timeout_s=120)
            progress.wait_until(lambda: owner.state(training) == "C")
            return owner.download(model)

    def assert_survives(self, line, count):
        with Server() as server:
            final = self.train(server, Killer(server, line, count))
            self.assertEqual(final, self.undisturbed)
            self.assertEqual(server.stop(), 0, server.words())

    def test_after_the_first_update_was_accepted(self):
        self.assert_survives("round 0: update accepted", 1)

    def test_after_the_last_update_was_accepted_while_the_round_is_aggregated(self):
        self.assert_survives("round 0: update accepted", CLIENTS)

    def test_in_the_test_phase_after_the_first_report(self):
        self.assert_survives("round 1: test reported", 1)

    def test_a_clean_restart_serves_the_same_model(self):
        with Server() as server:
            with digits.participants(server.url, CLIENTS) as (clients, users):
                owner = digits.Owner(server.url)
                model = owner.upload(self.model)
                training = owner.create_training(model, users, 1)
                owner.start(training)
                progress = digits.Progress(owner, training, clients, timeout_s=120)
                progress.wait_until(lambda: owner.state(training) == "C")
            before = owner.download(model), owner.held_out_accuracy(model), owner.accuracies(model)
            self.assertEqual(server.stop(), 0, server.words())
            server.start()
            self.assertEqual((owner.download(model), owner.held_out_accuracy(model), owner.accuracies(model)), before)


if __name__ == "__main__":
    unittest.main()
