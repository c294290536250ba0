#!/usr/bin/python3
"""Models that mean harm at the real server: their owner is told, others go on, the log does not change, and no worker outlives
its server. (What the sandbox denies a model that has taken over its worker is taken_over_worker_test's.)"""

import pathlib
import threading
import time
import unittest

from fedlog_server import PATIENCE_S, Server
from model_files import scripted

import requests
import torch
from fedlog_client import Api
from torch import nn

LONG_MS = 10 * 60 * 1000
ONES = [[1.0, 1.0]]


class Hostile(nn.Module):
    def __init__(self):
        super().__init__()
        self.zero = nn.Parameter(torch.zeros(1))


class Quick(Hostile):
    def forward(self, x):
        return x + self.zero


class Endless(Hostile):
    def forward(self, x):
        while bool((x == x).all()):
            x = x + self.zero
        return x


class Sleepless(Hostile):
    """Without an operator that could be waited for."""

    def forward(self, x):
        count = 0
        while count >= 0:
            count = (count + 1) % 1000
        return x


class Greedy(Hostile):
    def forward(self, x):
        return torch.zeros([25_000_000_000])


class GreedyBitByBit(Hostile):
    def forward(self, x):
        while x.numel() > 0:
            x = torch.cat([x, x])
        return x


class Spreading(Hostile):
    def forward(self, x):
        return x.expand([1_000_000, 1_000_000, 1, 2]).contiguous()


class Hollow(Hostile):
    """No numbers, but very many lists of none."""

    def forward(self, x):
        return torch.zeros([1_099_511_627_776, 1, 0])


class Reader(Hostile):
    def forward(self, x):
        return torch.from_file("/proc/self/maps", False, 16, dtype=torch.uint8)


class Writer(Hostile):
    def forward(self, x):
        torch.save(x, "written-by-a-model")
        return x


def is_alive(process):
    try:
        return pathlib.Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except FileNotFoundError:
        return False


def processor_ticks(process):
    fields = pathlib.Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11])


def children(parent):
    found = []
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[1]) == parent:
            found.append(int(stat.parent.name))
    return found


class Users:
    """Two of them, on a server of their own."""

    def __init__(self, server):
        self.server = server
        self.eve, self.bob = (
            Api(server.url, Api(server.url).register(name, "secret", "http://127.0.0.1:9/", actor=True)["token"])
            for name in ("eve", "bob")
        )

    def upload(self, user, module):
        files = {"model_file": ("model.pt", scripted(module))}
        fields = {"name": "model", "description": "of a test"}
        return requests.post(self.server.url + "/api/models/", headers=user.headers, data=fields, files=files, timeout=60)

    def model(self, user, module):
        answer = self.upload(user, module)
        answer.raise_for_status()
        return answer.json()["model_id"]

    def infer(self, user, model):
        body = {"model_id": model, "model_input": ONES}
        return requests.post(self.server.url + "/api/inference/", headers=user.headers, json=body, timeout=LONG_MS / 1000)

    def infer_and_wait(self, user, model):
        """In a thread, whose answer nobody may ever get."""

        def ask():
            try:
                self.infer(user, model)
            except requests.RequestException:
                pass

        thread = threading.Thread(target=ask, daemon=True)
        thread.start()
        return thread


def wait_until(condition, what):
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(what)
        time.sleep(0.02)


class HostileModels(unittest.TestCase):
    def test_each_costs_its_own_request_and_the_log_says_nothing_of_it(self):
        with Server("[worker]\ndeadline_ms = 3000\nmemory_limit_mib = 768\n") as server:
            users = Users(server)
            quick = users.model(users.bob, Quick())
            models = {
                "took too long": [Endless(), Sleepless()],
                "memory": [Greedy(), GreedyBitByBit(), Spreading()],
                "less at once": [Hollow()],
            }
            models = [
                (reason, type(module).__name__, users.model(users.eve, module))
                for reason, modules in models.items()
                for module in modules
            ]
            before = server.tool("log")
            for reason, name, model in models:
                with self.subTest(model=name):
                    answer = users.infer(users.eve, model)
                    self.assertEqual(answer.status_code, 400, answer.text)
                    self.assertIn(reason, answer.text)
                    self.assertEqual(users.infer(users.bob, quick).json()["inference"], [0])
            self.assertEqual(server.tool("log"), before)
            self.assertIn("sound", server.tool("verify"))

    def test_those_that_name_files_are_not_even_kept(self):
        with Server() as server:
            users = Users(server)
            for module in (Reader(), Writer()):
                answer = users.upload(users.eve, module)
                self.assertEqual(answer.status_code, 400, answer.text)
                self.assertIn("reaches beyond the module", answer.text)

    def test_one_users_endless_models_delay_another_by_one_turn(self):
        with Server("[worker]\nslots = 1\ndeadline_ms = 2000\n") as server:
            users = Users(server)
            quick, endless = users.model(users.bob, Quick()), users.model(users.eve, Endless())
            waiting = [users.infer_and_wait(users.eve, endless) for _ in range(6)]
            wait_until(lambda: children(server.process.pid), "no worker")
            self.assertEqual(users.infer(users.bob, quick).status_code, 200)
            self.assertTrue(any(thread.is_alive() for thread in waiting), "bob came last")

    def test_endless_models_hold_up_neither_other_requests_nor_the_servers_end(self):
        with Server(f"[server]\nthreads_max = 2\n[worker]\ndeadline_ms = {LONG_MS}\n") as server:
            users = Users(server)
            endless = users.model(users.eve, Endless())
            for _ in range(3):
                users.infer_and_wait(users.eve, endless)
            wait_until(lambda: children(server.process.pid), "no worker")
            for _ in range(50):
                self.assertTrue(server.answers(), "predictions have all threads")
            self.assertEqual(server.stop(), 0)

    def test_a_killed_servers_busy_worker_dies_with_it(self):
        with Server(f"[worker]\ndeadline_ms = {LONG_MS}\n") as server:
            users = Users(server)
            endless = users.model(users.eve, Sleepless())
            users.infer_and_wait(users.eve, endless)
            wait_until(lambda: children(server.process.pid), "no worker")
            (worker,) = children(server.process.pid)
            ready_ticks = 300  # far more than its start takes, so it is in the endless loop
            wait_until(lambda: processor_ticks(worker) > ready_ticks, "the worker does not compute")
            server.kill()
            wait_until(lambda: not is_alive(worker), "the worker outlived its server")

    def test_a_killed_servers_idle_worker_dies_with_it(self):
        with Server() as server:
            users = Users(server)
            self.assertEqual(users.infer(users.bob, users.model(users.bob, Quick())).status_code, 200)
            (worker,) = children(server.process.pid)
            server.kill()
            wait_until(lambda: not is_alive(worker), "the worker outlived its server")


if __name__ == "__main__":
    unittest.main()
