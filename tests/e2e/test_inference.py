#!/usr/bin/python3
"""Predictions at the real server: every form of input and reply, the uncertainty methods, statistics, and bad input.

Models are made with PyTorch here. The cases of the fixtures, with PyTorch's own answers, are run too where the fixtures are.
"""

import base64
import json
import math
import os
import pathlib
import pickle
import time
import unittest

from fedlog_server import PATIENCE_S, ROOT, Server
from model_files import saved, scripted

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


class Tokens(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(10, 4)

    def forward(self, x):
        return self.embedding(x).sum(1)


class Halve(nn.Module):
    def forward(self, x):
        return x / 2


class Sums(nn.Module):
    """Whether a row's sum, or a limit, is larger."""

    def __init__(self):
        super().__init__()
        self.limit = nn.Parameter(torch.tensor(2.5))

    def forward(self, x):
        return torch.stack([x.sum(1), self.limit.expand(x.shape[0])], 1)


class Endless(nn.Module):
    def __init__(self):
        super().__init__()
        self.step = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        while bool((x == x).all()):
            x = x + self.step
        return x


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


class Predictions(Service):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        torch.manual_seed(0)
        cls.network = Classifier()
        cls.file = scripted(cls.network)
        cls.expected = cls.network(torch.tensor(ROWS)).argmax(1).tolist()

    def test_every_form_of_input(self):
        model = self.upload(self.file)
        tensor = saved(torch.tensor(ROWS))
        self.assertEqual(self.infer(model, ROWS), {"inference": self.expected, "uncertainty": {}})
        self.assertEqual(self.infer(model, base64.b64encode(tensor).decode())["inference"], self.expected)
        for form in (
            {"files": {"model_input": ("input.pt", tensor)}},
            {"files": {"model_input": (None, json.dumps(ROWS))}},
            {"files": {"model_input": (None, base64.b64encode(tensor).decode())}},
        ):
            fields = {"model_id": model, "return_format": "json"}
            self.assertEqual(
                self.api.call("POST", "/api/inference/", data=fields, **form).json()["inference"], self.expected
            )

    def test_whole_numbers_are_floats_to_a_model_of_floats_and_indices_to_one_that_wants_them(self):
        floats = self.network(torch.tensor([[1.0, 2.0, 3.0]])).argmax(1).tolist()
        self.assertEqual(self.infer(self.upload(self.file), [[1, 2, 3]])["inference"], floats)
        tokens = Tokens()
        expected = tokens(torch.tensor([[1, 2, 3]])).argmax(1).tolist()
        self.assertEqual(self.infer(self.upload(scripted(tokens)), [[1, 2, 3]])["inference"], expected)

    def test_preprocessing_is_applied_to_lists_and_tensors(self):
        model = self.upload(scripted(Sums()), preprocessing=scripted(Halve()))
        self.assertEqual(self.infer(model, [[4.0], [6.0]])["inference"], [1, 0])
        self.assertEqual(
            self.infer(model, base64.b64encode(saved(torch.tensor([[4.0], [6.0]]))).decode())["inference"], [1, 0]
        )

    def test_a_binary_reply_is_what_pickle_reads(self):
        model = self.upload(self.file)
        form = {"data": {"model_id": model}, "files": {"model_input": ("input.pt", saved(torch.tensor(ROWS)))}}
        answer = self.api.call("POST", "/api/inference/", **form)
        self.assertEqual(answer.headers["Content-Type"], "application/octet-stream")
        reply = pickle.loads(answer.content)
        self.assertEqual(reply["inference"].tolist(), self.expected)
        self.assertEqual(reply["inference"].dtype, torch.int64)
        self.assertEqual(reply["uncertainty"], {})
        binary = {"model_id": self.trained(self.file, "MC_DROPOUT"), "model_input": ROWS, "return_format": "binary"}
        reply = pickle.loads(self.api.call("POST", "/api/inference/", json=binary).content)
        self.assert_close(reply["inference"].tolist(), self.network(torch.tensor(ROWS)).tolist())
        self.assertEqual(reply["uncertainty"]["variance"].tolist(), [[0, 0], [0, 0]])

    def test_dropout_draws_and_the_same_seed_draws_the_same(self):
        model = self.trained(scripted(Classifier(0.5)), "MC_DROPOUT", N=50)
        one, same, other = (self.infer(model, ROWS, seed=seed) for seed in (7, 7, 8))
        self.assertEqual(one, same)
        self.assertNotEqual(one, other)
        self.assertNotEqual(self.infer(model, ROWS), self.infer(model, ROWS))
        uncertainty = one["uncertainty"]
        self.assertEqual(
            list(uncertainty), ["variance", "std", "predictive_entropy", "expected_entropy", "mutual_info"]
        )
        for name, values in uncertainty.items():
            self.assertGreater(float(nested(values).min()), 0, name)
        self.assert_close(nested(uncertainty["std"]).square().tolist(), uncertainty["variance"])

    def test_one_sample_has_no_spread(self):
        model = self.trained(scripted(Classifier(0.5)), "MC_DROPOUT", N=1)
        uncertainty = self.infer(model, ROWS)["uncertainty"]
        self.assertEqual(uncertainty["variance"], [[0.0, 0.0], [0.0, 0.0]])
        self.assertEqual(uncertainty["std"], [[0.0, 0.0], [0.0, 0.0]])

    def test_an_ensemble_is_the_members_of_a_mean_model(self):
        members = [Classifier().eval() for _ in range(3)]
        mean = self.api.call(
            "POST",
            "/api/models/",
            json={
                "name": "mean",
                "description": "of three",
                "type": "MEAN",
                "models": [self.upload(scripted(member)) for member in members],
            },
        ).json()["model_id"]
        with torch.no_grad():
            outputs = torch.stack([member(torch.tensor(ROWS)) for member in members])
        self.assertEqual(self.infer(mean, ROWS)["inference"], outputs.mean(0).argmax(1).tolist())
        self.train(mean, "ENSEMBLE")
        reply = self.infer(mean, ROWS)
        self.assert_close(reply["inference"], outputs.mean(0).tolist())
        self.assert_close(reply["uncertainty"]["variance"], outputs.var(0).tolist())
        self.assertIn("mutual_info", reply["uncertainty"])

    def after_a_swag_round(self, network, first, second):
        """A model whose training has the moments, which one participant sent."""
        files = {"model_file": ("model.pt", scripted(network))}
        fields = {"name": "model", "description": "of a test", "type": "SWAG"}
        model = self.api.call("POST", "/api/models/", data=fields, files=files).json()["model_id"]
        training = self.train(model, "SWAG", N=20)
        self.api.call("POST", f"/api/trainings/{training}/start/", json={})
        update = {"round": 0, "sample_size": 10}
        self.api.call("POST", f"/api/models/{model}/", data=update, files=files)
        self.await_state(training, "S")
        moments = {"first_moment_file": ("first.pt", saved(first)), "second_moment_file": ("second.pt", saved(second))}
        self.api.call("POST", f"/api/models/{model}/swag/", data={"round": 1, "sample_size": 10}, files=moments)
        self.await_state(training, "O")
        return model

    def await_state(self, training, state):
        deadline = time.monotonic() + PATIENCE_S
        while self.api.call("GET", f"/api/trainings/{training}/").json()["state"] != state:
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.02)

    def test_swag_draws_weights_from_the_moments(self):
        network, center = Classifier().eval(), Classifier().eval()
        first = nn.utils.parameters_to_vector(center.parameters()).detach()
        with torch.no_grad():
            expected = center(torch.tensor(ROWS)).tolist()
        certain = self.infer(self.after_a_swag_round(network, first, first.square()), ROWS)
        self.assert_close(certain["inference"], expected)
        self.assert_close(certain["uncertainty"]["std"], [[0.0, 0.0], [0.0, 0.0]])
        unsure = self.after_a_swag_round(network, first, first.square() + 0.04)
        one, same, other = (self.infer(unsure, ROWS, seed=seed) for seed in (7, 7, 8))
        self.assertEqual(one, same)
        self.assertNotEqual(one, other)
        self.assertGreater(float(nested(one["uncertainty"]["variance"]).min()), 0)

    def test_what_does_not_fit_is_told(self):
        model = self.upload(self.file)
        self.assertIn("does not accept this input", self.refused(model, [[1.0, 2.0]]))
        self.assertIn("could not be casted", self.refused(model, "hello"))
        self.assertIn("Input shape", self.refused(self.upload(self.file, input_shape=["None", "3"]), [[1.0]]))
        self.assertIn("ENSEMBLE", self.refused(self.trained(self.file, "ENSEMBLE"), ROWS))
        self.assertIn("SWAG", self.refused(self.trained(self.file, "SWAG"), ROWS))
        self.assertIn("seed", self.refused(model, ROWS, seed=-1))
        self.assertIn("seed", self.refused(model, ROWS, seed="seven"))

    def test_a_model_that_never_ends_costs_its_own_request(self):
        endless = self.upload(scripted(Endless()))
        self.assertIn("took too long", self.refused(endless, ROWS))
        self.assertEqual(self.infer(self.upload(self.file), ROWS)["inference"], self.expected)


