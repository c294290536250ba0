#!/usr/bin/python3
"""How the real server speaks HTTP to clients of all kinds: old ones, careful ones, those that send on after a refusal, and those
that call it by another name."""

import shutil
import socket
import subprocess
import unittest

from fedlog_server import PATIENCE_S, Server

import requests

NAMES = '[server]\nallowed_hosts = ["127.0.0.1", ".example.org"]\ndevelopment = true\n'
LARGE_BYTES = 50_000_000


class Raw:
    """A connection that is spoken to in bytes."""

    def __init__(self, server):
        self.socket = socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_S)
        self.input = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, *lines, body=b""):
        self.socket.sendall("".join(line + "\r\n" for line in lines).encode() + b"\r\n" + body)

    def head(self):
        """The next head: its status and its fields in small letters."""
        while b"\r\n\r\n" not in self.input:
            more = self.socket.recv(65536)
            if not more:
                raise AssertionError(f"the connection ended after {self.input!r}")
            self.input += more
        head, _, self.input = self.input.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        return int(first.split()[1]), dict(line.lower().split(": ", 1) for line in lines)

    def answer(self):
        status, fields = self.head()
        size = int(fields["content-length"])
        while len(self.input) < size:
            self.input += self.socket.recv(65536)
        body, self.input = self.input[:size], self.input[size:]
        return status, fields, body

    def ends(self):
        return self.input == b"" and self.socket.recv(1) == b""


