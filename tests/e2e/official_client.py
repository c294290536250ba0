"""A participant that behaves towards the server as the reference platform's own Python client does: Basic auth at every call,
notifications received over HTTP and accepted with 200 or 202 where it knows them and with 500 where it does not, updates as
multipart forms with a field `owner` that the server never asked for, and metrics as repeated fields."""

import http.server
import io
import json
import queue
import threading

import requests
import torch

# What it answers to a notification; anything else is an error to it.
ANSWERS = {
    "TRAINING_START": 200,
    "UPDATE_ROUND_START": 202,
    "MODEL_TEST_ROUND": 202,
    "TRAINING_FINISHED": 200,
}


class OfficialClient:
    """Registers itself, and works on what it is told in a thread of its own until it is closed.

    `train(module, round)` trains a TorchScript module in place and returns (sample_size, metrics); `test(module)` returns
    metrics. Metrics are (name, value) pairs. `notifications` are those that came, with what was answered to each.
    """

    def __init__(self, server, username, password, train, test):
        self.server = server.rstrip("/")
        self.credentials = (username, password)
        self.train, self.test = train, test
        self.notifications = []
        self.failures = []
        self.work = queue.Queue()
        self.finished = threading.Event()
        self.receiver = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self.handler())
        self.threads = [threading.Thread(target=target, daemon=True) for target in (self.receiver.serve_forever, self.do_work)]
        for thread in self.threads:
            thread.start()
        self.user = self.register()

    def close(self):
        self.receiver.shutdown()
        self.receiver.server_close()
        self.work.put(None)
        for thread in self.threads:
            thread.join()

    def register(self):
        fields = {
            "username": self.credentials[0],
            "password": self.credentials[1],
            "message_endpoint": f"http://127.0.0.1:{self.receiver.server_port}/",
            "actor": False,
            "client": True,
        }
        return checked(requests.post(f"{self.server}/api/users/", json=fields, timeout=60), 201).json()

    def handler(self):
        client = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                status = client.receive(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *arguments):
                pass

        return Handler

    def receive(self, message):
        """The status that the notification is answered with; what it asks for is done later."""
        kind = message["notification_type"]
        status = ANSWERS.get(kind, 500)
        self.notifications.append((message, status))
        if kind == "TRAINING_FINISHED":
            self.finished.set()
        elif status == 202:
            self.work.put(message)
        return status

    def do_work(self):
        while (message := self.work.get()) is not None:
            try:
                body = message["body"]
                work = self.send_update if message["notification_type"] == "UPDATE_ROUND_START" else self.send_metrics
                work(body["global_model_uuid"], int(body["round"]))
            except Exception as failure:  # the test looks at them, this thread goes on
                self.failures.append(failure)

    def send_update(self, model, round_number):
        module = self.download(model)
        sample_size, metrics = self.train(module, round_number)
        content = io.BytesIO()
        torch.jit.save(module, content)
        fields = [("round", round_number), ("sample_size", sample_size), ("owner", self.user["id"]), *metric_fields(metrics)]
        answer = self.post(f"/api/models/{model}/", fields, {"model_file": ("model.pt", content.getvalue())})
        assert answer == {"detail": "Model Update Accepted"}, answer

    def send_metrics(self, model, _):
        metrics = self.test(self.download(model))
        answer = self.post(f"/api/models/{model}/metrics/", metric_fields(metrics), {})
        assert answer["detail"] == "Model Metrics Upload Accepted", answer

    def download(self, model):
        answer = requests.get(f"{self.server}/api/models/{model}/", auth=self.credentials, timeout=60)
        return torch.jit.load(io.BytesIO(checked(answer, 200).content))

    def post(self, path, fields, files):
        # Multipart, with a part for each field, even where there is no file.
        parts = [(name, (None, str(value))) for name, value in fields] + list(files.items())
        return checked(requests.post(self.server + path, files=parts, auth=self.credentials, timeout=60), 201).json()


def metric_fields(metrics):
    for name, value in metrics:
        yield "metric_names", name
        yield "metric_values", value


def checked(answer, status):
    assert answer.status_code == status, f"{answer.request.method} {answer.url}: {answer.status_code} {answer.text[:500]}"
    return answer
