#!/usr/bin/python3
"""Every model file with a known answer, through the real server over HTTP: each gets its verdict with a reason that helps,
the rounds are trained, and what can run agrees with PyTorch. (The cases of inference/ are test_inference.py's.)"""

import base64
import io
import json
import sys
import time
import unittest

import fixtures
from fedlog_server import PATIENCE_S, Server
from model_files import saved, scripted
from fixtures import FIXTURES, content, safetensors

import requests
import torch
from fedlog_client import Api, Inbox

# Who looks at a file: a test of this file, of test_inference.py, or whoever compares with its answers.
ROLES = (
    ("model", lambda name, kind: kind in ("torchscript", "eager_module", "state_dict", "safetensors", "legacy", "checkpoint", "tensor_list")),
    ("tensor", lambda name, kind: kind == "tensor"),
    ("pipeline", lambda name, kind: kind == "preprocessing_eager"),
    ("update", lambda name, kind: name.startswith("hostile/update_")),
    ("input", lambda name, kind: kind == "hostile" and name.startswith(("hostile/img_", "hostile/json_", "hostile/b64_", "hostile/tensor_input"))),
    ("model", lambda name, kind: kind == "hostile"),
    ("statistics", lambda name, kind: kind == "stats"),
    ("prediction", lambda name, kind: kind in ("cases", "base64", "image", "json_input", "expected_body", "expected_reply")),
    ("answer", lambda name, kind: kind == "expected"),
)  # fmt: skip

# A reader that compiles nothing cannot tell; whoever runs it is told.
REFUSED_WHEN_RUN = "hostile/ts_bad_code.pt"
# A well-formed file, but no base of rounds: its tensors share memory.
NO_BASE = "models/views_state_dict.pt"

ROUNDS = {
    "mlp": [10, 3, 250, 1, 97],
    "cnn": [10, 3, 250, 1, 97],
    "mixed": [10, 3, 250],
    "tied": [10, 3, 250],
    "bool": [10, 3],
}
SWAG_SIZES = [10, 250, 97]


def role(entry):
    return next((name for name, takes in ROLES if takes(entry["name"], entry["kind"])), None)


def verdict(entry):
    return entry.get("expected", {}).get("verdict")


class Same(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.zero = torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))

    def forward(self, x):
        return x


class One(torch.nn.Module):
    """Says class 0, whatever it is asked."""

    def __init__(self):
        super().__init__()
        self.row = torch.nn.Parameter(torch.ones(1, 1))

    def forward(self, x):
        return self.row


