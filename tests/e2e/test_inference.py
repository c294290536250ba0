#!/usr/bin/python3
"""Predictions at the real server: every form of input and reply, the uncertainty methods, statistics, and bad input."""

import base64
import json
import pickle
import unittest

from inference_service import FIXTURES, ROWS, Classifier, Service, nested
from model_files import saved, scripted

import torch
from torch import nn


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

    def test_swag_draws_weights_from_the_moments(self):
        file, center = scripted(Classifier()), Classifier().eval()
        first = nn.utils.parameters_to_vector(center.parameters()).detach()
        with torch.no_grad():
            expected = center(torch.tensor(ROWS)).tolist()
        certain = self.infer(self.after_a_swag_round(file, saved(first), saved(first.square()), N=20), ROWS)
        self.assert_close(certain["inference"], expected)
        self.assert_close(certain["uncertainty"]["std"], [[0.0, 0.0], [0.0, 0.0]])
        unsure = self.after_a_swag_round(file, saved(first), saved(first.square() + 0.04), N=20)
        one, same, other = (self.infer(unsure, ROWS, seed=seed) for seed in (7, 7, 8))
        self.assertEqual(one, same)
        self.assertNotEqual(one, other)
        self.assertGreater(float(nested(one["uncertainty"]["variance"]).min()), 0)

    def test_swag_takes_moments_of_half_precision(self):
        center = Classifier().eval().half().float()  # whose weights float16 can tell
        first = nn.utils.parameters_to_vector(center.parameters()).detach().half()
        with torch.no_grad():
            expected = center(torch.tensor(ROWS)).tolist()
        square = (first.float() * first.float()).half()
        certain = self.infer(self.after_a_swag_round(scripted(Classifier()), saved(first), saved(square), N=5), ROWS)
        self.assert_close(certain["inference"], expected)
        self.assertEqual(certain["uncertainty"]["std"], [[0.0, 0.0], [0.0, 0.0]])

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


if __name__ == "__main__":
    unittest.main()
