#!/usr/bin/python3
"""The cases of the fixtures at the real server: PyTorch's own answers over HTTP."""

import base64
import json
import pickle
import unittest

from inference_service import FIXTURES, Service, nested

import torch


@unittest.skipUnless((FIXTURES / "inference/cases.json").exists(), f"no fixtures at {FIXTURES} (see FEDLOG_FIXTURES)")
class Cases(Service):
    """PyTorch's answers, but those that differ on purpose: models run in evaluation mode."""

    ELSEWHERE = {"none_bn_trainmode_reference"}

    def prepared(self, case):
        if case["method"] == "SWAG":
            file, first, second = ((FIXTURES / name).read_bytes() for name in (*case["models"], *case["moments"]))
            return self.after_a_swag_round(file, first, second, **case["options"].get("uncertainty", {}))
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
        single = case["name"] in ("ensemble_one", "swag_n1")  # variance NaN there, 0 here
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
            if "body" not in case or case["name"] in self.ELSEWHERE:
                continue
            with self.subTest(case=case["name"]):
                self.check(case)

    def test_swag_takes_a_variance_below_0_for_0(self):
        cases = {case["name"]: case for case in json.loads((FIXTURES / "inference/cases.json").read_text())}
        case = cases["swag_negative_variance"]
        got = self.answer(case, self.prepared(case)).json()
        self.assertTrue(bool(nested(got["inference"]).isfinite().all()))
        self.assertTrue(bool(nested(got["uncertainty"]["std"]).isfinite().all()))

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
