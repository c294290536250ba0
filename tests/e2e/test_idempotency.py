#!/usr/bin/python3
"""Every call that changes something, named by the API's own description: sent again with its Idempotency-Key, whatever its body
says then, it gets the first answer and does nothing, not even after the server was killed in between."""

import concurrent.futures
import json
import secrets
import time
import unittest

from fedlog_server import PATIENCE_S, Server
from model_files import linear, saved

import requests
import torch

ROOT = ("root", "rootpw")
PASSWORD = "a password"
NOWHERE = "http://127.0.0.1:9/"

# Calls that change nothing that lasts.
WITHOUT_KEYS = {("POST", "/api/inference/"), ("POST", "/api/users/{user_id}/ping/")}


def weights(bias):
    return saved({"weight": torch.zeros(2, 2), "bias": torch.full((2,), float(bias))})


class World:
    """Makes what a call needs to succeed. A call is (path, who, body, another body); bodies are arguments of requests."""

    def __init__(self, server):
        self.server = server

    def good(self, method, path, who, **arguments):
        answer = requests.request(method, self.server.url + path, auth=who, timeout=60, **arguments)
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text[:300]}"
        return answer.json() if answer.content else None

    def user(self):
        """(id, credentials)"""
        name = "user-" + secrets.token_hex(6)
        fields = {"username": name, "password": PASSWORD, "message_endpoint": NOWHERE}
        return self.good("POST", "/api/users/", None, json=fields)["id"], (name, PASSWORD)

    def group(self):
        user, who = self.user()
        group = self.good("POST", "/api/groups/", who, json={"name": "group-" + secrets.token_hex(6)})["id"]
        self.good("POST", f"/api/groups/{group}/members/", ROOT, json={"users": [user]})
        return group, who

    def model(self, who):
        return self.good("POST", "/api/models/", who, **self.model_form("model"))["model_id"]

    def model_form(self, name):
        return {"data": {"name": name, "description": ""}, "files": {"model_file": ("m.pt", weights(0))}}

    def training(self, **fields):
        """(id, model, the owner's credentials, (participant's id, its credentials))"""
        _, who = self.user()
        model = self.model(who)
        client = self.user()
        fields = {"model_id": model, "target_num_updates": 1, "aggregation_method": "FedAvg", "clients": [client[0]], **fields}
        return self.good("POST", "/api/trainings/", who, json=fields)["training_id"], model, who, client

    def running(self, **fields):
        training, model, who, client = self.training(**fields)
        self.good("POST", f"/api/trainings/{training}/start/", who)
        return training, model, who, client

    def paused(self):
        training, model, who, client = self.running()
        self.good("POST", f"/api/trainings/{training}/pause/", who)
        return training, model, who, client

    def in_swag_round(self):
        training, model, who, client = self.running(uncertainty_method="SWAG")
        self.good("POST", f"/api/models/{model}/", client[1], **self.update(0, 1))
        deadline = time.monotonic() + PATIENCE_S
        while self.good("GET", f"/api/trainings/{training}/", who)["state"] != "S":
            assert time.monotonic() < deadline, "there is no SWAG round"
            time.sleep(0.02)
        return model, client[1]

    def update(self, round_number, samples):
        return {"data": {"round": round_number, "sample_size": samples}, "files": {"model_file": ("m.pt", weights(samples))}}

    def moments(self, samples):
        files = {f"{moment}_moment_file": ("m.pt", saved(torch.ones(6) * samples)) for moment in ("first", "second")}
        return {"data": {"round": 1, "sample_size": samples}, "files": files}

    # --- the calls, by method and path

    def register(self):
        fields = {"username": "user-" + secrets.token_hex(6), "password": PASSWORD, "message_endpoint": NOWHERE}
        return "/api/users/", None, {"json": fields}, {"json": {**fields, "email": "another@example.org"}}

    def change_user(self):
        user, who = self.user()
        return f"/api/users/{user}/", who, {"json": {"first_name": "Ada"}}, {"json": {"first_name": "Grace"}}

    def replace_token(self):
        user, who = self.user()
        return f"/api/users/{user}/token/", who, {}, {}

    def change_password(self):
        user, _ = self.user()
        return f"/api/users/{user}/password/", ROOT, {"json": {"new_password": "one"}}, {"json": {"new_password": "two"}}

    def deactivate(self):
        return f"/api/users/{self.user()[0]}/deactivate/", ROOT, {}, {}

    def activate(self):
        user, _ = self.user()
        self.good("POST", f"/api/users/{user}/deactivate/", ROOT)
        return f"/api/users/{user}/activate/", ROOT, {}, {}

    def create_group(self):
        _, who = self.user()
        return "/api/groups/", who, {"json": {"name": secrets.token_hex(6)}}, {"json": {"name": secrets.token_hex(6)}}

    def rename_group(self):
        group, who = self.group()
        return f"/api/groups/{group}/", who, {"json": {"name": secrets.token_hex(6)}}, {"json": {"name": secrets.token_hex(6)}}

    def delete_group(self):
        group, who = self.group()
        return f"/api/groups/{group}/", who, {}, {}

    def change_members(self):
        group, who = self.group()
        return f"/api/groups/{group}/members/", who, {"json": {"users": [self.user()[0]]}}, {"json": {"users": [self.user()[0]]}}

    def upload_model(self):
        _, who = self.user()
        return "/api/models/", who, self.model_form("one"), self.model_form("two")

    def send_update(self):
        _, model, _, client = self.running()
        return f"/api/models/{model}/", client[1], self.update(0, 1), self.update(0, 2)

    def delete_model(self):
        _, who = self.user()
        return f"/api/models/{self.model(who)}/", who, {}, {}

    def report_metrics(self):
        _, who = self.user()
        bodies = [{"data": {"metric_names": "accuracy", "metric_values": value}} for value in (0.5, 0.75)]
        return f"/api/models/{self.model(who)}/metrics/", who, *bodies

    def replace_preprocessing(self):
        _, who = self.user()
        bodies = [{"files": {"model_preprocessing_file": ("m.pt", linear(bias=bias))}} for bias in range(2)]
        return f"/api/models/{self.model(who)}/preprocessing/", who, *bodies

    def send_moments(self):
        model, who = self.in_swag_round()
        return f"/api/models/{model}/swag/", who, self.moments(1), self.moments(2)

    def create_training(self):
        _, who = self.user()
        fields = {"model_id": self.model(who), "target_num_updates": 1, "aggregation_method": "FedAvg"}
        return "/api/trainings/", who, {"json": fields}, {"json": {**fields, "target_num_updates": 2}}

    def delete_training(self):
        training, _, who, _ = self.training()
        return f"/api/trainings/{training}/", who, {}, {}

    def add_participants(self):
        training, _, who, _ = self.training()
        bodies = [{"json": {"clients": [self.user()[0]]}} for _ in range(2)]
        return f"/api/trainings/{training}/clients/", who, *bodies

    def remove_participants(self):
        training, _, who, client = self.training()
        return f"/api/trainings/{training}/clients/", who, {"json": {"clients": [client[0]]}}, {"json": {"clients": []}}

    def start(self):
        training, _, who, _ = self.training()
        return f"/api/trainings/{training}/start/", who, {}, {}

    def pause(self):
        training, _, who, _ = self.running()
        return f"/api/trainings/{training}/pause/", who, {}, {}

    def resume(self):
        training, _, who, _ = self.paused()
        return f"/api/trainings/{training}/resume/", who, {}, {}

    def cancel(self):
        training, _, who, _ = self.running()
        return f"/api/trainings/{training}/cancel/", who, {}, {}

    def leave(self):
        training, _, _, client = self.running()
        return f"/api/trainings/{training}/leave/", client[1], {}, {}

    def join(self):
        training, _, _, _ = self.running(options={"open_to_join": True})
        return f"/api/trainings/{training}/join/", self.user()[1], {}, {}


