"""Many trainings at once: hundreds of clients in one process and one thread, each with an address of its own at one small HTTP
receiver, whose calls and answers fail now and then.

A client does what it is told: it downloads the model, sends an update that was made before, and reports a metric. A call that
fails is repeated with its Idempotency-Key, as the clients of examples/ do. Every second client works twice on what it is told
twice, as the reference platform's own client does.
"""

import asyncio
import json
import random
import secrets
import time

from model_files import linear

BOUNDARY = "fedlog-storm"
FORM = f"multipart/form-data; boundary={BOUNDARY}"
BUSY = (429, 502, 503, 504)

# Ways in which a call fails, and in which a notification is not taken.
CALL_FAULTS = ("closed before sending", "closed while sending", "closed before the answer")
RECEIVER_FAULTS = ("busy", "closed before reading", "closed before the answer")


class Refused(Exception):
    """An answer that is neither good nor to be repeated."""


class Faults:
    """Chooses, for a share of all cases, how they fail; counts what it chose."""

    def __init__(self, share, seed):
        self.share, self.random, self.counts, self.cases = share, random.Random(seed), {}, 0

    def choose(self, among):
        self.cases += 1
        if self.random.random() >= self.share:
            return None
        fault = self.random.choice(among)
        self.counts[fault] = self.counts.get(fault, 0) + 1
        return fault


def multipart(fields, file_name=None, file=b""):
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode() for name, value in fields
    ]
    if file_name:
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{file_name}"; filename="model.pt"\r\n\r\n'
        parts += [head.encode(), file, b"\r\n"]
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


