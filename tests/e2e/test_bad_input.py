#!/usr/bin/python3
"""What a client can do wrong, at the real server: each mistake gets a clear answer, and the next client is served."""

import contextlib
import secrets
import socket
import unittest

from fedlog_server import PATIENCE_S, Server

import requests
from fedlog_client import Api, ApiError, Inbox

CONFIGURATION = """
[server]
connections_max = 8
header_timeout_ms = 1000
[limits]
json_bytes_max = 4096
model_bytes_max = 65536
"""


class BadInput(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = cls.enterClassContext(Server(CONFIGURATION))
        cls.inbox = Inbox()
        cls.user = Api(cls.server.url).register("owner", "secret", cls.inbox.endpoint, actor=True)
        cls.api = Api(cls.server.url, cls.user["token"])

    def tearDown(self):
        self.assertIsNone(self.server.process.poll(), self.server.words())
        self.assertEqual(self.api.call("GET", "/api/users/myself/").json()["username"], "owner")

    def refused(self, method, path, **arguments):
        with self.assertRaises(ApiError) as caught:
            self.api.call(method, path, **arguments)
        return caught.exception

    def raw(self, request):
        """All that the server says to these bytes until it closes the connection."""
        with socket.create_connection(("127.0.0.1", self.server.port), timeout=PATIENCE_S) as connection:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                connection.sendall(request)
            return read_to_end(connection)

    def test_a_file_that_is_no_model(self):
        fields = {"name": "bad", "description": "no model"}
        for content in (b"", b"hello", b"PK\x03\x04" + secrets.token_bytes(100)):
            refusal = self.refused("POST", "/api/models/", data=fields, files={"model_file": ("bad.pt", content)})
            self.assertEqual(refusal.status, 400)

    def test_an_unknown_field(self):
        refusal = self.refused("POST", "/api/trainings/", json={"colour": "red"})
        self.assertEqual(refusal.status, 400)
        self.assertIn("colour", str(refusal))

    def test_a_wrong_password(self):
        answer = requests.get(self.server.url + "/api/users/myself/", auth=("owner", "guess"))
        self.assertEqual(answer.status_code, 401)
        self.assertEqual(answer.headers["WWW-Authenticate"], "Token")

    def test_a_body_that_is_too_large(self):
        self.assertEqual(self.refused("POST", "/api/trainings/", json={"colour": "red" * 4096}).status, 413)
        fields = {"name": "large", "description": "too large"}
        file = {"model_file": ("large.pt", bytes(200_000))}
        self.assertEqual(self.refused("POST", "/api/models/", data=fields, files=file).status, 413)

    def test_a_body_that_says_that_it_is_too_large(self):
        head = "POST /api/users/ HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nConnection: close\r\n"
        answer = self.raw(f"{head}Content-Length: 99999999999999999999\r\n\r\n".encode())
        self.assertIn(answer.split(b" ")[1], (b"400", b"413"), answer)

    def test_json_that_breaks_off_nests_too_deeply_or_is_no_text(self):
        headers = {"Content-Type": "application/json", **self.api.headers}
        for body in (b'{"username": ', b"[" * 4000, b"\xff\xfe{}", b'{"username": NaN}'):
            answer = requests.post(self.server.url + "/api/trainings/", data=body, headers=headers)
            self.assertEqual(answer.status_code, 400, answer.text)

    def test_what_is_no_http(self):
        for request in (secrets.token_bytes(2000) + b"\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\r\n\r\n", b"GET\r\n\r\n"):
            answer = self.raw(request)
            self.assertIn(answer[:12], (b"", b"HTTP/1.1 400", b"HTTP/1.0 400"), answer)

    def test_headers_without_end(self):
        answer = self.raw(b"GET / HTTP/1.1\r\n" + b"X-Filler: 0123456789\r\n" * 50_000)
        self.assertIn(answer[:12], (b"", b"HTTP/1.1 400", b"HTTP/1.1 431"), answer)

    def test_a_client_that_stops_within_its_headers_loses_its_connection(self):
        answer = self.raw(b"GET /api/users/myself/ HTTP/1.1\r\nHost:")
        self.assertIn(answer[:12], (b"", b"HTTP/1.1 408"), answer)


class FullConnectionTable(unittest.TestCase):
    def test_one_connection_too_many_is_told_so_and_places_become_free_again(self):
        with Server("[server]\nconnections_max = 4\n") as server, contextlib.ExitStack() as idle:
            for _ in range(8):
                connection = socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_S)
                idle.enter_context(connection)
            answer = read_to_end(connection)
            self.assertTrue(answer == b"" or b" 503 " in answer.split(b"\r\n")[0], answer)
            idle.close()
            server.wait_until_it_answers()


def read_to_end(connection):
    chunks = []
    with contextlib.suppress(ConnectionResetError):
        while chunk := connection.recv(65536):
            chunks.append(chunk)
    return b"".join(chunks)


if __name__ == "__main__":
    unittest.main()
