#!/usr/bin/python3
"""Clients behind NAT, that nothing can be posted to: they take part in trainings by asking for their notifications, over
kills of the server and changes of their endpoint; and however many wait, the server serves others and ends quickly."""

import io
import secrets
import socket
import threading
import time
import unittest

from fedlog_server import PATIENCE_S, Server
from model_files import linear, scripted

import requests
import torch
from fedlog_client import Api, ApiError, Failed, Inbox, Mailbox, Participant, Removed

ROUNDS = 2


def train(content, round_number):
    module = torch.jit.load(io.BytesIO(content))
    with torch.no_grad():
        module.bias += 1
    return scripted(module), 10, {"loss": 0.5}


def test(content, round_number):
    return {"accuracy": torch.jit.load(io.BytesIO(content)).bias[0].item()}


class Polling(unittest.TestCase):
    def setUp(self):
        torch.set_num_threads(1)
        self.server = self.enterContext(Server("[server]\nthreads_max = 4\n"))
        self.owner = self.register("owner")
        self.content = linear()

    def register(self, name, endpoint=Mailbox.endpoint):
        user = Api(self.server.url).register(f"{name}-{secrets.token_hex(4)}", "secret", endpoint)
        api = Api(self.server.url, user["token"])
        api.user = user
        return api

    def training(self, clients, rounds=ROUNDS, **more):
        """A training that is started; its id."""
        files = {"model_file": ("m.pt", self.content)}
        fields = {"name": "linear", "description": "two numbers"}
        model = self.owner.call("POST", "/api/models/", data=fields, files=files).json()["model_id"]
        fields = {"model_id": model, "target_num_updates": rounds, "aggregation_method": "FedAvg", "clients": clients, **more}
        training = self.owner.call("POST", "/api/trainings/", json=fields).json()["training_id"]
        self.owner.call("POST", f"/api/trainings/{training}/start/")
        return training

    def show(self, training):
        return self.owner.call("GET", f"/api/trainings/{training}/").json()

    def take_part(self, participant):
        """Runs it in a thread, which `finished` waits for."""
        thread = threading.Thread(target=participant.run, daemon=True)
        thread.start()
        return thread

    def finished(self, thread):
        thread.join(PATIENCE_S)
        self.assertFalse(thread.is_alive(), self.server.words())

    def participant(self, name, **more):
        name = f"{name}-{secrets.token_hex(4)}"
        return Participant(self.server.url, name, "secret", train, test, log=lambda line: None, **more)

    def test_a_whole_training_of_clients_that_only_ask(self):
        clients = [self.participant(f"client-{number}", poll=True) for number in range(3)]
        threads = [self.take_part(client) for client in clients]
        training = self.training([client.user["id"] for client in clients])
        for thread in threads:
            self.finished(thread)
        shown = self.show(training)
        self.assertEqual(shown["state"], "C")
        final = torch.jit.load(io.BytesIO(self.owner.call("GET", f"/api/models/{shown['model']}/").content))
        self.assertEqual(final.bias.tolist(), [2.0, 2.0])
        # The owner, who has no endpoint either, is told of the end.
        told = Mailbox(self.owner).get()
        self.assertEqual((told["notification_type"], told["training_uuid"]), ("TRAINING_FINISHED", training))
        for client in clients:
            kept = client.api.call("GET", "/api/users/notifications/").json()
            kinds = [each["notification_type"] for each in kept["notifications"]]
            round_of_two = ["UPDATE_ROUND_START", "MODEL_TEST_ROUND"]
            self.assertEqual(kinds, ["TRAINING_START", *round_of_two, *round_of_two, "TRAINING_FINISHED"])
            self.assertEqual([each["cursor"] for each in kept["notifications"]], sorted(each["cursor"] for each in kept["notifications"]))

    def test_a_training_that_is_cancelled_ends_its_clients(self):
        for poll in (True, False):
            client = self.participant("client", poll=poll)
            training = self.training([client.user["id"]])
            self.owner.call("POST", f"/api/trainings/{training}/cancel/")
            client.update = lambda model, round_number: None
            with self.assertRaisesRegex(Failed, "Cancelled by its owner"):
                client.run()

    def test_a_client_that_is_asked_for_what_it_cannot_do_is_not_waited_for(self):
        for poll in (True, False):
            client = self.participant("client", poll=poll, host="127.0.0.2")
            self.assertEqual(client.user["message_endpoint"].startswith("http://127.0.0.2:"), not poll)
            removed = threading.Event()

            def run():
                with self.assertRaises(Removed):
                    client.run()
                removed.set()

            threading.Thread(target=run, daemon=True).start()
            training = self.training([client.user["id"]], uncertainty_method="SWAG")
            self.assertTrue(removed.wait(PATIENCE_S), self.server.words())
            self.wait_until(lambda: self.show(training)["participants"] == [])

    def test_kills_while_a_client_waits_lose_and_double_nothing(self):
        client = self.register("client")
        mailbox = Mailbox(client)
        got = []

        def collect():
            while True:
                got.append(mailbox.get())

        threading.Thread(target=collect, daemon=True).start()
        started = []
        for _ in range(4):
            started.append(self.training([client.user["id"]]))
            if len(started) % 2 == 0:
                self.wait_until(lambda: len(got) == 2 * len(started))  # and then it waits for more
            self.server.kill()
            self.server.start()
        self.wait_until(lambda: len(got) == 2 * len(started))
        expected = [(kind, training) for training in started for kind in ("TRAINING_START", "UPDATE_ROUND_START")]
        self.assertEqual([(each["notification_type"], each["training_uuid"]) for each in got], expected)
        self.assertEqual(len({each["delivery"] for each in got}), len(got))
        # The last acknowledgement is that of the next request.
        self.wait_until(lambda: all(self.settled(training) == 2 for training in started))
        self.assertEqual(self.server.stop(), 0, self.server.words())
        self.assertIn("sound", self.server.tool("verify"))

    def settled(self, training):
        return self.server.tool("log", f"training/{training}").count("NotificationSettled")

    def wait_until(self, condition):
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            self.assertLess(time.monotonic(), deadline, self.server.words())
            time.sleep(0.02)

    def test_an_endpoint_that_changes_in_the_middle_of_a_training(self):
        inbox = Inbox()
        self.addCleanup(inbox.close)
        client = self.register("client", inbox.endpoint)
        path = f"/api/users/{client.user['id']}/"
        training = self.training([client.user["id"]], rounds=1)
        kinds = [inbox.get(PATIENCE_S)["notification_type"] for _ in range(2)]
        self.assertEqual(kinds, ["TRAINING_START", "UPDATE_ROUND_START"])
        model = self.show(training)["model"]

        changed = client.call("PATCH", path, json={"message_endpoint": "poll:behind-NAT"}).json()
        self.assertEqual(changed["message_endpoint"], "poll:behind-NAT")
        fields = {"round": 0, "sample_size": 1}
        files = {"model_file": ("m.pt", self.content)}
        client.call("POST", f"/api/models/{model}/", data=fields, files=files)
        mailbox = Mailbox(client)
        while (message := mailbox.get())["notification_type"] != "MODEL_TEST_ROUND":
            pass
        self.assertEqual(message["body"]["round"], 1)

        inbox_of_tomorrow = Inbox()
        self.addCleanup(inbox_of_tomorrow.close)
        client.call("PATCH", path, json={"message_endpoint": inbox_of_tomorrow.endpoint})
        client.call("POST", f"/api/models/{model}/metrics/", data={"metric_names": ["a"], "metric_values": ["1"]})
        while (message := inbox_of_tomorrow.get(PATIENCE_S))["notification_type"] != "TRAINING_FINISHED":
            pass
        self.assertEqual(self.show(training)["state"], "C")
        self.assertTrue(inbox.messages.empty(), "nothing comes to the old endpoint")

    def test_what_waits_for_a_poll_is_posted_once_there_is_an_endpoint(self):
        client = self.register("client")
        training = self.training([client.user["id"]])
        inbox = Inbox()
        self.addCleanup(inbox.close)
        client.call("PATCH", f"/api/users/{client.user['id']}/", json={"message_endpoint": inbox.endpoint})
        for kind in ("TRAINING_START", "UPDATE_ROUND_START"):
            message = inbox.get(PATIENCE_S)
            self.assertEqual((message["notification_type"], message["training_uuid"]), (kind, training))

    def waiting(self, client, wait_s=60):
        """A connection that waits for a notification."""
        connection = socket.create_connection(("127.0.0.1", self.server.port), timeout=PATIENCE_S)
        self.addCleanup(connection.close)
        token = client.user["token"]
        head = f"GET /api/users/notifications/?after=0&wait_s={wait_s} HTTP/1.1\r\nHost: h\r\nAuthorization: Token {token}\r\n\r\n"
        connection.sendall(head.encode())
        return connection

    def test_many_who_wait_hold_nobody_up_and_are_told_at_once(self):
        clients = [self.register(f"client-{number}") for number in range(10)]
        waiting = [self.waiting(client) for client in clients for _ in range(8)]
        for client in clients:
            self.assertEqual(client.call("GET", "/api/users/myself/").status_code, 200)
        self.training([clients[0].user["id"]])
        begun = time.monotonic()
        for connection in waiting[:8]:
            self.assertIn(b"TRAINING_START", self.whole_answer(connection))
        self.assertLess(time.monotonic() - begun, 30, "long before the wait is over")
        # A ninth wait of one user is answered at once.
        self.assertIn(b'"notifications":[]', self.whole_answer(self.waiting(clients[1])))
        stopping = time.monotonic()
        self.assertEqual(self.server.stop(), 0, self.server.words())
        self.assertLess(time.monotonic() - stopping, 8, "waits end with the server, before running requests are cut")
        for connection in waiting[8:]:
            self.assertIn(b'"notifications":[]', self.whole_answer(connection))

    def whole_answer(self, connection):
        answer = b""
        while not answer.endswith(b"}"):
            piece = connection.recv(65536)
            if not piece:
                break
            answer += piece
        return answer

    def test_a_wait_ends_when_its_time_is_over(self):
        begun = time.monotonic()
        answer = self.owner.call("GET", "/api/users/notifications/?wait_s=1").json()
        self.assertEqual(answer, {"notifications": [], "cursor": 0})
        self.assertGreaterEqual(time.monotonic() - begun, 1)

    def test_a_cursor_from_the_future_is_refused(self):
        with self.assertRaises(ApiError) as refused:
            self.owner.call("GET", "/api/users/notifications/?after=1000000&wait_s=30")
        self.assertEqual(refused.exception.status, 400)
        self.assertIn("Begin with 0", str(refused.exception))

    def test_an_endpoint_can_be_tried(self):
        inbox = Inbox()
        self.addCleanup(inbox.close)
        client = self.register("client", inbox.endpoint)
        answer = client.call("POST", f"/api/users/{client.user['id']}/ping/").json()
        self.assertEqual((answer["x_status"], answer["x_problem"]), (200, None))
        self.assertGreaterEqual(answer["x_ms"], 0)
        self.assertEqual(inbox.get(PATIENCE_S)["notification_type"], "PING")
        answer = self.owner.call("POST", f"/api/users/{self.owner.user['id']}/ping/").json()
        self.assertEqual((answer["x_status"], answer["x_ms"]), (None, None))
        self.assertIn("Nothing is posted", answer["x_problem"])
        url = self.server.url + f"/api/users/{client.user['id']}/ping/"
        for _ in range(6):
            last = requests.post(url, headers=client.headers, timeout=PATIENCE_S)
        self.assertEqual(last.status_code, 429)
        self.assertGreaterEqual(int(last.headers["Retry-After"]), 1)


if __name__ == "__main__":
    unittest.main()
