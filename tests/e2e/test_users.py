#!/usr/bin/python3
"""Accounts at the real server: `fedlog user` offline, beside a running server and through the API; new tokens and passwords;
who is locked out; and a flood of wrong passwords that stops neither uploads nor whoever has a token or the right password."""

import contextlib
import io
import os
import pty
import subprocess
import threading
import time
import unittest

from fedlog_server import BIN, PATIENCE_S, Server

import requests
import torch
from fedlog_client import Api

ROOT = "root:rootpw"


def fedlog_user(*arguments, password=None, credentials=None):
    """Exit code, standard output and standard error of `fedlog user`."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FEDLOG_")}
    if credentials:
        environment["FEDLOG_CREDENTIALS"] = credentials
    command = [str(part) for part in (BIN / "fedlog", "user", *arguments)]
    done = subprocess.run(command, input=password or "", capture_output=True, text=True, timeout=PATIENCE_S, env=environment)
    return done.returncode, done.stdout, done.stderr


class Users(unittest.TestCase):
    def succeed(self, *arguments, **more):
        code, out, err = fedlog_user(*arguments, **more)
        self.assertEqual(code, 0, err)
        return out

    def status(self, server, auth=None, token=None):
        headers = {"Authorization": f"Token {token}"} if token else {}
        return requests.get(server.url + "/api/users/myself/", auth=auth, headers=headers, timeout=PATIENCE_S).status_code

    def token_in(self, out):
        return dict(line.split() for line in out.splitlines())["token"]


class Offline(Users):
    def test_users_that_are_added_before_the_first_start_are_there_after_it(self):
        server = Server()
        with contextlib.ExitStack() as stack:
            stack.callback(server.__exit__)
            data = ("--data", server.data)
            self.succeed("add", "root", "--superuser", *data, password="rootpw\n")
            token = self.token_in(self.succeed("add", "ada", "--client", *data, password="secret\n"))
            server.start()
            self.assertEqual(self.status(server, token=token), 200)
            self.assertEqual(self.status(server, auth=("ada", "secret")), 200)
            groups = requests.get(server.url + "/api/groups/", auth=("root", "rootpw"), timeout=PATIENCE_S)
            self.assertEqual(groups.status_code, 200, "a superuser")

            self.assertEqual(server.stop(), 0)
            new = self.succeed("token", "ada", *data).strip()
            self.succeed("passwd", "ada", *data, password="changed\n")
            self.succeed("add", "bob", *data, password="secret\n")
            self.succeed("deactivate", "bob", *data)
            server.start()
            self.assertEqual([self.status(server, token=each) for each in (token, new)], [401, 200])
            self.assertEqual(self.status(server, auth=("ada", "changed")), 200)
            self.assertEqual(self.status(server, auth=("bob", "secret")), 401)
            self.assertIn("sound", server.tool("verify"))

    def test_mistakes_are_named(self):
        with Server(environment={"FEDLOG_SUPERUSER": ROOT}) as server:
            data = ("--data", server.data)
            for arguments, words in (
                (("add", "ada", "--message-endpoint", "ftp://x", *data), "message_endpoint: Enter a valid URL."),
                (("token", "eve", *data), 'There is no user "eve"'),
                (("deactivate", "root", *data), "The last active superuser cannot be deactivated."),
                (("list", "--data", server.folder), "is no data folder"),
                (("list", "--server", server.url), "FEDLOG_CREDENTIALS"),
                (("list",), "--data"),
            ):
                code, out, err = fedlog_user(*arguments, password="secret\n")
                self.assertNotEqual(code, 0, out)
                self.assertIn(words, err + out)
            code, _, err = fedlog_user("add", "ada", *data)
            self.assertEqual(code, 1)
            self.assertIn("Standard input ended", err)
            (server.data / "control.sock").unlink()
            code, _, err = fedlog_user("list", *data)
            self.assertEqual(code, 1)
            self.assertIn("in use by process", err)


class Online(Users):
    @classmethod
    def setUpClass(cls):
        cls.server = cls.enterClassContext(Server(environment={"FEDLOG_SUPERUSER": ROOT}))
        cls.data = ("--data", cls.server.data)
        cls.api = ("--server", cls.server.url)

    def test_the_data_folder_of_a_running_server(self):
        token = self.token_in(self.succeed("add", "dora", "--actor", *self.data, password="secret\n"))
        self.assertEqual(self.status(self.server, token=token), 200)
        new = self.succeed("token", "dora", *self.data).strip()
        self.assertEqual([self.status(self.server, token=each) for each in (token, new)], [401, 200])
        self.succeed("passwd", "dora", *self.data, password="changed\n")
        self.assertEqual(self.status(self.server, auth=("dora", "secret")), 401)
        self.assertEqual(self.status(self.server, auth=("dora", "changed")), 200)
        self.succeed("deactivate", "dora", *self.data)
        self.assertIn("deactivated", self.line_of("dora"))
        self.assertEqual(self.status(self.server, token=new), 401)
        self.succeed("activate", "dora", *self.data)
        self.assertEqual(self.status(self.server, token=new), 200)
        self.assertIn("actor", self.line_of("dora"))

    def line_of(self, name):
        return next(line for line in self.succeed("list", *self.data).splitlines() if f" {name} " in line)

    def test_the_api_of_a_running_server(self):
        add = ("add", "emma", "--message-endpoint", "http://127.0.0.1:9/", *self.api)
        token = self.token_in(self.succeed(*add, password="secret\n", credentials=ROOT))
        self.assertEqual(self.status(self.server, token=token), 200)
        self.succeed("passwd", "emma", *self.api, password="changed\n", credentials="emma:secret")
        self.assertEqual(self.status(self.server, auth=("emma", "changed")), 200)
        new = self.succeed("token", "emma", *self.api, credentials=token).strip()
        self.assertEqual([self.status(self.server, token=each) for each in (token, new)], [401, 200])
        code, _, err = fedlog_user("deactivate", "root", *self.api, credentials=new)
        self.assertEqual(code, 1)
        self.assertIn("403", err)
        self.succeed("deactivate", "emma", *self.api, credentials=ROOT)
        answer = requests.get(self.server.url + "/api/users/", headers={"Authorization": f"Token {new}"}, timeout=PATIENCE_S)
        self.assertEqual((answer.status_code, answer.json()), (401, {"detail": "User inactive or deleted."}))
        answer = requests.get(self.server.url + "/api/users/", auth=("emma", "changed"), timeout=PATIENCE_S)
        self.assertEqual((answer.status_code, answer.json()), (401, {"detail": "Invalid username/password."}))
        self.assertIn("emma", self.succeed("list", *self.api, credentials=ROOT))
        self.succeed("activate", "emma", *self.api, credentials=ROOT)
        self.assertEqual(self.status(self.server, token=new), 200)

    def test_what_changed_is_in_the_log_without_secrets(self):
        added = self.succeed("add", "fred", *self.data, password="a secret\n")
        identity = dict(line.split() for line in added.splitlines())["id"]
        token = self.succeed("token", "fred", *self.data).strip()
        self.succeed("passwd", "fred", *self.data, password="another secret\n")
        self.succeed("deactivate", "fred", *self.data)
        log = self.server.tool("log", f"user/{identity}", "--json")
        for event in ("UserRegistered", "UserTokenReplaced", "UserPasswordChanged", "UserDeactivated"):
            self.assertIn(event, log)
        for secret in (token, "secret", "fred"):
            self.assertNotIn(secret, log)

    def test_a_password_that_is_typed_is_not_shown(self):
        command = [str(part) for part in (BIN / "fedlog", "user", "add", "gina", *self.data)]
        try:
            os.close(os.open("/dev/ptmx", os.O_RDWR | os.O_NOCTTY))
        except OSError as error:
            self.skipTest(f"there are no terminals here: {error}")
        child, terminal = pty.fork()
        if child == 0:
            os.execv(command[0], command)
        shown = b""
        for prompt in (b"Password of gina: ", b"Once more: "):
            while not shown.endswith(prompt):
                shown += os.read(terminal, 1024)
            os.write(terminal, b"typed secret\n")
        with contextlib.suppress(OSError):  # the terminal's end
            while more := os.read(terminal, 1024):
                shown += more
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), 0, shown)
        self.assertNotIn(b"typed secret", shown)
        self.assertEqual(self.status(self.server, auth=("gina", "typed secret")), 200)


class Flood(Users):
    """Twelve threads guess passwords, as fast as they are answered."""

    def setUp(self):
        # No pair is remembered: the right password is hashed each time, as when a client comes back after a pause.
        configuration = "[accounts]\ncredential_cache_s = 0\nwrong_passwords_per_minute_per_address = 30\n"
        self.server = self.enterContext(Server(configuration, {"FEDLOG_SUPERUSER": ROOT}))
        self.user = Api(self.server.url).register("ada", "secret", "http://127.0.0.1:9/", actor=True)
        self.assertEqual(self.status(self.server, auth=("ada", "secret")), 200)
        self.answers = []
        self.over = threading.Event()
        self.guessers = [threading.Thread(target=self.guess, args=(number,)) for number in range(12)]

    def guess(self, number):
        with requests.Session() as session:
            for count in range(1_000_000):
                if self.over.is_set():
                    return
                name = "ada" if number % 2 else f"nobody-{number}"
                url = self.server.url + "/api/users/myself/"
                answer = session.get(url, auth=(name, f"guess {number} {count}"), timeout=PATIENCE_S)
                self.answers.append((answer.status_code, answer.headers.get("Retry-After"), answer.text))

    def test_of_wrong_passwords_stops_nobody_else(self):
        content = io.BytesIO()
        torch.save({"weight": torch.zeros(4_000_000)}, content)
        for guesser in self.guessers:
            guesser.start()
        try:
            deadline = time.monotonic() + PATIENCE_S
            while not any(status == 429 for status, *_ in list(self.answers)):
                self.assertLess(time.monotonic(), deadline, "nobody was told to wait")
                time.sleep(0.01)
            api = Api(self.server.url, self.user["token"])
            fields = {"name": "large", "description": "16 MB"}
            for _ in range(3):
                files = {"model_file": ("large.pt", content.getvalue())}
                self.assertEqual(api.call("POST", "/api/models/", data=fields, files=files).status_code, 201)
                for _ in range(20):
                    self.assertEqual(self.status(self.server, token=self.user["token"]), 200)
                self.assertEqual(self.status(self.server, auth=("ada", "secret")), 200)
        finally:
            self.over.set()
            for guesser in self.guessers:
                guesser.join()
        self.assertIsNone(self.server.process.poll(), self.server.words())
        statuses = {status for status, *_ in self.answers}
        self.assertLessEqual(statuses, {401, 429, 503})
        wrong = sum(status == 401 for status, *_ in self.answers)
        self.assertGreaterEqual(wrong, 30, "so many are told that they were wrong")
        for status, retry_after, text in self.answers:
            if status != 401:
                self.assertGreaterEqual(int(retry_after), 1)
            if status == 429:
                plural = "" if retry_after == "1" else "s"
                words = f"Request was throttled. Expected available in {retry_after} second{plural}."
                self.assertIn(words, text)


if __name__ == "__main__":
    unittest.main()