class Statistics(Service):
    def stats(self, model):
        return self.api.call("GET", f"/api/models/{model}/metadata/").json()["stats"]

    def test_come_from_running_the_model(self):
        stats = self.stats(self.upload(scripted(Classifier()), input_shape=["None", "3"]))
        self.assertEqual(stats["input_size"], [[1, 3]])
        self.assertEqual(stats["total_params"], 3 * 8 + 8 + 8 * 2 + 2)
        self.assertEqual(stats["total_mult_adds"], 3 * 8 + 8 + 8 * 2 + 2)
        layers = [(layer["class_name"], layer["output_size"]) for layer in stats["summary_list"]]
        self.assertEqual(
            layers, [("Classifier", [1, 2]), ("Linear", [1, 8]), ("Dropout", [1, 8]), ("Linear", [1, 2])]
        )
        self.assertTrue(all(layer["executed"] for layer in stats["summary_list"]))

    @unittest.skipUnless((FIXTURES / "stats").exists(), f"no fixtures at {FIXTURES} (see FEDLOG_FIXTURES)")
    def test_agree_with_torchinfo_whether_the_file_is_eager_or_a_script(self):
        for model, expected, shape in (
            ("cnn_eager", "cnn_eager", ["None", "1", "8", "8"]),
            ("cnn_script", "cnn_eager", ["None", "1", "8", "8"]),
            ("lstm_script", "lstm_eager", ["None", "5", "6"]),
            ("text_eager", "text_eager", ["None", "7"]),
        ):
            with self.subTest(model=model):
                file = (FIXTURES / f"models/{model}.pt").read_bytes()
                wanted = json.loads((FIXTURES / f"stats/{expected}.json").read_text())
                self.assertEqual(self.stats(self.upload(file, input_shape=shape)), wanted)

    def test_are_missing_where_the_model_cannot_run(self):
        self.assertIsNone(self.stats(self.upload(scripted(Classifier()))))
        self.assertIsNone(self.stats(self.upload(scripted(Classifier()), input_shape=["None", "7"])))
        self.assertIsNone(self.stats(self.upload(saved(Classifier().state_dict()), input_shape=["None", "3"])))


