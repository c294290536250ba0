#!/usr/bin/python3
"""Notifications to receivers of every kind over real HTTP: dead, hanging, redirecting, failing now and then, in a network that is
denied, and with a secret to check signatures with."""

import contextlib
import http.server
import io
import json
import socket
import threading
import time
import unittest
import unittest.mock

from fedlog_server import PATIENCE_S, ROOT, Server, free_port
from model_files import linear

import requests
from official_client import ANSWERS, OfficialClient, checked

QUICK = """
[notifications]
connect_timeout_ms = 500
read_timeout_ms = 500
total_timeout_ms = 1000
retry_first_ms = 10
retry_max_ms = 50
retry_span_s = 2
"""
SECRET = "a secret of the receiver's own, with an ö"


def documented_check():
    """The function that docs/notifications.md gives receivers to check a signature with."""
    text = (ROOT / "docs/notifications.md").read_text()
    names = {}
    exec(text.split("```python\n")[1].split("```")[0], names)
    return names["is_authentic"]


class Receiver:
    """Answers what `answer(kind, count)` says, the count being of its kind; keeps what it got."""

    def __init__(self, answer):
        self.calls = []  # (message, headers, body, status)
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                message = json.loads(body)
                kind = message["notification_type"]
                status = answer(kind, sum(call[0]["notification_type"] == kind for call in receiver.calls))
                receiver.calls.append((message, dict(self.headers), body, status))
                self.send_response(status)
                if status in (302, 307):
                    self.send_header("Location", "/redirected")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def kinds(self):
        return [call[0]["notification_type"] for call in self.calls]

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


