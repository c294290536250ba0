#!/usr/bin/python3
"""Whatever is refused is refused with a reason and changes nothing: a walk over every call that the API's own description
names, with wrong credentials, ids, headers, bodies and methods. The log's last position tells whether something changed."""

import http.client
import json
import random
import re
import secrets
import socket
import unittest

from fedlog_server import PATIENCE_S, Server

import digits
import requests
import torch
from fedlog_client import Api

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
UNKNOWN_IDS = ("00000000-0000-0000-0000-000000000000", "no-id", "%C3%A4", "%2E%2E", "-1", "1e3", "%00", "%ff", "0" * 2000)

# Who has nothing to do with a training is not refused, but told of no models.
EMPTY_FOR_OTHERS = ("/api/trainings/{training_id}/models/", "/api/trainings/{training_id}/models/latest/")

# What no call accepts as its body, by media type.
BAD_BODIES = (
    ("application/json", b"{"),
    ("application/json", b'{"a": NaN}'),
    ("application/json", b"\xff\xfe"),
    ("application/json", b"[" * 4000),
    ("application/json", b"[1]"),
    ("application/json", b'"text"'),
    ("application/json", b"7"),
    ("application/json", b'{"a": 1'),
    ("application/json; charset=klingon", b"\x80"),
    ("multipart/form-data; boundary=edge", b"--edge\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1"),
    ("multipart/form-data; boundary=edge", b"no boundary at all"),
    ("multipart/form-data", b"--edge--\r\n"),
    ("text/xml", b"<a/>"),
    ("application/octet-stream", b"\x00\x01"),
    ("nonsense", b"a=1"),
)

POST = b"POST /api/users/ HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
NO_HTTP = (
    b"GET /api/users/ HTTP/1.1",
    b"GET /api/users/ HTTP/1.1\r\nHost: a\r\nHost: b",
    b"GET /api/users/ HTTP/3.0\r\nHost: a",
    b"G@T /api/users/ HTTP/1.1\r\nHost: a",
    b"GET /api/us\x01ers/ HTTP/1.1\r\nHost: a",
    b"GET api/users/ HTTP/1.1\r\nHost: a",
    b"GET /api/users/ HTTP/1.1\r\nHost: a\r\nno colon",
    b"GET /api/users/ HTTP/1.1\r\nHost : a",
    b"GET /api/users/ HTTP/1.1\r\nHost: a\r\nX: 1\r\n folded",
    b"GET /api/users/ HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 100_000,
    b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\nHost: a",
    b"GET /api/users/ HTTP/1.1\r\nHost: a\r\n" + b"X: 1\r\n" * 500 + b"Y: 2",
    POST + b"Content-Length: -1",
    POST + b"Content-Length: 2\r\nContent-Length: 3",
    POST + b"Content-Length: 99999999999999999999",
    POST + b"Transfer-Encoding: gzip",
    POST + b"Transfer-Encoding: chunked\r\nContent-Length: 2",
    POST + b"Transfer-Encoding: chunked\r\n\r\nzz",
)


