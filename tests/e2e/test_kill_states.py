#!/usr/bin/python3
"""Kills the server in each state and phase of a training and starts it again on its data: clients that behave as the official one
does, but for repeating a call that found no server, end the training, with the weights that can be foretold."""

import contextlib
import io
import json
import threading
import time
import unittest

from fedlog_server import PATIENCE_S, Server
from model_files import linear, saved, scripted

import torch
from fedlog_client import Api
from official_client import OfficialClient, metric_fields

ROUNDS = 2
FINAL = 6.0  # each round adds (10 * 1 + 20 * 4) / 30 = 3
WEIGHTS = 6  # of the layer below, with its bias


class PatientClient(OfficialClient):
    """Adds `amount` to the biases; takes part in SWAG rounds too. `before` and `after` are called around what it sends, with
    what it is ("update", "moments" or "test") and its round."""

    def __init__(self, server, name, amount, sample_size):
        self.amount, self.sample_size = amount, sample_size
        self.before = self.after = lambda what, round_number: None
        super().__init__(server, name, "secret", None, None)
        self.api = Api(server, self.user["token"])

    def receive(self, message):
        if message["notification_type"] != "SWAG_ROUND_START":
            return super().receive(message)
        self.work.put(message)
        return 202

    def do_work(self):
        sends = {"UPDATE_ROUND_START": self.update, "SWAG_ROUND_START": self.moments, "MODEL_TEST_ROUND": self.test_model}
        while (message := self.work.get()) is not None:
            try:
                body = message["body"]
                sends[message["notification_type"]](body["global_model_uuid"], body["round"])
            except Exception as failure:  # the test looks at them, this thread goes on
                self.failures.append(failure)

    def send(self, what, round_number, path, fields, files):
        self.before(what, round_number)
        parts = [(name, (None, str(value))) for name, value in fields] + list(files.items())
        self.api.call("POST", path, files=parts)
        self.after(what, round_number)

    def update(self, model, round_number):
        module = torch.jit.load(io.BytesIO(self.api.call("GET", f"/api/models/{model}/").content))
        with torch.no_grad():
            module.bias += self.amount
        fields = [("round", round_number), ("sample_size", self.sample_size), *metric_fields([("loss", 0.5)])]
        self.send("update", round_number, f"/api/models/{model}/", fields, {"model_file": ("model.pt", scripted(module))})

    def moments(self, model, round_number):
        content = saved(torch.full((WEIGHTS,), self.amount))
        files = {f"{moment}_moment_file": ("moment.pt", content) for moment in ("first", "second")}
        fields = [("round", round_number), ("sample_size", self.sample_size)]
        self.send("moments", round_number, f"/api/models/{model}/swag/", fields, files)

    def test_model(self, model, round_number):
        self.api.call("GET", f"/api/models/{model}/")
        self.send("test", round_number, f"/api/models/{model}/metrics/", metric_fields([("accuracy", 0.5)]), {})