class FlakyClient(OfficialClient):
    """Takes each notification that asks for work at the third time only, and is broken for every other one that does not."""

    def __init__(self, *arguments):
        self.deliveries = {}
        super().__init__(*arguments)

    def handler(self):
        client, handler = self, super().handler()

        class Flaky(handler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                kind = json.loads(body)["notification_type"]
                delivery = self.headers["X-Fedlog-Delivery"]
                client.deliveries[delivery] = client.deliveries.get(delivery, 0) + 1
                if ANSWERS.get(kind) == 202 and client.deliveries[delivery] < 3:
                    return self.refuse(503)
                if kind == "TRAINING_START":
                    return self.refuse(500)
                self.rfile = io.BytesIO(body)
                return super().do_POST()

            def refuse(self, status):
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

        return Flaky


def train(module, round_number):
    return 1, [("loss", 0.5)]


def test(module):
    return [("accuracy", 0.5)]


class NotificationsTest(unittest.TestCase):
    def start_server(self, configuration=QUICK):
        server = self.enterContext(Server(configuration))
        self.owner = self.user(server, "owner", "http://127.0.0.1:9/")
        return server

    def user(self, server, name, endpoint):
        fields = {"username": name, "password": "secret", "message_endpoint": endpoint, "actor": True, "client": True}
        return checked(requests.post(server.url + "/api/users/", json=fields, timeout=60), 201).json()["id"]

    def call(self, server, method, path, status, name="owner", **arguments):
        answer = requests.request(method, server.url + "/api/" + path, auth=(name, "secret"), timeout=60, **arguments)
        return checked(answer, status).json()

    def client(self, server, name, kind=OfficialClient):
        client = kind(server.url, name, "secret", train, test)
        self.addCleanup(client.close)
        return client

    def receiver(self, answer):
        receiver = Receiver(answer)
        self.addCleanup(receiver.close)
        return receiver

    def create_training(self, server, clients, rounds=1):
        model = self.call(
            server, "POST", "models/", 201, data={"name": "m", "description": ""}, files={"model_file": ("m.pt", linear())}
        )["model_id"]
        fields = {
            "model_id": model,
            "target_num_updates": rounds,
            "metric_names": ["accuracy"],
            "uncertainty_method": "NONE",
            "aggregation_method": "FedAvg",
            "clients": clients,
        }
        return self.call(server, "POST", "trainings/", 201, json=fields)["training_id"]

    def start_training(self, server, clients, rounds=1):
        training = self.create_training(server, clients, rounds)
        self.call(server, "POST", f"trainings/{training}/start/", 202, json={})
        return training

    def wait_for_state(self, server, training, states):
        deadline = time.monotonic() + PATIENCE_S
        while (found := self.call(server, "GET", f"trainings/{training}/", 200))["state"] not in states:
            self.assertLess(time.monotonic(), deadline, (found, server.words()))
            time.sleep(0.05)
        return found

    def hanging_endpoint(self):
        """Takes connections, and says nothing."""
        listener = self.enterContext(contextlib.closing(socket.create_server(("127.0.0.1", 0), backlog=128)))
        return f"http://127.0.0.1:{listener.getsockname()[1]}/"

    def test_a_training_goes_on_without_those_who_cannot_be_reached(self):
        server = self.start_server()
        live = self.client(server, "live")
        dead = self.user(server, "dead", f"http://127.0.0.1:{free_port()}/")
        hanging = self.user(server, "hanging", self.hanging_endpoint())
        broken = self.receiver(lambda kind, count: 500 if kind == "UPDATE_ROUND_START" else 200)
        moved = self.receiver(lambda kind, count: 307)
        gone = [self.user(server, "broken", broken.url), self.user(server, "moved", moved.url), dead, hanging]
        training = self.start_training(server, [live.user["id"], *gone])
        found = self.wait_for_state(server, training, "CE")
        self.assertEqual((found["state"], found["participants"]), ("C", [live.user["id"]]))
        self.assertTrue(live.finished.wait(PATIENCE_S))
        self.assertEqual(live.failures, [])
        self.assertEqual(broken.kinds(), ["TRAINING_START", "UPDATE_ROUND_START", "CLIENT_REMOVED"])
        self.assertEqual(moved.kinds(), ["TRAINING_START", "UPDATE_ROUND_START", "CLIENT_REMOVED"])
        events = server.tool("log", f"training/{training}")
        self.assertIn("could not be reached", events)

    def test_who_fails_now_and_then_takes_part_to_the_end(self):
        server = self.start_server()
        clients = [self.client(server, "steady"), self.client(server, "flaky", FlakyClient)]
        ids = [client.user["id"] for client in clients]
        training = self.start_training(server, ids, rounds=3)
        for client in clients:
            self.assertTrue(client.finished.wait(PATIENCE_S), (client.failures, server.words()))
            self.assertEqual(client.failures, [])
        found = self.wait_for_state(server, training, "CE")
        self.assertEqual((found["state"], found["participants"]), ("C", ids))
        told = [message["notification_type"] for message, _ in clients[1].notifications]
        self.assertEqual(told, 3 * ["UPDATE_ROUND_START", "MODEL_TEST_ROUND"] + ["TRAINING_FINISHED"])
        self.assertEqual(sorted(clients[1].deliveries.values()), [1, 1] + 6 * [3])

    def test_a_receiver_with_a_secret_can_tell_who_writes(self):
        server = self.start_server()
        receiver = self.receiver(lambda kind, count: ANSWERS.get(kind, 200))
        user = self.user(server, "signed", receiver.url)
        self.call(server, "PATCH", f"users/{user}/", 200, name="signed", json={"x_webhook_secret": SECRET})
        self.start_training(server, [user])
        deadline = time.monotonic() + PATIENCE_S
        while len(receiver.calls) < 2:
            self.assertLess(time.monotonic(), deadline, server.words())
            time.sleep(0.02)
        is_authentic = documented_check()
        for _, headers, body, _ in receiver.calls:
            self.assertTrue(is_authentic(SECRET, headers, body))
            self.assertFalse(is_authentic("another", headers, body))
            self.assertFalse(is_authentic(SECRET, headers, body + b" "))
            with unittest.mock.patch("time.time", return_value=time.time() + 3600):
                self.assertFalse(is_authentic(SECRET, headers, body), "an old one, sent again")
            signature = headers["X-Fedlog-Signature"]
            self.assertRegex(signature, "^t=[0-9]{10},v1=[0-9a-f]{64}$")
            for forged in ("", "t=", "t=1", "t=" + 5000 * "1", signature.replace("v1=", "v1=\u00e9"), "t=\u0661", "\udcff", signature + ","):
                self.assertFalse(is_authentic(SECRET, {"X-Fedlog-Signature": forged}, body), forged)
        self.call(server, "PATCH", f"users/{user}/", 200, name="signed", json={"x_webhook_secret": ""})
        count = len(receiver.calls)
        self.start_training(server, [user])
        while len(receiver.calls) == count:
            self.assertLess(time.monotonic(), deadline, server.words())
            time.sleep(0.02)
        self.assertNotIn("X-Fedlog-Signature", receiver.calls[-1][1])

    def test_nothing_is_posted_to_a_denied_network(self):
        server = self.start_server(QUICK + 'denied_networks = ["127.0.0.0/8", "::1"]\n')
        receiver = self.receiver(lambda kind, count: 200)
        users = [self.user(server, "number", receiver.url)]
        users.append(self.user(server, "name", receiver.url.replace("127.0.0.1", "localhost")))
        users.append(self.user(server, "decimal", receiver.url.replace("127.0.0.1", "2130706433")))
        training = self.start_training(server, users)
        found = self.wait_for_state(server, training, "E")
        self.assertEqual(found["participants"], [])
        self.assertEqual(receiver.calls, [])
        events = server.tool("log", f"training/{training}")
        self.assertIn("is in a network that this server may not post to", events)

    def test_a_hanging_endpoint_of_many_trainings_delays_nobody_else(self):
        server = self.start_server('[notifications]\nconcurrency = 4\nread_timeout_ms = 600000\ntotal_timeout_ms = 600000\n')
        hanging = self.user(server, "hanging", self.hanging_endpoint())
        waiting = [self.start_training(server, [hanging]) for _ in range(12)]
        live = self.client(server, "live")
        training = self.start_training(server, [live.user["id"]])
        self.assertTrue(live.finished.wait(PATIENCE_S), server.words())
        self.assertEqual(self.wait_for_state(server, training, "CE")["state"], "C")
        for each in waiting:
            self.assertEqual(self.call(server, "GET", f"trainings/{each}/", 200)["state"], "O")
            status = self.call(server, "GET", f"trainings/{each}/status/", 200)
            self.assertIn("it waits behind TRAINING_START: ", status["awaited"][0]["on_its_way"]["progress"])
        self.assertEqual(server.stop(), 0, "long before its attempts would end by themselves")


if __name__ == "__main__":
    unittest.main()