CALLS = {
    ("POST", "/api/users/"): World.register,
    ("PATCH", "/api/users/{user_id}/"): World.change_user,
    ("POST", "/api/users/{user_id}/token/"): World.replace_token,
    ("POST", "/api/users/{user_id}/password/"): World.change_password,
    ("POST", "/api/users/{user_id}/deactivate/"): World.deactivate,
    ("POST", "/api/users/{user_id}/activate/"): World.activate,
    ("POST", "/api/groups/"): World.create_group,
    ("PUT", "/api/groups/{group_id}/"): World.rename_group,
    ("PATCH", "/api/groups/{group_id}/"): World.rename_group,
    ("DELETE", "/api/groups/{group_id}/"): World.delete_group,
    ("POST", "/api/groups/{group_id}/members/"): World.change_members,
    ("DELETE", "/api/groups/{group_id}/members/"): World.change_members,
    ("POST", "/api/models/"): World.upload_model,
    ("POST", "/api/models/{model_id}/"): World.send_update,
    ("DELETE", "/api/models/{model_id}/"): World.delete_model,
    ("POST", "/api/models/{model_id}/metrics/"): World.report_metrics,
    ("POST", "/api/models/{model_id}/preprocessing/"): World.replace_preprocessing,
    ("POST", "/api/models/{model_id}/swag/"): World.send_moments,
    ("POST", "/api/trainings/"): World.create_training,
    ("DELETE", "/api/trainings/{training_id}/"): World.delete_training,
    ("PUT", "/api/trainings/{training_id}/clients/"): World.add_participants,
    ("DELETE", "/api/trainings/{training_id}/clients/"): World.remove_participants,
    ("POST", "/api/trainings/{training_id}/start/"): World.start,
    ("POST", "/api/trainings/{training_id}/pause/"): World.pause,
    ("POST", "/api/trainings/{training_id}/resume/"): World.resume,
    ("POST", "/api/trainings/{training_id}/cancel/"): World.cancel,
    ("POST", "/api/trainings/{training_id}/leave/"): World.leave,
    ("POST", "/api/trainings/{training_id}/join/"): World.join,
}


