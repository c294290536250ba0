#!/usr/bin/python3
"""The clients that must work unchanged, against the real server: the reference platform's Python client, and the calls of its
web front end."""

import base64
import contextlib
import io
import unittest
import uuid

from fedlog_server import PATIENCE_S, Server
from model_files import linear

import requests
import torch
from official_client import OfficialClient

ROUNDS = 2
ORIGIN = "http://frontend.example:4200"


def add_to_weights(amount, sample_size):
    """A training whose result can be foretold."""

    def train(module, round_number):
        with torch.no_grad():
            module.bias += amount
        return sample_size, [("loss", 1 / (round_number + 1)), (" f1_score", 0.5)]

    return train


def measure(module):
    return [("accuracy", module.bias[0].item()), (" f1_score", 0.25), ("confusion", "not a number")]


class FrontEnd:
    """The web front end's calls: relative paths below api/, Basic auth at each, a browser's Origin."""

    def __init__(self, server, username, password):
        self.base = server + "/api/"
        credentials = base64.b64encode(f"{username}:{password}".encode()).decode()
        self.headers = {"Authorization": f"Basic {credentials}", "Origin": ORIGIN, "Accept": "application/json, text/plain, */*"}

    def call(self, method, path, **arguments):
        return requests.request(method, self.base + path, headers=self.headers, timeout=60, **arguments)

    def get(self, path):
        answer = self.call("GET", path)
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text[:500]}"
        assert answer.headers["Access-Control-Allow-Origin"] in ("*", ORIGIN)
        return answer