@unittest.skipUnless(fixtures.present(), fixtures.ABSENT)
class Fixtures(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = cls.enterClassContext(Server("[worker]\ndeadline_ms = 4000\nmemory_limit_mib = 1024\n"))
        cls.inbox = Inbox()
        cls.addClassCleanup(cls.inbox.close)
        users = [
            Api(cls.server.url).register(f"user{number}", "secret", cls.inbox.endpoint, actor=True, client=True)
            for number in range(6)
        ]
        cls.ids = [user["id"] for user in users]
        cls.participants = [Api(cls.server.url, user["token"]) for user in users]
        cls.api = cls.participants[0]
        cls.entries = fixtures.manifest()
        sys.path.insert(0, str(FIXTURES))  # for mymodels, the classes of eager modules

    def with_role(self, name):
        chosen = [entry for entry in self.entries if role(entry) == name]
        self.assertTrue(chosen, name)
        return chosen

    def post(self, path, caller=None, content_type=None, **arguments):
        headers = dict((caller or self.api).headers)
        if content_type:
            headers["Content-Type"] = content_type
        return requests.post(self.server.url + path, headers=headers, timeout=60, **arguments)

    def upload(self, file, preprocessing=None, **fields):
        files = {"model_file": ("model.pt", file)}
        if preprocessing is not None:
            files["model_preprocessing_file"] = ("preprocessing.pt", preprocessing)
        return self.post("/api/models/", data={"name": "model", "description": "of a test", **fields}, files=files)

    def model(self, *arguments, **fields):
        answer = self.upload(*arguments, **fields)
        self.assertEqual(answer.status_code, 201, answer.text)
        return answer.json()["model_id"]

    def training(self, model, participants, method="NONE", **uncertainty):
        request = {
            "model_id": model,
            "target_num_updates": 1,
            "aggregation_method": "FedAvg",
            "uncertainty_method": method,
            "options": {"uncertainty": uncertainty},
            "clients": self.ids[:participants],
        }
        answer = self.post("/api/trainings/", json=request)
        self.assertEqual(answer.status_code, 201, answer.text)
        return answer.json()["training_id"]

    def send_update(self, model, caller, file, sample_size):
        fields = {"round": 0, "sample_size": sample_size}
        return self.post(f"/api/models/{model}/", caller, data=fields, files={"model_file": ("model.pt", file)})

    def infer(self, model, file, name="input.pt"):
        fields = {"model_id": model, "return_format": "json"}
        return self.post("/api/inference/", data=fields, files={"model_input": (name, file)})

    def output(self, model, tensor):
        """All numbers that the model computes: the mean of one sample."""
        answer = self.infer(model, saved(tensor))
        self.assertEqual(answer.status_code, 200, answer.text)
        return torch.tensor(answer.json()["inference"], dtype=torch.float64)

    def assert_refused(self, answer, *parts):
        """With a sentence in plain words, which names what is wrong."""
        self.assertEqual(answer.status_code, 400, answer.text)
        body = answer.json()
        text = body["detail"] if isinstance(body, dict) else body[0]
        self.assertRegex(text, r"^[A-Z][^\n]{20,}$")
        self.assertNotRegex(text, r"INTERNAL|Traceback|std::|\.cpp|\.h:|please report")
        for part in parts:
            self.assertIn(part, text)
        return text

    def assert_close(self, got, expected, tolerance):
        self.assertEqual(list(got.shape), list(expected.shape))
        if got.numel():
            self.assertLessEqual(float((got - expected.double()).abs().max()), tolerance)

    def assert_goes_on(self):
        self.assertIsNone(self.server.process.poll(), self.server.words())
        self.assertEqual(self.post("/api/users/", json={}).status_code, 400)

    def test_every_file_is_somebodys(self):
        self.assertEqual([entry["name"] for entry in self.entries if role(entry) is None], [])
        self.assertGreaterEqual(len(self.entries), 415)

    def test_models_get_their_verdicts(self):
        for entry in self.with_role("model"):
            with self.subTest(file=entry["name"]):
                answer = self.upload(content(entry["name"]))
                if entry["name"] == NO_BASE:
                    self.assert_refused(answer, "Save a contiguous copy of it.")
                elif verdict(entry) == "accept" or entry["name"] == REFUSED_WHEN_RUN:
                    self.assertEqual(answer.status_code, 201, answer.text)
                else:
                    self.assert_refused(answer, "Invalid model file: ")
        self.assert_goes_on()

    def test_tensors_are_inputs_and_no_models(self):
        model = self.model(scripted(One()))
        for entry in self.with_role("tensor"):
            with self.subTest(file=entry["name"]):
                self.assert_refused(self.upload(content(entry["name"])), "tensor")
                answer = self.infer(model, content(entry["name"]))
                self.assertEqual((answer.status_code, answer.text), (200, '{"inference":[0],"uncertainty":{}}'))

    def test_updates_get_their_verdicts(self):
        bases = {form: self.model(content(name)) for form, name in (("script", "models/mlp_script.pt"), ("", "models/mlp_state_dict.pt"))}
        for model in bases.values():
            self.post(f"/api/trainings/{self.training(model, 2)}/start/", json={})
        for entry in self.with_role("update"):
            with self.subTest(file=entry["name"]):
                model = bases["script" if "script" in entry["name"] else ""]
                answer = self.send_update(model, self.participants[1], content(entry["name"]), 10)
                if verdict(entry) == "accept":
                    self.assertEqual(answer.status_code, 201, answer.text)
                else:
                    self.assert_refused(answer, "Invalid model file: ")

    def test_bad_inputs_are_refused(self):
        model = self.model(scripted(One()))
        for entry in self.with_role("input"):
            with self.subTest(file=entry["name"]):
                file = content(entry["name"])
                if not entry["name"].endswith(".json"):
                    self.assert_refused(self.infer(model, file, entry["name"]))
                    continue
                body = file.replace(b'"model_id":"x"', f'"model_id":"{model}"'.encode())
                answer = self.post("/api/inference/", data=body, content_type="application/json")
                self.assert_refused(answer)
        self.assert_goes_on()

    def test_hostile_models_cost_a_worker_and_nothing_else(self):
        one = torch.ones(1)
        for name, reason in (
            (REFUSED_WHEN_RUN, "The model cannot be loaded"),
            ("hostile/ts_forward_endless.pt", "The model took too long"),
            ("hostile/ts_forward_greedy.pt", "more memory"),
        ):
            with self.subTest(file=name):
                self.assert_refused(self.infer(self.model(content(name)), saved(one)), reason)
                self.assertEqual(self.infer(self.model(scripted(One())), saved(one)).status_code, 200)

    def test_models_compute_what_pytorch_computes(self):
        known = safetensors("models/io.safetensors")
        for entry in self.with_role("model"):
            with self.subTest(file=entry["name"]):
                answers = entry.get("expected", {})
                if not entry["name"].startswith("models/") or verdict(entry) != "accept" or "input" not in answers:
                    continue
                model = self.model(content(entry["name"]))
                x, y = (known[answers[side].partition(":")[2]] for side in ("input", "output"))
                own_class = [name for name in entry.get("pickle", {}).get("globals", ()) if name.startswith("mymodels.")]
                if entry["kind"] == "eager_module" and own_class:
                    self.assert_refused(self.infer(model, saved(x)), own_class[0], "torch.jit.script")
                elif entry["kind"] in ("state_dict", "safetensors"):
                    self.assert_refused(self.infer(model, saved(x)), "torch.jit.script")
                else:
                    self.training(model, 1, "MC_DROPOUT" if not draws(entry) else "NONE", N=1)
                    if draws(entry):
                        self.assertEqual(self.infer(model, saved(x)).json()["inference"], y.argmax(1).tolist())
                    else:
                        self.assert_close(self.output(model, x), y, 0.02 if "bf16" in entry["name"] else 1e-3 if "half" in entry["name"] else 2e-5)

    def test_pipelines_prepare_as_torchvision_does(self):
        expected = safetensors("preprocessing/expected.safetensors")
        inputs = {"u8": "image_u8.pt", "f32": "image_f32.pt", "batch": "batch_u8.pt", "pil": "image.png"}
        compared = 0
        for entry in self.entries:
            if not entry["name"].startswith("preprocessing/") or entry["kind"] not in ("preprocessing_eager", "torchscript"):
                continue
            model = self.model(scripted(Same()), content(entry["name"]))
            self.training(model, 1, "MC_DROPOUT", N=1)
            for form, results in entry["expected"]["results"].items():
                name = f"{entry['name'].removeprefix('preprocessing/').removesuffix('.pt')}.{form}"
                with self.subTest(pipeline=name):
                    answer = self.infer(model, content("preprocessing/" + inputs[form]), inputs[form])
                    if "error" in results:  # TorchScript that takes no Pillow image gets its pixels here
                        self.assertIn(answer.status_code, (200, 400), answer.text)
                        continue
                    self.assertEqual(answer.status_code, 200, answer.text)
                    self.assert_close(torch.tensor(answer.json()["inference"], dtype=torch.float64), expected[name], 1 / 255 + 1e-6)
                    compared += 1
        self.assertGreater(compared, 50)

    def test_statistics_are_torchinfos(self):
        for entry in self.with_role("statistics"):
            with self.subTest(file=entry["name"]):
                answers = entry["expected"]
                twin = answers["model"].replace("_eager", "_script").replace("_trace", "_script")
                # torchinfo runs no script, and whoever wrote a class runs it: the script's numbers are the eager module's.
                wanted = json.loads(content(twin.replace("models/", "stats/").replace("_script.pt", "_eager.json")))
                shape = [str(extent) for extent in answers["input_shape"]]
                model = self.model(content(twin), input_shape=shape)
                stats = requests.get(self.server.url + f"/api/models/{model}/metadata/", headers=self.api.headers, timeout=60).json()["stats"]
                self.assertEqual(stats, wanted)

    def await_round(self, training, number, state="O"):
        deadline = time.monotonic() + PATIENCE_S
        while True:
            now = self.api.call("GET", f"/api/trainings/{training}/").json()
            model = self.api.call("GET", f"/api/models/{now['model']}/metadata/").json()
            if model["round"] == number and now["state"] == state:
                return model
            self.assertLess(time.monotonic(), deadline, f"{now}\n{self.server.words()}")
            time.sleep(0.02)

    def test_rounds_are_averaged_exactly(self):
        for name, sizes in ROUNDS.items():
            for form in ("script", "eager"):
                if (FIXTURES / f"rounds/{name}/base_{form}.pt").exists():
                    with self.subTest(round=name, form=form):
                        self.check_mean(name, self.trained(name, form, sizes))

    def trained(self, name, form, sizes):
        """The global model after a round."""
        model = self.model(content(f"rounds/{name}/base_{form}.pt"))
        training = self.training(model, len(sizes))
        self.post(f"/api/trainings/{training}/start/", json={})
        for number, size in enumerate(sizes):
            file = content(f"rounds/{name}/client{number}_{form}.pt")
            answer = self.send_update(model, self.participants[number], file, size)
            self.assertEqual(answer.status_code, 201, answer.text)
        self.await_round(training, 1)
        file = io.BytesIO(self.api.call("GET", f"/api/models/{model}/").content)
        return torch.jit.load(file).state_dict() if form == "script" else torch.load(file).state_dict()

    def check_mean(self, name, state):
        if name == "bool":
            base = torch.load(io.BytesIO(content("rounds/bool/base_eager.pt"))).state_dict()
            self.assertTrue(torch.equal(state["flag"], base["flag"]))
            return
        rounded = {}
        for key, exact in safetensors(f"rounds/{name}/exact_f64.safetensors").items():
            rounded[key] = exact.to(state[key].dtype) if state[key].is_floating_point() else exact.round().to(state[key].dtype)
            if name == "mixed" and key == "i64":  # beyond what a double can tell
                rounded[key][-1] = 2**53 + 1
        if (FIXTURES / f"rounds/{name}/exact_f32.safetensors").exists():
            rounded.update(safetensors(f"rounds/{name}/exact_f32.safetensors"))
        for key, wanted in rounded.items():
            if state[key].dtype != torch.float16:  # PyTorch rounds to it by way of float32
                self.assertTrue(torch.equal(state[key], wanted), f"{key}: {state[key]} {wanted}")

    def test_moments_are_averaged_exactly(self):
        model = self.model(content("rounds/mlp/base_script.pt"), type="SWAG")
        training = self.training(model, len(SWAG_SIZES), "SWAG")
        self.post(f"/api/trainings/{training}/start/", json={})
        for number, size in enumerate(SWAG_SIZES):
            update = content(f"rounds/mlp/client{number}_script.pt")
            self.assertEqual(self.send_update(model, self.participants[number], update, size).status_code, 201)
        self.await_round(training, 1, "S")
        for number, size in enumerate(SWAG_SIZES):
            files = {
                f"{moment}_moment_file": ("moment.pt", content(f"rounds/swag/client{number}_{moment}_moment.pt"))
                for moment in ("first", "second")
            }
            answer = self.post(f"/api/models/{model}/swag/", self.participants[number], data={"round": 1, "sample_size": size}, files=files)
            self.assertEqual(answer.status_code, 201, answer.text)
        state = self.await_round(training, 1)
        expected = safetensors("rounds/swag/expected.safetensors")
        for moment in ("first", "second"):
            self.assertIn(f"{moment}.exact_f32", expected)
            self.assertTrue(torch.equal(tensor_of_base64(state[f"swag_{moment}_moment"]), expected[f"{moment}.exact_f32"]))


def draws(entry):
    """Whether its dropout is at work when a sample is drawn."""
    return entry["name"].startswith(("models/mc_", "models/cnn_", "models/op_transformer_")) and not entry["name"].endswith("_trace.pt")


def tensor_of_base64(text):
    return torch.load(io.BytesIO(base64.b64decode(text)))


if __name__ == "__main__":
    unittest.main()