class Idempotency(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        torch.set_num_threads(1)
        # Hundreds of passwords are hashed.
        configuration = "[accounts]\npassword_hash_memory_kib = 8\npassword_hash_passes = 1\n"
        cls.server = cls.enterClassContext(Server(configuration, {"FEDLOG_SUPERUSER": ":".join(ROOT)}))
        cls.world = World(cls.server)

    def described(self):
        """(method, path): whether the call reads a key, of all calls that change something."""
        document = requests.get(self.server.url + "/api/schema/?format=json", timeout=60).json()
        reference = {"$ref": "#/components/parameters/Idempotency-Key"}
        return {
            (method.upper(), path): reference in operation.get("parameters", [])
            for path, methods in document["paths"].items()
            for method, operation in methods.items()
            if method != "get"
        }

    def send(self, method, path, who, key, **body):
        headers = {"Idempotency-Key": key}
        answer = requests.request(method, self.server.url + path, auth=who, headers=headers, timeout=60, **body)
        return answer.status_code, answer.text

    def changes(self):
        """What users did so far, by the log."""
        events = (json.loads(line) for line in self.server.tool("log", "--json").splitlines())
        return [(event["stream"], event["type"]) for event in events if event["acting_user"]]

    def test_every_call_that_changes_something_is_in_the_table(self):
        described = self.described()
        self.assertEqual({call for call, reads_key in described.items() if reads_key}, set(CALLS))
        self.assertLessEqual({call for call, reads_key in described.items() if not reads_key}, WITHOUT_KEYS)

    def test_the_same_key_gets_the_first_answer_and_nothing_happens_again(self):
        described = self.described()
        for (method, template), prepare in CALLS.items():
            if (method, template) not in described:
                continue  # the test above says so
            with self.subTest(f"{method} {template}"):
                path, who, body, another_body = prepare(self.world)
                key = secrets.token_hex(8)
                first = self.send(method, path, who, key, **body)
                self.assertIn(first[0], (200, 201, 202, 204), first[1])
                happened = self.changes()
                self.assertEqual(self.send(method, path, who, key, **body), first)
                self.assertEqual(self.send(method, path, who, key, **another_body), first)
                self.assertEqual(self.changes(), happened)

    def test_repetitions_of_a_call_that_is_still_on_its_way_get_its_answer(self):
        for (method, template), prepare in CALLS.items():
            with self.subTest(f"{method} {template}"), concurrent.futures.ThreadPoolExecutor(6) as pool:
                path, who, body, _ = prepare(self.world)
                key = secrets.token_hex(8)
                happened = len(self.changes())
                sent = [pool.submit(self.send, method, path, who, key, **body) for _ in range(6)]
                answers = {each.result() for each in sent}
                self.assertEqual(len(answers), 1, answers)
                self.assertIn(answers.pop()[0], (200, 201, 202, 204))
                kinds = [kind for _, kind in self.changes()[happened:] if kind != "NotificationRequested"]
                self.assertEqual(len(kinds), len(set(kinds)), "something happened twice")

    def test_a_restart_forgets_no_answer(self):
        made = []
        for prepare, method in ((World.register, "POST"), (World.create_group, "POST"), (World.rename_group, "PATCH"),
                                (World.upload_model, "POST"), (World.delete_training, "DELETE")):  # fmt: skip
            path, who, body, _ = prepare(self.world)
            key = secrets.token_hex(8)
            made.append(((method, path, who, key), body, self.send(method, path, who, key, **body)))
        self.server.kill()
        self.server.start()
        for call, body, first in made:
            with self.subTest(call[:2]):
                self.assertEqual(self.send(*call, **body), first)

    def test_the_first_answer_stays_the_first_whatever_happened_since(self):
        group, who = self.world.group()
        key = secrets.token_hex(8)
        first = self.send("PUT", f"/api/groups/{group}/", who, key, json={"name": "first " + key})
        self.world.good("PUT", f"/api/groups/{group}/", who, json={"name": "second " + key})
        self.assertEqual(self.send("PUT", f"/api/groups/{group}/", who, key, json={"name": "first " + key}), first)
        self.assertEqual(self.world.good("GET", f"/api/groups/{group}/", who)["name"], "second " + key)

    def test_that_nothing_was_left_to_do_is_an_answer_too(self):
        training, _, who, client = self.world.running()
        path = f"/api/trainings/{training}/clients/"
        key = secrets.token_hex(8)
        first = self.send("PUT", path, who, key, json={"clients": [client[0]]})
        self.world.good("DELETE", path, who, json={"clients": [client[0]]})
        self.assertEqual(self.send("PUT", path, who, key, json={"clients": [client[0]]}), first)
        self.assertEqual(self.world.good("GET", f"/api/trainings/{training}/", who)["participants"], [])

    def test_a_key_is_nobody_elses(self):
        key = secrets.token_hex(8)
        _, ada = self.world.user()
        _, bob = self.world.user()
        one = self.send("POST", "/api/models/", ada, key, **self.world.model_form("one"))
        self.assertNotEqual(self.send("POST", "/api/models/", bob, key, **self.world.model_form("one")), one)

    def test_a_registrations_first_answer_is_for_who_knows_its_password(self):
        path, _, body, _ = self.world.register()
        key = secrets.token_hex(8)
        status, first = self.send("POST", path, None, key, **body)
        self.assertEqual(status, 201)
        guess = {"json": {**body["json"], "password": "a guess"}}
        status, answer = self.send("POST", path, None, key, **guess)
        self.assertEqual((status, answer), (400, '{"username":["A user with that username already exists."]}'))
        self.assertEqual(self.send("POST", path, None, key, **body), (201, first))


if __name__ == "__main__":
    unittest.main()
