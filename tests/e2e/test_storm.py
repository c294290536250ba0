#!/usr/bin/python3
"""Many trainings of three clients at once, with one in a hundred calls failing at random: all are completed, each round is
aggregated once, and what is left is sound.

FEDLOG_STORM_TRAININGS says how many trainings (20), FEDLOG_STORM_RUNS how many times in a row (1), FEDLOG_STORM_SEED where
chance begins.
"""

import collections
import json
import os
import unittest

from fedlog_server import Server

import torch
from storm import Storm

TRAININGS = int(os.environ.get("FEDLOG_STORM_TRAININGS", 20))
RUNS = int(os.environ.get("FEDLOG_STORM_RUNS", 1))
SEED = int(os.environ.get("FEDLOG_STORM_SEED", 1))
CLIENTS = 3
ROUNDS = 2
FAILING = 0.01

# Passwords that cost little, since there are hundreds of users; retries that a test can wait for.
CONFIGURATION = """
[accounts]
password_hash_memory_kib = 8
password_hash_passes = 1
[notifications]
retry_first_ms = 50
retry_max_ms = 500
"""


class StormTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        torch.set_num_threads(1)

    def test_all_trainings_are_completed_whatever_fails(self):
        for run in range(RUNS):
            with self.subTest(run=run), Server(CONFIGURATION) as server:
                storm = Storm(server.port, TRAININGS, CLIENTS, ROUNDS, FAILING, SEED + run)
                storm.run(timeout_s=60 + 2 * TRAININGS)
                self.check(server, storm)
                self.assertEqual(server.stop(), 0, server.words())
                self.assertIn("sound\n", server.tool("verify", "--contents"))
                print(f"run {run}: {TRAININGS} trainings in {storm.seconds:.1f} s, {storm.faults.cases} calls and notifications,"
                      f" of which failed {storm.faults.counts}; refused: {len(storm.refusals)}")  # fmt: skip

    def check(self, server, storm):
        self.assertEqual(collections.Counter(storm.states.values()), {"C": TRAININGS}, server.words())
        self.assertGreater(sum(storm.faults.counts.values()), 0)
        log = [json.loads(line) for line in server.tool("log", "--json").splitlines()]
        created = [event["type"] for event in log]
        # Nothing that was repeated was done twice.
        self.assertEqual(created.count("TrainingCreated"), TRAININGS)
        self.assertEqual(created.count("ModelUploaded"), TRAININGS)
        self.assertEqual(created.count("UserRegistered"), TRAININGS * CLIENTS + 1)
        self.assertEqual(created.count("ParticipantRemoved"), 0)
        self.check_rounds(log)
        for client, kind, refusal in storm.refusals:
            self.assertIn("is not currently in round" if kind == "UPDATE_ROUND_START" else kind, refusal, client)

    def check_rounds(self, log):
        results = collections.defaultdict(list)
        updates = collections.defaultdict(set)
        for event in log:
            if event["type"] == "RoundAggregated":
                results[event["stream"], event["payload"]["round"]].append(event["payload"]["weights"])
            elif event["type"] == "UpdateAccepted":
                updates[event["stream"], event["payload"]["round"]].add(event["payload"]["participant"])
        self.assertEqual(len(results), TRAININGS * ROUNDS)
        self.assertEqual({len(weights) for weights in results.values()}, {1})
        self.assertEqual({len(participants) for participants in updates.values()}, {CLIENTS})
        for number in range(ROUNDS):
            # All trainings got the same updates, so whatever the order of arrival, there is one result, byte for byte.
            self.assertEqual(len({tuple(weights) for (_, at), weights in results.items() if at == number}), 1)


if __name__ == "__main__":
    unittest.main()
