#!/usr/bin/python3
"""Who may do what, over HTTP: one table a kind of call, a column for each role. What is refused changes nothing."""

import secrets
import unittest

from fedlog_server import Server
from model_files import linear

import requests
import torch
from fedlog_client import Api, Inbox

ROLES = ("actor", "participant", "other", "former", "stranger", "superuser")

# Which roles may, where models are for members only; everybody may where they are open.
READING = {
    "the model's file": ("GET", "/api/models/{model}/", "actor participant other superuser"),
    "the model's metadata": ("GET", "/api/models/{model}/metadata/", "actor participant other superuser"),
    "the model's metrics": ("GET", "/api/models/{model}/metrics/", "actor participant other superuser"),
    "the model's preprocessing": ("GET", "/api/models/{model}/preprocessing/", "actor participant other superuser"),
    "a participant's update": ("GET", "/api/models/{local}/", "actor participant superuser"),
    "that update's metadata": ("GET", "/api/models/{local}/metadata/", "actor participant superuser"),
    "that update's metrics": ("GET", "/api/models/{local}/metrics/", "actor participant superuser"),
}

# These do not depend on whether models are open.
READING_TRAININGS = {
    "the training": ("GET", "/api/trainings/{training}/", "actor participant other superuser"),
    "what it waits for": ("GET", "/api/trainings/{training}/status/", "actor participant other superuser"),
}

# The role may see the model (or the training) in the list.
LISTS = {
    "/api/models/": ("model", "actor participant other"),
    "/api/trainings/": ("training", "actor"),
    "/api/users/trainings/": ("training", "actor participant other"),
    "/api/trainings/{training}/models/": ("model", "actor participant other superuser"),
    "/api/trainings/{training}/models/latest/": ("model", "actor participant other superuser"),
}

# Each on a world of its own, and the status of success.
CHANGING = {
    "send an update": ("POST", "/api/models/{model}/", "participant other", 201),
    "replace the preprocessing": ("POST", "/api/models/{model}/preprocessing/", "actor", 202),
    "invite": ("PUT", "/api/trainings/{training}/clients/", "actor", 202),
    "remove a participant": ("DELETE", "/api/trainings/{training}/clients/", "actor", None),
    "leave": ("POST", "/api/trainings/{training}/leave/", "participant other", 200),
    "pause": ("POST", "/api/trainings/{training}/pause/", "actor superuser", 200),
    "cancel": ("POST", "/api/trainings/{training}/cancel/", "actor superuser", 200),
    "delete the training": ("DELETE", "/api/trainings/{training}/", "actor", 200),
    "delete the model": ("DELETE", "/api/models/{model}/", "actor", 200),
}

# Before the training runs.
STARTING = ("POST", "/api/trainings/{training}/start/", "actor", 202)


class World:
    """A running training of the actor, with an update of the participant; the former participant was removed."""

    def __init__(self, rights, started=True):
        self.rights = rights
        actor = rights.apis["actor"]
        files = {"model_file": ("m.pt", rights.model), "model_preprocessing_file": ("p.pt", rights.model)}
        fields = {"name": "rights", "description": "a model"}
        self.model = actor.call("POST", "/api/models/", data=fields, files=files).json()["model_id"]
        members = [rights.users[role]["id"] for role in ("participant", "other", "former")]
        fields = {"model_id": self.model, "target_num_updates": 1, "aggregation_method": "FedAvg", "clients": members}
        self.training = actor.call("POST", "/api/trainings/", json=fields).json()["training_id"]
        self.local = None
        removed = {"clients": [rights.users["former"]["id"]]}
        actor.call("DELETE", f"/api/trainings/{self.training}/clients/", json=removed)
        if started:
            actor.call("POST", f"/api/trainings/{self.training}/start/", json={})
            update = self.update(1)
            rights.apis["participant"].call("POST", f"/api/models/{self.model}/", data=update["data"], files=update["files"])
            listed = rights.apis["participant"].call("GET", "/api/models/").json()
            self.local = next(each["id"] for each in listed if each.get("base_model") == self.model)

    def update(self, samples=2):
        data = {"round": 0, "sample_size": samples, "metric_names": ["loss"], "metric_values": ["0.5"]}
        return {"data": data, "files": {"model_file": ("m.pt", self.rights.model)}}

    def arguments(self, name):
        """What a call brings with it, so that nothing but the rights decides."""
        users = self.rights.users
        return {
            "send an update": self.update(),
            "replace the preprocessing": {"files": {"model_preprocessing_file": ("p.pt", self.rights.model)}},
            "invite": {"json": {"clients": [users["stranger"]["id"]]}},
            "remove a participant": {"json": {"clients": [users["other"]["id"]]}},
        }.get(name, {})

    def path(self, pattern):
        return pattern.format(model=self.model, training=self.training, local=self.local)