class Clients(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        torch.set_num_threads(1)
        cls.server = cls.enterClassContext(Server())
        fields = {"username": "öwner", "password": "pässword", "message_endpoint": "http://127.0.0.1:9/", "actor": True}
        answer = requests.post(cls.server.url + "/api/users/", json=fields, timeout=60)
        assert answer.status_code == 201, answer.text
        cls.owner = answer.json()
        cls.page = FrontEnd(cls.server.url, "öwner", "pässword")

    def upload(self):
        # As a browser's form has it: every field a part, the shape repeated.
        fields = [("name", "linear"), ("description", "two numbers"), ("input_shape", "None"), ("input_shape", "2")]
        parts = [(name, (None, value)) for name, value in fields] + [("model_file", ("model.pt", linear()))]
        answer = self.page.call("POST", "models/", files=parts)
        self.assertEqual(answer.status_code, 201, answer.text)
        return answer.json()["model_id"]

    def create_training(self, model, clients):
        fields = {
            "model_id": model,
            "target_num_updates": ROUNDS,
            "metric_names": ["accuracy", " f1_score"],
            "uncertainty_method": "NONE",
            "aggregation_method": "FedAvg",
            "clients": clients,
        }
        answer = self.page.call("POST", "trainings/", json=fields)
        self.assertEqual(answer.status_code, 201, answer.text)
        return answer.json()["training_id"]

    def start(self, training):
        answer = self.page.call("POST", f"trainings/{training}/start/", json={})
        self.assertEqual(answer.status_code, 202, answer.text)

    def client(self, name, amount, sample_size):
        return OfficialClient(self.server.url, name, "secret", add_to_weights(amount, sample_size), measure)

    def assert_fields(self, value, *names):
        self.assertEqual({name for name in value if not name.startswith("x_")}, set(" ".join(names).split()))

    def test_two_of_the_python_clients_train_two_rounds(self):
        with contextlib.ExitStack() as stack:
            clients = [self.client("one", 1.0, 10), self.client("two", 4.0, 20)]
            for client in clients:
                stack.callback(client.close)
            model = self.upload()
            training = self.create_training(model, [client.user["id"] for client in clients])
            self.start(training)
            for client in clients:
                self.assertTrue(client.finished.wait(PATIENCE_S), (client.failures, self.server.words()))
                self.assertEqual(client.failures, [])
                self.assert_was_told(client, training, model)
        self.assertEqual(self.page.get(f"trainings/{training}/").json()["state"], "C")
        final = torch.jit.load(io.BytesIO(self.page.get(f"models/{model}/").content))
        # Each round adds (10 * 1 + 20 * 4) / 30 = 3.
        self.assertEqual(final.bias.tolist(), [6.0, 6.0])
        self.assert_metrics(model, {client.user["id"] for client in clients})

    def assert_was_told(self, client, training, model):
        told = [(message["notification_type"], message["body"].get("round")) for message, _ in client.notifications]
        self.assertEqual(
            told,
            [
                ("TRAINING_START", None),
                ("UPDATE_ROUND_START", 0),
                ("MODEL_TEST_ROUND", 1),
                ("UPDATE_ROUND_START", 1),
                ("MODEL_TEST_ROUND", 2),
                ("TRAINING_FINISHED", None),
            ],
        )
        for message, status in client.notifications:
            self.assertIn(status, (200, 202))
            self.assert_fields(message, "notification_type body training_uuid")
            self.assertEqual(message["training_uuid"], training)
            self.assertEqual(message["body"]["global_model_uuid"], model)

    def assert_metrics(self, model, reporters):
        # Without the slash, every ten seconds, in the order of reporting.
        answer = self.page.get(f"models/{model}/metrics")
        self.assertEqual([hop.status_code for hop in answer.history], [301])
        self.assertEqual(answer.history[0].headers["Location"], f"/api/models/{model}/metrics/")
        rows = answer.json()
        self.assertEqual(len(rows), 2 * ROUNDS * 3)
        for row in rows:
            self.assert_fields(row, "id identifier key value_float value_binary step model reporter")
            self.assertIn(row["reporter"], reporters)
            self.assertEqual(row["model"], model)
        self.assertEqual([row["key"] for row in rows[:3]], ["accuracy", " f1_score", "confusion"])
        self.assertEqual(sorted({row["step"] for row in rows}), [1, 2])
        self.assertEqual([row["step"] for row in rows], sorted(row["step"] for row in rows))
        self.assertEqual(base64.b64decode(rows[2]["value_binary"]), b"not a number")
        self.assertEqual({row["value_float"] for row in rows if row["key"] == "accuracy" and row["step"] == 2}, {6.0})

    def test_the_front_end_finds_what_it_shows_in_the_shapes_that_it_knows(self):
        client = self.client("four", 0.0, 1)
        self.addCleanup(client.close)
        model = self.upload()
        training = self.create_training(model, [client.user["id"]])

        user_fields = "username first_name last_name email id actor client message_endpoint"
        myself = self.page.get("users/myself/").json()
        self.assert_fields(myself, user_fields)
        self.assertEqual(myself["id"], self.owner["id"])
        self.assertEqual(str(uuid.UUID(myself["id"])), myself["id"])
        users = self.page.get("users/").json()
        self.assertIsInstance(users, list)
        self.assertIn(client.user["id"], [user["id"] for user in users])
        self.assert_fields(users[0], user_fields)
        self.assert_fields(self.page.get(f"users/{client.user['id']}/").json(), user_fields)
        self.assert_fields(self.page.get(f"users/{self.owner['id']}/").json(), user_fields, "token")

        model_fields = "id round name description input_shape preprocessing owner has_preprocessing"
        models = self.page.get("models/").json()
        self.assertIsInstance(models, list)
        listed = {each["id"]: each for each in models}[model]
        self.assert_fields(listed, model_fields)
        self.assertEqual(listed["owner"], self.owner["id"])
        self.assertEqual(listed["input_shape"], [None, 2])
        self.assert_fields(self.page.get(f"models/{model}/metadata/").json(), model_fields, "stats")
        file = self.page.get(f"models/{model}/")
        self.assertEqual(file.headers["Content-Type"], "application/octet-stream")
        self.assertEqual(file.content, linear())

        training_fields = (
            "id state target_num_updates last_update uncertainty_method aggregation_method options locked model actor participants"
        )
        trainings = self.page.get("trainings/").json()
        self.assertIsInstance(trainings, list)
        listed = {each["id"]: each for each in trainings}[training]
        self.assert_fields(listed, training_fields)
        self.assertEqual((listed["state"], listed["model"], listed["participants"]), ("I", model, [client.user["id"]]))
        one = self.page.get(f"trainings/{training}/").json()
        self.assert_fields(one, training_fields, "local_models_arrived local_models_expected")

        self.assertEqual(self.page.call("DELETE", f"trainings/{training}/").status_code, 200)
        self.assertNotIn(training, [each["id"] for each in self.page.get("trainings/").json()])

    def test_the_front_end_stays_in_charge_of_logging_in(self):
        for wrong in (FrontEnd(self.server.url, "öwner", "guess"), FrontEnd(self.server.url, "nobody", "")):
            answer = wrong.call("GET", "users/myself/")
            self.assertEqual(answer.status_code, 401)
            # With Basic, the browser would ask by itself.
            self.assertEqual(answer.headers["WWW-Authenticate"], "Token")
            self.assertIn(answer.headers["Access-Control-Allow-Origin"], ("*", ORIGIN))

    def test_a_browser_may_send_what_the_front_end_sends(self):
        for method, path in (("GET", "users/myself/"), ("POST", "trainings/"), ("DELETE", f"trainings/{uuid.uuid4()}/")):
            headers = {
                "Origin": ORIGIN,
                "Access-Control-Request-Method": method,
                "Access-Control-Request-Headers": "authorization,content-type",
            }
            answer = requests.options(self.page.base + path, headers=headers, timeout=60)
            self.assertEqual(answer.status_code, 200)
            self.assertIn(answer.headers["Access-Control-Allow-Origin"], ("*", ORIGIN))
            self.assertIn(method, answer.headers["Access-Control-Allow-Methods"].split(", "))
            allowed = answer.headers["Access-Control-Allow-Headers"].lower().split(", ")
            self.assertLessEqual({"authorization", "content-type"}, set(allowed))


if __name__ == "__main__":
    unittest.main()
