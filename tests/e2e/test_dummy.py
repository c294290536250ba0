#!/usr/bin/python3
"""/api/dummy/ in development mode: what it makes can be logged in to, read, run, restarted, and verified."""

import base64
import collections
import io
import unittest

from fedlog_server import Server

import requests
import torch

DEVELOPMENT = "[server]\ndevelopment = true\n"
PICTURE = [[[(row + column) % 28 / 27 for column in range(28)] for row in range(28)]]  # 1 x 28 x 28


class Dummy(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        torch.set_num_threads(1)
        cls.server = cls.enterClassContext(Server(DEVELOPMENT))
        cls.made = cls.make(requests.get)
        cls.credentials = cls.made["user_credentials"]

    @classmethod
    def make(cls, method):
        answer = method(cls.server.url + "/api/dummy/", timeout=60)
        assert answer.status_code == 200, answer.text + cls.server.words()
        return answer.json()

    def get(self, path):
        answer = requests.get(self.server.url + path, auth=("dummy-user", "secret"), timeout=60)
        self.assertEqual(answer.status_code, 200, answer.text[:500])
        return answer

    def training(self):
        return self.get(f"/api/trainings/{self.made['training_uuid']}/").json()

    def infer(self, model):
        fields = {"model_id": model, "model_input": PICTURE}
        headers = {"Authorization": f"Token {self.credentials['token']}"}
        answer = requests.post(self.server.url + "/api/inference/", json=fields, headers=headers, timeout=60)
        self.assertEqual(answer.status_code, 200, answer.text)
        return answer.json()

    def assert_verifies(self):
        report = self.server.tool("verify", "--contents")
        self.assertIn("sound", report)

    def test_tells_who_owns_what(self):
        self.assertEqual(self.credentials["username"], "dummy-user")
        self.assertEqual(self.credentials["password"], "secret")
        self.assertEqual(self.get("/api/users/myself/").json()["id"], self.made["user_uuid"])
        training = self.training()
        self.assertEqual(training["state"], "C")
        self.assertEqual(training["actor"], self.made["user_uuid"])
        self.assertEqual(training["participants"], self.made["participants"])
        self.assertEqual(len(set(training["participants"])), 5)
        self.assertEqual(training["target_num_updates"], 80)

    def test_has_a_loss_and_an_accuracy_of_each_participant_and_round(self):
        rows = self.get(f"/api/models/{self.training()['model']}/metrics/").json()
        self.assertEqual(len(rows), 5 * 80 * 2)
        counted = collections.Counter((row["reporter"], row["step"], row["key"]) for row in rows)
        self.assertEqual(set(counted.values()), {1})
        self.assertEqual({key for _, _, key in counted}, {"NLLoss", "Accuracy"})
        self.assertEqual({reporter for reporter, _, _ in counted}, set(self.made["participants"]))

    def test_its_model_is_one_that_pytorch_loads_and_trains(self):
        model = self.training()["model"]
        digits = torch.jit.load(io.BytesIO(self.get(f"/api/models/{model}/").content))
        metadata = self.get(f"/api/models/{model}/metadata/").json()
        preprocessing = torch.jit.load(io.BytesIO(self.get(f"/api/models/{model}/preprocessing/").content))
        self.assertEqual(metadata["input_shape"], [None, 1, 28, 28])
        self.assertTrue(metadata["has_preprocessing"])
        self.assertEqual(base64.b64decode(metadata["preprocessing"])[:2], b"PK")

        batch = preprocessing(torch.tensor(PICTURE))
        self.assertEqual(list(batch.shape), [1, 1, 28, 28])
        loss = torch.nn.functional.nll_loss(digits(batch), torch.tensor([7]))
        loss.backward()
        parameters = dict(digits.named_parameters())
        self.assertEqual(len(parameters), 6)
        for name, parameter in parameters.items():
            self.assertGreater(parameter.grad.abs().sum().item(), 0, name)

        digits.eval()
        with torch.no_grad():
            self.assertEqual(self.infer(model), {"inference": [digits(batch).argmax(1).item()], "uncertainty": {}})

    def test_is_explained_by_a_log_that_survives_a_restart(self):
        before = self.training(), self.infer(self.training()["model"])
        self.assert_verifies()
        events = self.server.tool("log", f"training/{self.made['training_uuid']}")
        self.assertEqual(events.count("RoundAggregated"), 80)
        self.assertEqual(events.count("UpdateAccepted"), 400)
        self.assertEqual(events.count("TrainingCompleted"), 1)
        self.assertEqual(events.count("NotificationRequested"), 0)
        self.assertEqual(self.server.stop(), 0, self.server.words())
        self.server.start()
        self.assertEqual((self.training(), self.infer(self.training()["model"])), before)
        self.assert_verifies()

    def test_is_warned_of_at_the_start(self):
        self.assertIn("development mode: /api/dummy/ gives an account to whoever asks", self.server.words())

    def test_makes_another_training_of_the_same_user_at_every_call(self):
        again = self.make(requests.post)
        self.assertEqual(again["user_uuid"], self.made["user_uuid"])
        self.assertEqual(again["user_credentials"], self.credentials)
        self.assertNotEqual(again["training_uuid"], self.made["training_uuid"])
        self.assertEqual(set(again["participants"]) & set(self.made["participants"]), set())
        trainings = [training["id"] for training in self.get("/api/trainings/").json()]
        self.assertIn(again["training_uuid"], trainings)
        self.assertIn(self.made["training_uuid"], trainings)
        path = f"/api/trainings/{again['training_uuid']}/"
        deleted = requests.delete(self.server.url + path, auth=("dummy-user", "secret"), timeout=60)
        self.assertEqual(deleted.status_code, 200, deleted.text)


class Guards(unittest.TestCase):
    def test_it_is_unknown_unless_asked_for(self):
        with Server() as server:
            for method in (requests.get, requests.post):
                answer = method(server.url + "/api/dummy/", timeout=60)
                self.assertEqual((answer.status_code, answer.json()), (404, {"detail": "Not found."}))
            self.assertNotIn("development mode", server.words())

    def test_the_environment_asks_for_it_too_and_somebody_elses_account_is_not_given_away(self):
        with Server(environment={"FEDLOG_SERVER__DEVELOPMENT": "true"}) as server:
            fields = {"username": "dummy-user", "password": "mine", "message_endpoint": "http://127.0.0.1:9/"}
            self.assertEqual(requests.post(server.url + "/api/users/", json=fields, timeout=60).status_code, 201)
            answer = requests.post(server.url + "/api/dummy/", timeout=60)
            self.assertEqual(answer.status_code, 400, answer.text)
            self.assertIn("dummy-user exists and has another password", answer.json()["detail"])


if __name__ == "__main__":
    unittest.main()