class Rights(unittest.TestCase):
    configuration = ""
    open_to_all = False

    @classmethod
    def setUpClass(cls):
        torch.set_num_threads(1)
        cls.model = linear()
        cls.server = cls.enterClassContext(Server(cls.configuration, environment={"FEDLOG_SUPERUSER": "superuser:secret"}))
        cls.inbox = Inbox()
        cls.addClassCleanup(cls.inbox.close)
        cls.users = {
            role: Api(cls.server.url).register(role, "secret", cls.inbox.endpoint) for role in ROLES if role != "superuser"
        }
        root = requests.get(cls.server.url + "/api/users/myself/", auth=("superuser", "secret"), timeout=60).json()
        own = requests.get(f"{cls.server.url}/api/users/{root['id']}/", auth=("superuser", "secret"), timeout=60)
        cls.users["superuser"] = own.json()
        cls.apis = {role: Api(cls.server.url, user["token"]) for role, user in cls.users.items()}
        cls.world = World(cls)

    def ask(self, role, method, path, **arguments):
        headers = {**self.apis[role].headers, "X-Request-ID": secrets.token_hex(8)}
        return requests.request(method, self.server.url + path, headers=headers, timeout=60, **arguments)

    def changed_something(self, answer):
        """Whether an event came of the request; every event tells which request it came of."""
        return f'"correlation":"{answer.headers["X-Request-ID"]}"' in self.server.tool("log", "--json")

    def assert_answered(self, answer, allowed, success):
        if allowed:
            self.assertIn(answer.status_code, range(200, 300), answer.text)
            if success is not None:
                self.assertEqual(answer.status_code, success, answer.text)
        else:
            self.assertEqual(answer.status_code, 403, answer.text)
            self.assertTrue(answer.json()["detail"])

    def may(self, role, roles):
        return self.open_to_all or role in roles.split()

    def test_reading(self):
        for name, (method, pattern, roles) in READING.items():
            for role in ROLES:
                with self.subTest(role=role, call=name):
                    answer = self.ask(role, method, self.world.path(pattern))
                    self.assert_answered(answer, self.may(role, roles), 200)

    def test_reading_trainings(self):
        for name, (method, pattern, roles) in READING_TRAININGS.items():
            for role in ROLES:
                with self.subTest(role=role, call=name):
                    answer = self.ask(role, method, self.world.path(pattern))
                    self.assert_answered(answer, role in roles.split(), 200)

    def test_lists(self):
        for pattern, (kind, roles) in LISTS.items():
            for role in ROLES:
                with self.subTest(role=role, list=pattern):
                    answer = self.ask(role, "GET", self.world.path(pattern))
                    self.assertEqual(answer.status_code, 200, answer.text)
                    listed = getattr(self.world, kind) in [each["id"] for each in answer.json()]
                    self.assertEqual(listed, role in roles.split())

    def test_predicting(self):
        for role in ROLES:
            with self.subTest(role=role):
                fields = {"model_id": self.world.model, "model_input": [[1.0, 2.0]]}
                answer = self.ask(role, "POST", "/api/inference/", json=fields)
                self.assert_answered(answer, self.may(role, "actor participant other superuser"), 200)

    def test_reporting_metrics(self):
        for pattern, roles in (
            ("/api/models/{model}/metrics/", "actor participant other superuser"),
            ("/api/models/{local}/metrics/", "actor participant superuser"),
        ):
            for role in ROLES:
                with self.subTest(role=role, path=pattern):
                    fields = {"metric_names": ["accuracy"], "metric_values": ["0.5"]}
                    answer = self.ask(role, "POST", self.world.path(pattern), data=fields)
                    self.assert_answered(answer, self.may(role, roles), 201)
                    self.assertEqual(self.changed_something(answer), answer.ok)

    def test_changing(self):
        for name, (method, pattern, roles, success) in CHANGING.items():
            refused = World(self)
            for role in ROLES:
                with self.subTest(role=role, call=name):
                    world = World(self) if role in roles.split() else refused
                    answer = self.ask(role, method, world.path(pattern), **world.arguments(name))
                    self.assert_answered(answer, role in roles.split(), success)
                    self.assertEqual(self.changed_something(answer), answer.ok)

    def test_starting(self):
        method, pattern, roles, success = STARTING
        world = World(self, started=False)
        for role in reversed(ROLES):  # the actor comes last
            with self.subTest(role=role):
                answer = self.ask(role, method, world.path(pattern), json={})
                self.assert_answered(answer, role in roles.split(), success)


class RightsWhereModelsAreOpen(Rights):
    configuration = '[models]\naccess = "open"\n'
    open_to_all = True


if __name__ == "__main__":
    unittest.main()