class Http(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = cls.enterClassContext(Server(NAMES))
        fields = {"username": "ada", "password": "secret", "message_endpoint": "http://127.0.0.1:9/"}
        answer = requests.post(cls.server.url + "/api/users/", json=fields, timeout=60)
        cls.token = "Authorization: Token " + answer.json()["token"]
        cls.myself = "/api/users/myself/"

    def test_clients_of_http_1_0_get_a_length_and_their_connection_ends_unless_they_keep_it(self):
        with Raw(self.server) as old:
            old.send(f"GET {self.myself} HTTP/1.0", self.token)
            status, fields, body = old.answer()
            self.assertEqual(status, 200)
            self.assertNotIn("transfer-encoding", fields)
            self.assertIn(b'"username":"ada"', body)
            self.assertTrue(old.ends())
        with Raw(self.server) as old:
            for _ in range(3):
                old.send(f"GET {self.myself} HTTP/1.0", self.token, "Connection: keep-alive")
                self.assertEqual(old.answer()[0], 200)

    def test_who_expects_to_be_asked_for_the_body_is_asked_only_if_it_is_wanted(self):
        start = "POST /api/groups/ HTTP/1.1", "Host: 127.0.0.1", "Content-Type: application/json", "Expect: 100-continue"
        body = b'{"name": "asked for"}'
        with Raw(self.server) as careful:
            careful.send(*start, self.token, f"Content-Length: {len(body)}")
            self.assertEqual(careful.head()[0], 100)
            careful.socket.sendall(body)
            self.assertEqual(careful.answer()[0], 201)
        for refused, status in ((["Content-Length: 21"], 401), ([self.token, f"Content-Length: {2**40}"], 413)):
            with Raw(self.server) as careful:
                careful.send(*start, *refused)
                self.assertEqual(careful.answer()[0], status)

    def test_chunks_may_have_extensions_and_trailers_and_the_next_request_follows(self):
        with Raw(self.server) as chunks:
            start = "POST /api/groups/ HTTP/1.1", "Host: 127.0.0.1", self.token, "Content-Type: application/json"
            body = b'8;a=b\r\n{"name":\r\n7\r\n "cut"}\r\n0\r\nX-Trailer: 1\r\nAuthorization: none\r\n\r\n'
            chunks.send(*start, "Transfer-Encoding: chunked", body=body)
            status, _, made = chunks.answer()
            self.assertEqual((status, b'"cut"' in made), (201, True))
            chunks.send(f"GET {self.myself} HTTP/1.1", "Host: 127.0.0.1", self.token)
            self.assertEqual(chunks.answer()[0], 200)

    def test_who_sends_on_after_a_refusal_still_reads_it(self):
        url, body = self.server.url + "/api/models/", bytes(LARGE_BYTES)
        headers = {"Content-Type": "multipart/form-data; boundary=x", "Authorization": "Token " + 40 * "0"}
        self.assertEqual(requests.post(url, data=body, headers=headers, timeout=PATIENCE_S).status_code, 401)
        pieces = (body[:1_000_000] for _ in range(LARGE_BYTES // 1_000_000))
        self.assertEqual(requests.post(url, data=pieces, headers=headers, timeout=PATIENCE_S).status_code, 401)
        own = {"Content-Type": "application/json", "Authorization": self.token.partition(": ")[2]}
        self.assertEqual(requests.post(url, data=body, headers=own, timeout=PATIENCE_S).status_code, 413)

    @unittest.skipUnless(shutil.which("curl"), "there is no curl here")
    def test_curl_reads_a_refusal_too(self):
        command = ["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "-H", "Expect:", "-H", "Content-Type: application/json"]
        command += ["--data-binary", "@-", self.server.url + "/api/models/"]
        done = subprocess.run(command, input=bytes(LARGE_BYTES), capture_output=True, timeout=PATIENCE_S)
        self.assertEqual((done.stdout, done.stderr), (b"401", b""))

    def test_links_name_only_hosts_that_the_server_is_called_by(self):
        for host, answered in (("127.0.0.1:1", True), ("fl.example.org", True), ("evil.example", False), ("a b", False)):
            headers = {"Authorization": self.token.partition(": ")[2], "Host": host}
            answer = requests.get(self.server.url + "/api/users/?limit=1&offset=1", headers=headers, timeout=60)
            with self.subTest(host):
                self.assertEqual(answer.status_code, 200 if answered else 400)
                if answered:
                    self.assertEqual(answer.json()["previous"], f"http://{host}/api/users/?limit=1")
                else:
                    self.assertNotIn("evil.example/", answer.text)

    def test_looking_at_the_dummy_data_makes_none(self):
        self.assertEqual(requests.head(self.server.url + "/api/dummy/", timeout=60).status_code, 200)
        names = requests.get(self.server.url + "/api/users/?search=dummy", auth=("ada", "secret"), timeout=60).json()
        self.assertEqual(names, [])

    def test_a_request_has_an_id_that_the_log_knows(self):
        given = requests.get(self.server.url + self.myself, headers={"X-Request-ID": "mine.1"}, timeout=60)
        self.assertEqual(given.headers["X-Request-ID"], "mine.1")
        made = requests.get(self.server.url + self.myself, headers={"X-Request-ID": "not mine!"}, timeout=60)
        self.assertRegex(made.headers["X-Request-ID"], "^[0-9a-f]+$")
        for answer in (given, made):
            self.assertIn(answer.headers["X-Request-ID"], self.server.log.read_text())

    def test_a_text_that_is_asked_for_again_comes_compressed(self):
        url = self.server.url + "/api/schema/?format=json"
        texts = [requests.get(url, headers={"Accept-Encoding": coding}, timeout=60) for coding in ("gzip", "gzip", "identity")]
        self.assertEqual(texts[1].headers["Content-Encoding"], "gzip")
        self.assertNotIn("Content-Encoding", texts[2].headers)
        self.assertEqual({text.text for text in texts}, {texts[0].text})


class FewDescriptors(Server):
    def command(self, **changes):
        return ["prlimit", "--nofile=1024:1024", *super().command(**changes)]


class Start(unittest.TestCase):
    def test_warns_of_a_limit_of_open_files_that_is_too_low(self):
        with FewDescriptors() as server:
            self.assertIn("only 1024 files may be open at once, and server.connections_max = 2048 needs", server.words())
        with FewDescriptors("[server]\nconnections_max = 100\n") as server:
            self.assertNotIn("files may be open", server.words())


if __name__ == "__main__":
    unittest.main()
