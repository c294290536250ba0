"""A client for fedlog in one file: the REST API with retries, and a participant that trains and tests when it is told to.

    participant = Participant("http://127.0.0.1:8000", "alice", "secret", train, test)
    participant.run()       # until the training that it takes part in is finished

The server posts its notifications to an Inbox, so it must be able to reach this machine, at `host`. With `poll=True` the
participant asks for them instead (a Mailbox): it needs nothing but to reach the server.

`train(model_bytes, round)` returns (new model_bytes, sample_size, metrics); `test(model_bytes, round)` returns metrics, a
dictionary of numbers by name. Both get the global model's file as the owner uploaded it, with the round's weights. There is
nothing here for SWAG rounds: a participant that is asked for one says so, and the training goes on without it.

Needs only python3-requests. The server may go away for a while (a restart, a crash): every call is repeated until it is back.
"""

import http.server
import json
import queue
import secrets
import threading
import time

import requests

BUSY = (429, 502, 503, 504)


class ApiError(Exception):
    """The server refused a call: `status`, and its own words as text."""

    def __init__(self, response):
        super().__init__(f"{response.request.method} {response.request.path_url}: {response.status_code} {response.text[:500]}")
        self.status = response.status_code


class Api:
    """Calls of one user (or of nobody, without a token). A call that finds no server is repeated for `patience_s`."""

    def __init__(self, server, token=None, patience_s=60):
        self.server = server.rstrip("/")
        self.patience_s = patience_s
        self.headers = {"Authorization": f"Token {token}"} if token else {}

    def call(self, method, path, **arguments):
        """The response of a call that the server accepted; ApiError otherwise. Arguments are those of requests.request."""
        # With its key, a call that was carried out but whose answer was lost is not carried out again.
        headers = {**self.headers, "Idempotency-Key": secrets.token_hex(16)}
        deadline = time.monotonic() + self.patience_s
        pause_s = 0.1
        while True:
            late = time.monotonic() > deadline
            try:
                response = requests.request(method, self.server + path, headers=headers, timeout=(5, 60), **arguments)
                if response.ok:
                    return response
                if response.status_code not in BUSY or late:
                    raise ApiError(response)
            except (requests.ConnectionError, requests.Timeout):
                if late:
                    raise
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, 2)

    def register(self, username, password, message_endpoint, **more):
        """Creates a user; returns it (`id` and `token` among its fields)."""
        fields = {"username": username, "password": password, "message_endpoint": message_endpoint, **more}
        return self.call("POST", "/api/users/", json=fields).json()


class Inbox:
    """Receives the server's notifications over HTTP, at the address `host` of this machine. The path is secret, so nobody
    else can leave one. Those of a kind in `refused` are answered with 501, and do not come in."""

    def __init__(self, host="127.0.0.1", refused=()):
        inbox = self
        self.path = "/" + secrets.token_hex(16)
        self.messages = queue.Queue()

        class Handler(http.server.BaseHTTPRequestHandler):
            timeout = 30

            def do_POST(self):
                body = self.rfile.read(min(int(self.headers.get("Content-Length") or 0), 1 << 20))
                self.send_response(self.take(body) if self.path == inbox.path else 404)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def take(self, body):
                message = json.loads(body)
                if message["notification_type"] in refused:
                    return 501
                inbox.messages.put({**message, "delivery": self.headers.get("X-Fedlog-Delivery")})
                return 200

            def log_message(self, *arguments):
                pass

        self.httpd = http.server.ThreadingHTTPServer((host, 0), Handler)
        self.httpd.daemon_threads = True
        self.endpoint = f"http://{host}:{self.httpd.server_port}{self.path}"
        threading.Thread(target=self.httpd.serve_forever, daemon=True).start()

    def get(self, timeout_s=None):
        return self.messages.get(timeout=timeout_s)

    def close(self):
        self.httpd.shutdown()
        self.httpd.server_close()


class Mailbox:
    """Asks the server for its notifications. To ask after a cursor says that everything up to there has arrived."""

    endpoint = "poll:"
    wait_s = 30

    def __init__(self, api):
        self.api = api
        self.cursor = 0
        self.messages = []

    def get(self):
        while not self.messages:
            asked = time.monotonic()
            answer = self.api.call("GET", f"/api/users/notifications/?after={self.cursor}&wait_s={self.wait_s}").json()
            self.messages, self.cursor = answer["notifications"], answer["cursor"]
            if not self.messages and time.monotonic() - asked < 1:
                time.sleep(1)  # the server is ending, or as many wait as may
        return self.messages.pop(0)


class Removed(Exception):
    """This participant is not in its training any more: the server or the owner removed it, or it left."""


class Failed(Exception):
    """The training ended in an error, for the reason that this says."""


class Participant:
    cannot = ("SWAG_ROUND_START",)

    def __init__(self, server, username, password, train, test, log=print, poll=False, host="127.0.0.1"):
        inbox = None if poll else Inbox(host, refused=self.cannot)
        self.user = Api(server).register(username, password, inbox.endpoint if inbox else Mailbox.endpoint, client=True)
        self.api = Api(server, self.user["token"])
        self.inbox = inbox or Mailbox(self.api)
        self.seen = set()
        self.train, self.test, self.log = train, test, log

    def run(self):
        """Takes part in a training until it is finished. Raises Removed when it goes on without this participant, and
        Failed when it ends in an error."""
        while True:
            message = self.inbox.get()
            if message["delivery"] in self.seen:  # told again: the server could not know whether it had arrived
                continue
            self.seen.add(message["delivery"])
            kind, body = message["notification_type"], message["body"]
            if kind == "TRAINING_FINISHED":
                if body.get("x_state") == "E":
                    raise Failed(body.get("x_reason"))
                return
            if kind in self.cannot:
                self.api.call("POST", f"/api/trainings/{message['training_uuid']}/leave/")
                raise Removed(message["training_uuid"])
            if kind == "CLIENT_REMOVED":
                raise Removed(message["training_uuid"])
            try:
                if kind == "UPDATE_ROUND_START":
                    self.update(body["global_model_uuid"], body["round"])
                elif kind == "MODEL_TEST_ROUND":
                    self.report(body["global_model_uuid"], body["round"])
            except ApiError as error:  # for instance: the round went on without us while we trained
                self.log(f"refused: {error}")

    def update(self, model, round_number):
        content, sample_size, metrics = self.train(self.download(model), round_number)
        fields = {"round": round_number, "sample_size": sample_size, **metric_fields(metrics)}
        self.api.call("POST", f"/api/models/{model}/", data=fields, files={"model_file": ("model.pt", content)})
        self.log(f"round {round_number}: update accepted, {metrics}")

    def report(self, model, round_number):
        metrics = self.test(self.download(model), round_number)
        self.api.call("POST", f"/api/models/{model}/metrics/", data=metric_fields(metrics))
        self.log(f"round {round_number}: test reported, {metrics}")

    def download(self, model):
        return self.api.call("GET", f"/api/models/{model}/").content


def metric_fields(metrics):
    return {"metric_names": list(metrics), "metric_values": [str(value) for value in metrics.values()]}
