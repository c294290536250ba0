"""People and trainings of a test: users who do only what the test tells them to, and calls of the API in few words."""

import contextlib
import io
import queue
import secrets
import time

from fedlog_server import PATIENCE_S
from model_files import linear

import requests
import torch
from fedlog_client import Api, Inbox


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

    def __init__(self, owner, people, rounds=1, method="FedAvg", start=True, **options):
        self.owner = owner
        fields = {"name": "control", "description": "a model"}
        upload = {"model_file": ("m.pt", linear(outputs=1))}
        self.model = owner.api.call("POST", "/api/models/", data=fields, files=upload).json()["model_id"]
        fields = {
            "model_id": self.model,
            "target_num_updates": rounds,
            "aggregation_method": method,
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

    def update(self, by, value, round_number=0):
        fields = {"round": round_number, "sample_size": 1}
        return by.asks("POST", f"/api/models/{self.model}/", data=fields, files={"model_file": ("m.pt", linear(2, 1, value, value))})

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