class KillStates(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        torch.set_num_threads(1)

    def setUp(self):
        self.server = self.enterContext(Server("[notifications]\nretry_first_ms = 50\n"))
        self.owner = Api(self.server.url, Api(self.server.url).register("owner", "secret", "http://127.0.0.1:9/")["token"])
        self.one = self.client("one", 1.0, 10)
        self.two = self.client("two", 4.0, 20)

    def client(self, name, amount, sample_size):
        client = PatientClient(self.server.url, name, amount, sample_size)
        self.addCleanup(client.close)
        return client

    def create(self, **fields):
        form = {"name": "linear", "description": "", "input_shape": ["None", "2"]}
        files = {"model_file": ("model.pt", linear())}
        self.model = self.owner.call("POST", "/api/models/", data=form, files=files).json()["model_id"]
        fields = {
            "model_id": self.model,
            "target_num_updates": ROUNDS,
            "aggregation_method": "FedAvg",
            "clients": [self.one.user["id"], self.two.user["id"]],
            **fields,
        }
        self.training = self.owner.call("POST", "/api/trainings/", json=fields).json()["training_id"]

    def control(self, what):
        self.owner.call("POST", f"/api/trainings/{self.training}/{what}/")

    def shown(self):
        return self.owner.call("GET", f"/api/trainings/{self.training}/").json()

    def restart(self):
        self.server.kill()
        self.server.start()

    def wait_for(self, done, what):
        deadline = time.monotonic() + PATIENCE_S
        while not done():
            self.assertLess(time.monotonic(), deadline, f"{what}: {self.shown()} {self.one.failures} {self.two.failures}")
            time.sleep(0.02)

    def assert_it_ends(self):
        self.wait_for(lambda: self.shown()["state"] == "C", "it does not end")
        self.assertEqual((self.one.failures, self.two.failures), ([], []))
        final = torch.jit.load(io.BytesIO(self.owner.call("GET", f"/api/models/{self.model}/").content))
        self.assertEqual(final.bias.tolist(), [FINAL, FINAL])
        log = [json.loads(line) for line in self.server.tool("log", f"training/{self.training}", "--json").splitlines()]
        for kind in ("RoundAggregated", "MomentsAveraged"):
            rounds = [event["payload"]["round"] for event in log if event["type"] == kind]
            self.assertEqual(len(rounds), len(set(rounds)))
        self.assertEqual(self.server.stop(), 0, self.server.words())
        self.assertIn("sound\n", self.server.tool("verify", "--contents"))

    @contextlib.contextmanager
    def kill_between(self, what, round_number):
        """Client one sends, client two waits with the same thing until the server was killed and is there again."""
        sent, go_on = threading.Event(), threading.Event()

        def before(kind, at):
            if (kind, at) == (what, round_number):
                go_on.wait(PATIENCE_S)

        def after(kind, at):
            if (kind, at) == (what, round_number):
                sent.set()

        self.two.before, self.one.after = before, after
        yield
        self.assertTrue(sent.wait(PATIENCE_S), (self.shown(), self.one.failures))
        self.restart()
        go_on.set()

    def kill_after_both(self, what, round_number, delay_s):
        """As soon as the second of them is accepted: the server computes, or has just done so."""
        left, killed = [2], threading.Event()
        lock = threading.Lock()

        def after(kind, at):
            with lock:
                left[0] -= (kind, at) == (what, round_number)
                if left[0] == 0 and not killed.is_set():
                    time.sleep(delay_s)
                    self.server.kill()
                    killed.set()

        self.one.after = self.two.after = after
        self.control("start")
        self.assertTrue(killed.wait(PATIENCE_S), (self.one.failures, self.two.failures))
        self.server.start()
        self.assert_it_ends()

    def test_before_it_starts(self):
        self.create()
        self.restart()
        self.assertEqual(self.shown()["state"], "I")
        self.control("start")
        self.assert_it_ends()

    def test_while_updates_are_awaited(self):
        self.create()
        with self.kill_between("update", 1):
            self.control("start")
        self.assert_it_ends()

    def test_while_updates_are_aggregated(self):
        for delay_s in (0, 0.002, 0.005, 0.02):
            with self.subTest(delay_s=delay_s):
                if delay_s > 0:
                    self.doCleanups()
                    self.setUp()
                self.create()
                self.kill_after_both("update", 0, delay_s)

    def test_while_moments_are_awaited(self):
        self.create(uncertainty_method="SWAG")
        with self.kill_between("moments", 1):
            self.control("start")
        self.assert_it_ends()

    def test_while_moments_are_averaged(self):
        self.create(uncertainty_method="SWAG")
        self.kill_after_both("moments", 1, 0)

    def test_while_it_is_tested(self):
        self.create()
        with self.kill_between("test", 1):
            self.control("start")
        self.assert_it_ends()

    def test_while_it_is_paused(self):
        self.create()
        with self.kill_between("update", 0):
            self.control("start")
            self.wait_for(lambda: self.shown()["local_models_arrived"] == 1, "no update came")
            self.control("pause")
        self.wait_for(lambda: self.shown()["local_models_arrived"] == 2, "an update is not kept while it is paused")
        self.assertTrue(self.shown()["x_paused"])
        self.restart()
        self.control("resume")
        self.assert_it_ends()

    def test_after_its_end(self):
        self.create()
        self.control("start")
        self.wait_for(lambda: self.shown()["state"] == "C", "it does not end")
        self.restart()
        self.assert_it_ends()

    def test_in_an_error_that_can_be_mended(self):
        self.create()
        clients = f"/api/trainings/{self.training}/clients/"
        with self.kill_between("update", 0):
            self.control("start")
            self.wait_for(lambda: self.shown()["local_models_arrived"] == 1, "no update came")
            self.owner.call("DELETE", clients, json={"clients": [self.one.user["id"], self.two.user["id"]]})
            self.assertEqual(self.shown()["state"], "E")
            reason = self.shown()["x_reason"]
            self.assertTrue(reason)
        self.wait_for(lambda: self.two.failures, "an update is taken from who does not take part any more")
        self.two.failures.clear()
        self.assertEqual((self.shown()["state"], self.shown()["x_reason"]), ("E", reason))
        self.owner.call("PUT", clients, json={"clients": [self.one.user["id"], self.two.user["id"]]})
        self.restart()
        self.control("resume")
        self.assert_it_ends()

    def test_in_an_end_that_its_owner_made(self):
        self.one.receive = self.two.receive = lambda message: 200  # and do nothing
        self.create()
        self.control("start")
        self.control("cancel")
        shown = self.shown()
        self.assertEqual(shown["state"], "E")
        self.restart()
        self.assertEqual(self.shown()["x_reason"], shown["x_reason"])
        self.assertEqual(self.server.stop(), 0, self.server.words())
        self.assertIn("sound\n", self.server.tool("verify", "--contents"))


if __name__ == "__main__":
    unittest.main()