class Refusals(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        seed = secrets.randbits(32)
        print(f"seed {seed}")
        cls.random = random.Random(seed)
        cls.server = cls.enterClassContext(Server(environment={"FEDLOG_SUPERUSER": "root:rootpw"}))
        cls.asked = 0
        cls.make_world()
        cls.read_description()

    @classmethod
    def make_world(cls):
        """One of everything, all of it the owner's; and a stranger."""
        torch.set_num_threads(1)
        nobody = Api(cls.server.url)
        users = {
            name: nobody.register(f"refusals-{name}", "secret", "http://127.0.0.1:9/") for name in ("owner", "guest", "stranger")
        }
        cls.tokens = {name: user["token"] for name, user in users.items()}
        owner = Api(cls.server.url, cls.tokens["owner"])
        fields = {"name": "model", "description": "for refusals"}
        model = owner.call("POST", "/api/models/", data=fields, files={"model_file": ("m.pt", digits.make_model())}).json()
        training = owner.call(
            "POST",
            "/api/trainings/",
            json={
                "model_id": model["model_id"],
                "target_num_updates": 1,
                "aggregation_method": "FedAvg",
                "clients": [users["guest"]["id"]],
            },
        ).json()
        group = owner.call("POST", "/api/groups/", json={"name": "refusals"}).json()
        root = {"users": [users["owner"]["id"]]}
        joined = requests.post(f"{cls.server.url}/api/groups/{group['id']}/members/", json=root, auth=("root", "rootpw"), timeout=60)
        assert joined.status_code == 200, joined.text
        cls.ids = {
            "user_id": users["owner"]["id"],
            "model_id": model["model_id"],
            "training_id": training["training_id"] if "training_id" in training else training["id"],
            "group_id": str(group["id"]),
        }

    @classmethod
    def read_description(cls):
        answer = requests.get(cls.server.url + "/api/schema/?format=json", timeout=60)
        assert answer.status_code == 200, answer.text
        cls.calls = [
            (path, method.upper(), operation)
            for path, operations in answer.json()["paths"].items()
            for method, operation in operations.items()
            if method.upper() in METHODS
        ]
        for _, _, operation in cls.calls:
            for parameter in operation.get("parameters", []):
                if parameter.get("in") == "path":
                    cls.ids.setdefault(parameter["name"], str(parameter.get("example")))
        cls.paths = {path: {method for other, method, _ in cls.calls if other == path} for path, _, _ in cls.calls}
        assert len(cls.paths) >= 20, cls.paths.keys()

    # --- one request, and what a refusal is

    def ask(self, method, path, headers=None, body=None, user="owner"):
        """(status, headers, body) of a request whose target is sent as it is."""
        type(self).asked += 1
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=PATIENCE_S)
        try:
            credentials = {"Authorization": f"Token {self.tokens[user]}"} if user else {}
            connection.request(method, path, body=body, headers={**credentials, **(headers or {})})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def assert_refused(self, method, path, statuses=range(400, 500), **request):
        with self.subTest(method=method, path=path[:200], **{name: str(value)[:200] for name, value in request.items()}):
            status, headers, body = self.ask(method, path, **request)
            self.assertIn(status, statuses, body[:500])
            self.assertEqual(headers.get_content_type(), "application/json", body[:500])
            self.assertTrue(has_reason(json.loads(body)), body[:500])

    def assert_nothing_changed(self, before):
        self.assertEqual(self.position(), before)

    def position(self):
        """Of the log's last event; the log and all that follows from it are verified on the way."""
        report = self.server.tool("verify")
        self.assertIn("\nsound", report)
        return re.search(r"position (\d+) with hash", report)[1]

    def filled(self, path, **ids):
        return re.sub(r"{(\w+)}", lambda match: ids.get(match[1], self.ids[match[1]]), path)

    def open_to_anyone(self, operation):
        return {} in operation.get("security", [])

    # --- the walks

    def test_without_credentials(self):
        before = self.position()
        for path, method, operation in self.calls:
            if not self.open_to_anyone(operation):
                self.assert_refused(method, self.filled(path), statuses=[401], user=None)
        self.assert_nothing_changed(before)

    def test_with_wrong_credentials(self):
        before = self.position()
        wrong = ["Token " + "0" * 40, "Token", "Token a b", "Token \xe4", "Basic", "Basic !", "Basic YQ==", "Basic OjpAOg==", "Basic " + "A" * 4000]
        for path, method, operation in self.calls:
            if not self.open_to_anyone(operation):
                headers = {"Authorization": self.random.choice(wrong)}
                # 429: so many of them look like guessing
                self.assert_refused(method, self.filled(path), statuses=[401, 429], headers=headers, user=None)
        self.assert_nothing_changed(before)

    def test_of_a_stranger(self):
        before = self.position()
        for path, method, operation in self.calls:
            # Accounts are no secret: everyone may read them.
            for_all = self.open_to_anyone(operation) or (method == "GET" and "{user_id}" in path)
            if "{" in path and not for_all and path not in EMPTY_FOR_OTHERS:
                self.assert_refused(method, self.filled(path), user="stranger")
        for path in EMPTY_FOR_OTHERS:
            self.assertEqual(self.ask("GET", self.filled(path), user="stranger")[2], b"[]")
        self.assert_nothing_changed(before)

    def test_for_things_that_do_not_exist(self):
        before = self.position()
        for path, method, _ in self.calls:
            for name in re.findall(r"{(\w+)}", path if path not in EMPTY_FOR_OTHERS else ""):
                for unknown in self.random.sample(UNKNOWN_IDS, 4):
                    self.assert_refused(method, self.filled(path, **{name: unknown}))
        self.assert_nothing_changed(before)

    def test_of_methods_that_a_path_lacks(self):
        before = self.position()
        for path, known in self.paths.items():
            for method in (*METHODS, "BREW", "TRACE", "get"):
                if method not in known:
                    self.assert_refused(method, self.filled(path), statuses=[400, 405, 501])
        self.assert_nothing_changed(before)

    def test_of_paths_that_do_not_exist(self):
        before = self.position()
        for path in ("/", "/api/", "/apis/users/", "/api/users/a/b/c/", "/api/users//", "/api/%75sers/x/y/", "/..//etc/passwd", "/%"):
            for method in METHODS:
                self.assert_refused(method, path, statuses=[400, 404])
        self.assert_nothing_changed(before)

    def test_for_answers_in_forms_that_there_are_not(self):
        before = self.position()
        for path, method, operation in self.calls:
            if answers_json_only(operation):
                self.assert_refused(method, self.filled(path), statuses=[406], headers={"Accept": "image/png"})
                self.assert_refused(method, self.filled(path) + "?format=png", statuses=[404])
        self.assert_nothing_changed(before)

    def test_of_bodies_that_no_call_takes(self):
        before = self.position()
        with_body = [(path, method) for path, method, operation in self.calls if "requestBody" in operation]
        self.assertGreaterEqual(len(with_body), 12, with_body)
        for path, method in with_body:
            for media_type, body in BAD_BODIES:
                self.assert_refused(method, self.filled(path), headers={"Content-Type": media_type}, body=body)
        self.assert_nothing_changed(before)

    def test_of_fields_that_are_missing_or_of_another_type(self):
        before = self.position()
        tried = 0
        for path, method, operation in self.calls:
            fields = self.fields_of(operation)
            for name, required in fields.items():
                if not required or "json" not in str(operation["requestBody"]["content"].keys()):
                    continue
                for value in self.random.sample([{}, [[]], {"a": [1]}, "\x00", None], 2):
                    body = json.dumps({name: value}).encode()
                    self.assert_refused(method, self.filled(path), headers={"Content-Type": "application/json"}, body=body)
                    tried += 1
        self.assertGreater(tried, 10)
        self.assert_nothing_changed(before)

    def fields_of(self, operation):
        """Whether each field of the call's body is required, by name."""
        for content in operation.get("requestBody", {}).get("content", {}).values():
            schema = content.get("schema", {})
            return {name: name in schema.get("required", []) for name in schema.get("properties", {})}
        return {}

    def test_of_malformed_idempotency_keys(self):
        before = self.position()
        for path, method, operation in self.calls:
            names = [parameter.get("name", parameter.get("$ref", "")) for parameter in operation.get("parameters", [])]
            if method != "GET" and any("idempotency" in name.lower() for name in names):
                for key in ("a b", "x" * 129, "\xe4"):
                    self.assert_refused(method, self.filled(path), headers={"Idempotency-Key": key})
        self.assert_nothing_changed(before)

    def test_of_what_is_no_http(self):
        before = self.position()
        for lines in NO_HTTP:
            with self.subTest(lines=lines[:200]):
                status, headers, body = self.send(lines + b"\r\n\r\n")
                self.assertIn(status, {*range(400, 500), 501, 505}, body[:500])
                self.assertEqual(headers.get_content_type(), "application/json", body[:500])
                self.assertTrue(has_reason(json.loads(body)), body[:500])
        self.assert_nothing_changed(before)

    def send(self, request):
        """(status, headers, body) of the answer to these bytes."""
        type(self).asked += 1
        with socket.create_connection(("127.0.0.1", self.server.port), timeout=PATIENCE_S) as connection:
            connection.sendall(request)
            answer = http.client.HTTPResponse(connection)
            answer.begin()
            return answer.status, answer.headers, answer.read()

    @classmethod
    def tearDownClass(cls):
        print(f"{cls.asked} requests")
        assert cls.server.process.poll() is None, cls.server.words()


def has_reason(body):
    """A text, or lists or objects that hold nothing but reasons."""
    if isinstance(body, str):
        return bool(body.strip())
    if isinstance(body, list):
        return bool(body) and all(map(has_reason, body))
    return isinstance(body, dict) and bool(body) and all(map(has_reason, body.values()))


def answers_json_only(operation):
    types = {
        media_type
        for status, answer in operation["responses"].items()
        if status.startswith("2")
        for media_type in answer.get("content", {})
    }
    return types == {"application/json"}


if __name__ == "__main__":
    unittest.main()
