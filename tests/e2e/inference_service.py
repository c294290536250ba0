"""A server with one user, who owns models and trains them, and what predictions are compared by."""

import math
import os
import pathlib
import time
import unittest

from fedlog_server import PATIENCE_S, ROOT, Server

import torch
from fedlog_client import Api, ApiError
from torch import nn

FIXTURES = pathlib.Path(os.environ.get("FEDLOG_FIXTURES", ROOT / "../shared/fixtures"))
ROWS = [[1.0, 2.0, 3.0], [-1.0, 0.5, 0.0]]


class Classifier(nn.Module):
    def __init__(self, dropout=0.0):
        super().__init__()
        self.first = nn.Linear(3, 8)
        self.dropout = nn.Dropout(dropout)
        self.second = nn.Linear(8, 2)

    def forward(self, x):
        return torch.softmax(self.second(self.dropout(torch.relu(self.first(x)))), 1)


def nested(value):
    return torch.tensor(value)


def largest_difference(left, right):
    left, right = nested(left).double(), nested(right).double()
    if left.shape != right.shape:
        return math.inf
    return float((left - right).abs().max()) if left.numel() else 0.0


class Service(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = cls.enterClassContext(Server("[worker]\ndeadline_ms = 10000\n"))
        user = Api(cls.server.url).register("owner", "secret", "http://127.0.0.1:9/", actor=True, client=True)
        cls.user = user["id"]
        cls.api = Api(cls.server.url, user["token"])

    def upload(self, file, preprocessing=None, input_shape=None):
        files = {"model_file": ("model.pt", file)}
        if preprocessing is not None:
            files["model_preprocessing_file"] = ("preprocessing.pt", preprocessing)
        fields = {"name": "model", "description": "of a test"}
        if input_shape is not None:
            fields["input_shape"] = [str(extent) for extent in input_shape]
        return self.api.call("POST", "/api/models/", data=fields, files=files).json()["model_id"]

    def train(self, model, method, **uncertainty):
        """The training's id. The model is the one given as long as no other training has it."""
        return self.api.call(
            "POST",
            "/api/trainings/",
            json={
                "model_id": model,
                "target_num_updates": 1,
                "aggregation_method": "FedAvg",
                "uncertainty_method": method,
                "options": {"uncertainty": uncertainty},
                "clients": [self.user],
            },
        ).json()["training_id"]

    def trained(self, file, method, **uncertainty):
        """A new model in a training of its own."""
        model = self.upload(file)
        self.train(model, method, **uncertainty)
        return model

    def infer(self, model, model_input, **more):
        return self.api.call("POST", "/api/inference/", json={"model_id": model, "model_input": model_input, **more}).json()

    def refused(self, model, model_input, **more):
        with self.assertRaises(ApiError) as caught:
            self.infer(model, model_input, **more)
        self.assertEqual(caught.exception.status, 400)
        return str(caught.exception)

    def assert_close(self, got, expected, tolerance=1e-5):
        self.assertLessEqual(largest_difference(got, expected), tolerance)

    def after_a_swag_round(self, file, first, second, **uncertainty):
        """A model whose training has the moments (files all three), which one participant sent."""
        files = {"model_file": ("model.pt", file)}
        fields = {"name": "model", "description": "of a test", "type": "SWAG"}
        model = self.api.call("POST", "/api/models/", data=fields, files=files).json()["model_id"]
        training = self.train(model, "SWAG", **uncertainty)
        self.api.call("POST", f"/api/trainings/{training}/start/", json={})
        update = {"round": 0, "sample_size": 10}
        self.api.call("POST", f"/api/models/{model}/", data=update, files=files)
        self.await_state(training, "S")
        moments = {"first_moment_file": ("first.pt", first), "second_moment_file": ("second.pt", second)}
        self.api.call("POST", f"/api/models/{model}/swag/", data={"round": 1, "sample_size": 10}, files=moments)
        self.await_state(training, "O")
        return model

    def await_state(self, training, state):
        deadline = time.monotonic() + PATIENCE_S
        while self.api.call("GET", f"/api/trainings/{training}/").json()["state"] != state:
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.02)