class Api:
    """One user's calls, or nobody's without a token."""

    def __init__(self, port, faults, gate, token=None):
        self.port, self.faults, self.gate, self.token = port, faults, gate, token

    async def call(self, method, path, body=b"", content_type="application/json"):
        """The body of a good answer."""
        key = secrets.token_hex(16)
        pause_s = 0.02
        while True:
            try:
                async with self.gate:
                    status, answer = await self.attempt(method, path, body, content_type, key)
                if 200 <= status < 300:
                    return answer
                if status not in BUSY:
                    raise Refused(f"{method} {path}: {status} {answer[:300]}")
            except (OSError, asyncio.IncompleteReadError):
                pass
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, 1)

    async def attempt(self, method, path, body, content_type, key):
        fault = self.faults.choose(CALL_FAULTS)
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", "Connection: close", f"Content-Length: {len(body)}"]
            lines += [f"Content-Type: {content_type}", f"Idempotency-Key: {key}"]
            lines += [f"Authorization: Token {self.token}"] if self.token else []
            request = "\r\n".join(lines).encode() + b"\r\n\r\n" + body
            if fault == "closed before sending":
                raise ConnectionResetError
            if fault == "closed while sending":
                writer.write(request[: len(request) // 2])
                await writer.drain()
                raise ConnectionResetError
            writer.write(request)
            await writer.drain()
            if fault == "closed before the answer":
                raise ConnectionResetError
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            status = int(head.split(" ", 2)[1])
            length = next((line for line in head.split("\r\n") if line.startswith("content-length:")), None)
            return status, await reader.readexactly(int(length.split(":")[1])) if length else await reader.read()
        finally:
            writer.close()

    async def ask(self, method, path, fields=None):
        answer = await self.call(method, path, json.dumps(fields).encode() if fields is not None else b"")
        return json.loads(answer)


class Receiver:
    """Takes the notifications of all clients, and passes them on by their path."""

    def __init__(self, faults):
        self.faults, self.inboxes, self.connections = faults, {}, set()

    async def start(self):
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", 0, backlog=1024)
        self.port = self.server.sockets[0].getsockname()[1]

    async def stop(self):
        self.server.close()
        while self.connections:
            open_ones = list(self.connections)
            for task in open_ones:
                task.cancel()
            await asyncio.gather(*open_ones, return_exceptions=True)
            await asyncio.sleep(0.01)  # what was accepted meanwhile begins, what was closed is closed

    def open_inbox(self, name):
        self.inboxes[f"/{name}"] = asyncio.Queue()
        return f"http://127.0.0.1:{self.port}/{name}", self.inboxes[f"/{name}"]

    async def serve(self, reader, writer):
        task = asyncio.current_task()
        self.connections.add(task)
        task.add_done_callback(self.connections.discard)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                path = head.split(" ", 2)[1]
                headers = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
                fault = self.faults.choose(RECEIVER_FAULTS)
                if fault == "closed before reading":
                    return
                message = json.loads(await reader.readexactly(int(headers["content-length"])))
                if fault != "busy":
                    self.inboxes[path].put_nowait((headers["x-fedlog-delivery"], message))
                if fault == "closed before the answer":
                    return
                status = "503 Service Unavailable" if fault == "busy" else "202 Accepted"
                writer.write(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode())
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()


class Client:
    """A participant: `number` in its training."""

    def __init__(self, storm, training, number):
        self.storm, self.number = storm, number
        self.name = f"client-{training}-{number}"
        self.forgets = (training + number) % 2 == 0  # that it was told the same before
        self.finished = False

    async def register(self):
        endpoint, self.inbox = self.storm.receiver.open_inbox(self.name)
        user = await self.storm.register(self.name, endpoint)
        self.id, self.api = user["id"], self.storm.api(user["token"])

    async def run(self):
        seen = set()
        while not self.finished:
            delivery, message = await self.inbox.get()
            if delivery in seen and not self.forgets:
                continue
            seen.add(delivery)
            try:
                await self.work(message)
            except Refused as refusal:  # for instance: told twice, and the second time comes too late
                self.storm.refusals.append((self.name, message["notification_type"], str(refusal)))

    async def work(self, message):
        kind, body = message["notification_type"], message["body"]
        if kind == "UPDATE_ROUND_START":
            await self.send_update(body["global_model_uuid"], body["round"])
        elif kind == "MODEL_TEST_ROUND":
            await self.report(body["global_model_uuid"], body["round"])
        elif kind == "CLIENT_REMOVED":
            raise AssertionError(f"{self.name} was removed")
        elif kind == "TRAINING_FINISHED":
            self.finished = True

    async def send_update(self, model, round_number):
        await self.api.call("GET", f"/api/models/{model}/")
        fields = [("round", round_number), ("sample_size", self.number + 1), ("metric_names", "loss"), ("metric_values", 0.5)]
        form = multipart(fields, "model_file", self.storm.updates[round_number, self.number])
        await self.api.call("POST", f"/api/models/{model}/", form, FORM)

    async def report(self, model, round_number):
        await self.api.call("GET", f"/api/models/{model}/")
        fields = [("metric_names", "accuracy"), ("metric_values", round_number / 10)]
        await self.api.call("POST", f"/api/models/{model}/metrics/", multipart(fields), FORM)


class Storm:
    """`trainings` trainings of `clients` clients and `rounds` rounds at once; `share` of the clients' calls, and of what comes
    to them, fails. After run(): `states` by training, and `seconds` from the first start to the last end."""

    def __init__(self, port, trainings, clients, rounds, share, seed):
        self.port, self.trainings, self.clients, self.rounds = port, trainings, clients, rounds
        self.faults = Faults(share, seed)
        self.refusals = []
        self.states = {}
        self.base = linear(4, 2)
        self.updates = {
            (round_number, number): linear(4, 2, bias=10 * round_number + number + 1)
            for round_number in range(rounds)
            for number in range(clients)
        }

    def api(self, token=None):
        return Api(self.port, self.faults, self.gate, token)

    async def register(self, name, endpoint):
        fields = {"username": name, "password": secrets.token_hex(8), "message_endpoint": endpoint}
        return await self.api().ask("POST", "/api/users/", fields)

    def run(self, timeout_s):
        asyncio.run(asyncio.wait_for(self.blow(), timeout_s))

    async def blow(self):
        self.gate = asyncio.Semaphore(256)  # connections at once
        self.receiver = Receiver(self.faults)
        await self.receiver.start()
        endpoint, _ = self.receiver.open_inbox("owner")
        owner = self.api((await self.register("owner", endpoint))["token"])
        groups = [[Client(self, training, number) for number in range(self.clients)] for training in range(self.trainings)]
        clients = [client for group in groups for client in group]
        await asyncio.gather(*(client.register() for client in clients))
        ids = await asyncio.gather(*(self.create_training(owner, group) for group in groups))
        working = [asyncio.create_task(client.run()) for client in clients]
        begun = time.monotonic()
        await asyncio.gather(*(owner.call("POST", f"/api/trainings/{training}/start/") for training in ids))
        await self.wait_for_the_end(owner, set(ids), working)
        self.seconds = time.monotonic() - begun
        for task in working:
            task.cancel()
        await asyncio.gather(*working, return_exceptions=True)
        await self.receiver.stop()

    async def create_training(self, owner, group):
        form = multipart([("name", "storm"), ("description", ""), ("input_shape", "None")], "model_file", self.base)
        model = json.loads(await owner.call("POST", "/api/models/", form, FORM))["model_id"]
        fields = {
            "model_id": model,
            "target_num_updates": self.rounds,
            "metric_names": ["accuracy"],
            "aggregation_method": "FedAvg",
            "clients": [client.id for client in group],
        }
        return (await owner.ask("POST", "/api/trainings/", fields))["training_id"]

    async def wait_for_the_end(self, owner, ids, working):
        while True:
            listed = await owner.ask("GET", "/api/trainings/")
            self.states = {training["id"]: training["state"] for training in listed}
            failed = [task.exception() for task in working if task.done() and task.exception()]
            if failed:
                raise failed[0]
            if "E" in self.states.values() or all(self.states[training] == "C" for training in ids):
                return
            await asyncio.sleep(0.1)
