"""People and trainings of a test: users who do only what the test tells them to, and calls of the API in few words."""

import contextlib
import io
import queue
import secrets
import time
import unittest

from fedlog_server import PATIENCE_S, Server
from model_files import linear, saved

import requests
import torch
from fedlog_client import Api, Inbox


ROOT_USER = ("root", "rootpw")


def until(done, what):
    """What `done` returns once it is true."""
    deadline = time.monotonic() + PATIENCE_S
    while not (result := done()):
        if time.monotonic() > deadline:
            raise AssertionError(f"in vain: {what()}")
        time.sleep(0.02)
    return result


class Person:
    """A user who accepts every notification, and does only what a test tells it to."""

    def __init__(self, server, name):
        self.inbox = Inbox()
        self.name = f"{name}-{secrets.token_hex(4)}"
        user = Api(server.url).register(self.name, "secret", self.inbox.endpoint)
        self.id = user["id"]
        self.server = server
        self.api = Api(server.url, user["token"])

    def is_told(self, kind, training):
        """The next notification of that kind; others are dropped."""
        with contextlib.suppress(queue.Empty):
            while True:
                message = self.inbox.get(timeout_s=PATIENCE_S)
                if (message["notification_type"], message["training_uuid"]) == (kind, training.id):
                    return message
        raise AssertionError(f"{self.name} is not told of {kind}: {training.status()}")

    def asks(self, method, path, **arguments):
        """The answer, whatever it is."""
        headers = self.api.headers | arguments.pop("headers", {})
        return requests.request(method, self.server.url + path, headers=headers, timeout=PATIENCE_S, **arguments)


class Training:
    """A training of the owner's; `people` take part."""

    def __init__(self, owner, people, rounds=1, method="FedAvg", uncertainty="NONE", start=True, **options):
        self.owner = owner
        fields = {"name": "control", "description": "a model"}
        upload = {"model_file": ("m.pt", linear(outputs=1))}
        self.model = owner.api.call("POST", "/api/models/", data=fields, files=upload).json()["model_id"]
        fields = {
            "model_id": self.model,
            "target_num_updates": rounds,
            "aggregation_method": method,
            "uncertainty_method": uncertainty,
            "options": options,
            "clients": [person.id for person in people],
        }
        self.id = owner.api.call("POST", "/api/trainings/", json=fields).json()["training_id"]
        self.path = f"/api/trainings/{self.id}/"
        if start:
            owner.api.call("POST", self.path + "start/")

    def does(self, control, by=None):
        return (by or self.owner).asks("POST", self.path + control + "/")

    def shown(self, to=None):
        return (to or self.owner).api.call("GET", self.path).json()

    def status(self, to=None):
        return (to or self.owner).api.call("GET", self.path + "status/").json()

    def update(self, by, value, round_number=0, model=None):
        fields = {"round": round_number, "sample_size": 1}
        files = {"model_file": ("m.pt", linear(2, 1, value, value))}
        return by.asks("POST", f"/api/models/{model or self.model}/", data=fields, files=files)

    def moments(self, by, value, round_number=1):
        fields = {"round": round_number, "sample_size": 1}
        files = {f"{moment}_moment_file": ("m.pt", saved(torch.full((3,), float(value)))) for moment in ("first", "second")}
        return by.asks("POST", f"/api/models/{self.model}/swag/", data=fields, files=files)

    def test(self, by):
        by.api.call("POST", f"/api/models/{self.model}/metrics/", data={"metric_names": "loss", "metric_values": "0.5"})

    def until(self, **wanted):
        """The status once it has these values."""

        def reached():
            status = self.status()
            return status if wanted.items() <= status.items() else None

        return until(reached, lambda: f"{wanted}: {self.status()}")

    def weight(self):
        content = self.owner.api.call("GET", f"/api/models/{self.model}/").content
        return torch.jit.load(io.BytesIO(content)).bias.item()


class ControlTest(unittest.TestCase):
    """One server for all tests of a class, and people who know each other there."""

    @classmethod
    def setUpClass(cls):
        torch.set_num_threads(1)
        cls.server = cls.enterClassContext(Server(environment={"FEDLOG_SUPERUSER": ":".join(ROOT_USER)}))
        cls.owner, cls.one, cls.two, cls.stranger = (cls.person(name) for name in ("owner", "one", "two", "stranger"))

    @classmethod
    def person(cls, name):
        person = Person(cls.server, name)
        cls.addClassCleanup(person.inbox.close)
        return person

    def training(self, *people, **more):
        return Training(self.owner, people or (self.one, self.two), **more)

    def root_asks(self, method, path):
        return requests.request(method, self.server.url + path, auth=ROOT_USER, timeout=PATIENCE_S)

    def assert_done(self, answer, detail):
        self.assertEqual((answer.status_code, answer.json()), (200, {"detail": detail}))

    def assert_sent(self, answer):
        self.assertEqual(answer.status_code, 201, answer.text)

    def assert_awaits(self, training, *people):
        status, shown = training.status(), training.shown()
        self.assertEqual([each["participant"] for each in status["awaited"]], [person.id for person in people], status)
        self.assertEqual(shown.get("x_waiting_for", []), [person.id for person in people])
        for person in people:
            self.assertIn(person.name, status["summary"])