@unittest.skipUnless((FIXTURES / "inference/cases.json").exists(), f"no fixtures at {FIXTURES} (see FEDLOG_FIXTURES)")
class Cases(Service):
    """PyTorch's answers, but those that differ on purpose: models run in evaluation mode, and SWAG draws for each sample."""

    ELSEWHERE = {"none_bn_trainmode_reference"}

    def prepared(self, case):
        models = [self.upload((FIXTURES / name).read_bytes()) for name in case["models"]]
        if case["method"] != "ENSEMBLE":
            model = models[0]
        else:
            fields = {"name": "mean", "description": "of a case", "type": "MEAN", "models": models}
            model = self.api.call("POST", "/api/models/", json=fields).json()["model_id"]
        self.train(model, case["method"], **case["options"].get("uncertainty", {}))
        return model

    def answer(self, case, model, return_format="json"):
        path = FIXTURES / case["input"]
        if path.suffix == ".json":
            body = {"model_id": model, "model_input": json.loads(path.read_text()), "return_format": return_format}
            return self.api.call("POST", "/api/inference/", json=body)
        fields = {"model_id": model, "return_format": return_format}
        files = {"model_input": (path.name, path.read_bytes())}
        return self.api.call("POST", "/api/inference/", data=fields, files=files)

    def check(self, case):
        expected = json.loads((FIXTURES / case["body"]).read_text())
        single = case["name"] == "ensemble_one"  # variance NaN there, 0 here
        model = self.prepared(case)
        got = self.answer(case, model).json()
        self.assertEqual(list(got["uncertainty"]), list(expected["uncertainty"]))
        self.assert_close(got["inference"], expected["inference"], case["tolerance"])
        for name, values in expected["uncertainty"].items():
            wanted = torch.zeros_like(nested(values)).tolist() if single and name in ("variance", "std") else values
            self.assert_close(got["uncertainty"][name], wanted, case["tolerance"])
        if "binary_reply" in case:
            reply = pickle.loads(self.answer(case, model, "binary").content)
            wanted = pickle.loads((FIXTURES / case["binary_reply"]).read_bytes())
            self.assertEqual(reply["inference"].dtype, wanted["inference"].dtype)
            self.assert_close(reply["inference"].tolist(), wanted["inference"].tolist(), case["tolerance"])
            self.assertEqual(list(reply["uncertainty"]), list(wanted["uncertainty"]))

    def test_agree(self):
        for case in json.loads((FIXTURES / "inference/cases.json").read_text()):
            if "body" not in case or case["method"] == "SWAG" or case["name"] in self.ELSEWHERE:
                continue
            with self.subTest(case=case["name"]):
                self.check(case)

    def test_an_image_may_come_as_base64(self):
        model = self.upload((FIXTURES / "inference/models/pool_script.pt").read_bytes())
        expected = json.loads((FIXTURES / "inference/expected/none_image_grey8_png.json").read_text())
        self.assertEqual(self.infer(model, (FIXTURES / "inference/inputs/grey8.png.b64").read_text()), expected)
        self.assertIn("cannot be used", self.refused(model, base64.b64encode(b"\x89PNG\r\n\x1a\nno pixels").decode()))

    def test_dropout_stays_within_what_all_masks_allow(self):
        case = next(case for case in json.loads((FIXTURES / "inference/cases.json").read_text()) if "statistical" in case)
        exact = json.loads((FIXTURES / case["statistical"]).read_text())["exact"]
        mean, variance = nested(exact["mean"]), nested(exact["variance"])
        samples = case["options"]["uncertainty"]["N"]
        path = FIXTURES / case["input"]
        for file in case["models"]:
            with self.subTest(model=file):
                model = self.trained((FIXTURES / file).read_bytes(), "MC_DROPOUT", N=samples)
                fields = {"model_id": model, "return_format": "json", "seed": 40}
                files = {"model_input": (path.name, path.read_bytes())}
                got = self.api.call("POST", "/api/inference/", data=fields, files=files).json()
                distance = (nested(got["inference"]) - mean).abs()
                self.assertTrue(bool((distance <= 5 * (variance / samples).sqrt()).all()), distance)
                distance = (nested(got["uncertainty"]["variance"]) - variance).abs()
                self.assertTrue(bool((distance <= variance / 10 + 1e-4).all()), distance)


if __name__ == "__main__":
    unittest.main()
