#!/usr/bin/python3
"""A federated training of handwritten digits, seen from its owner: three participants, each a process with its own rows.
Two have notifications posted to them, the third asks for its own.

    digits.py --server http://127.0.0.1:8000 --rounds 3

Uploads a model, invites the participants, starts the training (FedAvg), and after each round shows the accuracy that each
participant measured on its own test rows, and the accuracy on rows that none of them has, predicted by the server.
"""

import argparse
import contextlib
import io
import pathlib
import secrets
import signal
import subprocess
import sys
import threading
import time

import torch
from digits_client import held_out_rows
from fedlog_client import Api, Inbox

ACCURACY_WANTED = 0.9


class Client:
    """A participant's process. Every line that it prints goes to `on_line(part, line)`."""

    def __init__(self, server, part, parts, on_line):
        program = pathlib.Path(__file__).with_name("digits_client.py")
        command = [sys.executable, str(program), "--server", server, "--part", str(part), "--parts", str(parts)]
        if part == 2:
            command.append("--poll")
        self.part = part
        self.on_line = on_line
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def user_id(self):
        line = self.process.stdout.readline()
        if not line.startswith("registered "):
            raise RuntimeError(f"participant {self.part} did not register (exit code {self.process.wait()})")
        threading.Thread(target=self._pass_lines_on, daemon=True).start()
        return line.split()[1]

    def _pass_lines_on(self):
        for line in self.process.stdout:
            self.on_line(self.part, line.rstrip())

    def stop(self):
        self.process.kill()
        self.process.wait()


@contextlib.contextmanager
def participants(server, count, on_line=lambda part, line: None):
    """Starts `count` processes; gives them, and their users' ids, once all are registered. Waits for their own end, which
    comes with that of the training; an exception ends them at once."""
    clients = [Client(server, part, count, on_line) for part in range(count)]
    try:
        yield clients, [client.user_id() for client in clients]
        for client in clients:
            client.process.wait(timeout=30)
    finally:
        for client in clients:
            client.stop()


def make_model():
    """The file of a new 64-32-10 network."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(64, 32), torch.nn.ReLU(), torch.nn.Linear(32, 10))
    content = io.BytesIO()
    torch.jit.save(torch.jit.script(model), content)
    return content.getvalue()


class Owner:
    """The calls of who owns the model and the training."""

    def __init__(self, server):
        self.inbox = Inbox()
        user = Api(server).register(f"owner-{secrets.token_hex(4)}", secrets.token_hex(16), self.inbox.endpoint, actor=True)
        self.api = Api(server, user["token"])

    def upload(self, content):
        fields = {"name": "digits", "description": "64-32-10 network", "input_shape": ["None", "64"]}
        answer = self.api.call("POST", "/api/models/", data=fields, files={"model_file": ("digits.pt", content)})
        return answer.json()["model_id"]

    def create_training(self, model, clients, rounds):
        fields = {"model_id": model, "target_num_updates": rounds, "metric_names": ["accuracy"],
                  "aggregation_method": "FedAvg", "clients": clients}
        return self.api.call("POST", "/api/trainings/", json=fields).json()["training_id"]

    def start(self, training):
        self.api.call("POST", f"/api/trainings/{training}/start/")

    def state(self, training):
        return self.api.call("GET", f"/api/trainings/{training}/").json()["state"]

    def round(self, training):
        models = self.api.call("GET", f"/api/trainings/{training}/models/latest/").json()
        return next(model["round"] for model in models if "base_model" not in model)

    def accuracies(self, model):
        """What the participants reported: {(user id, round): accuracy}."""
        metrics = self.api.call("GET", f"/api/models/{model}/metrics/").json()
        return {(m["reporter"], m["step"]): m["value_float"] for m in metrics if m["key"] == "accuracy"}

    def held_out_accuracy(self, model):
        rows, labels = held_out_rows()
        question = {"model_id": model, "model_input": rows.tolist()}
        answer = self.api.call("POST", "/api/inference/", json=question).json()["inference"]
        return (torch.tensor(answer) == labels).float().mean().item()

    def download(self, model):
        return self.api.call("GET", f"/api/models/{model}/").content



class Progress:
    """Waits for a training to get on; fails when it cannot, or takes too long."""

    def __init__(self, owner, training, clients, timeout_s):
        self.owner, self.training, self.clients = owner, training, clients
        self.deadline = time.monotonic() + timeout_s

    def wait_until(self, done):
        while not done():
            if self.owner.state(self.training) == "E":
                raise RuntimeError(f"training {self.training} ended in an error")
            if any(client.process.poll() not in (None, 0) for client in self.clients):
                raise RuntimeError("a participant's process failed")
            if time.monotonic() > self.deadline:
                raise TimeoutError(f"training {self.training} did not get on in time")
            time.sleep(0.02)


def show(label, reported, held_out):
    print(f"  {label:<10}" + "".join(f"{text:>10}" for text in [*reported, held_out]), flush=True)


def run(server, rounds, timeout_s=300):
    """Runs the training with its progress on standard output; returns (training id, held-out accuracy at the end)."""
    with participants(server, 3) as (clients, users):
        owner = Owner(server)
        model = owner.upload(make_model())
        training = owner.create_training(model, users, rounds)
        print(f"training {training}: {len(users)} clients, {rounds} rounds\n")
        show("accuracy", [f"client {client.part}" for client in clients], "held out")
        show("untrained", ["-"] * len(users), f"{owner.held_out_accuracy(model):.3f}")

        owner.start(training)
        progress = Progress(owner, training, clients, timeout_s)
        for number in range(1, rounds + 1):
            progress.wait_until(lambda: owner.round(training) >= number)
            # The clients now test this round's model and train the next: meanwhile the server can be asked about this one.
            held_out = owner.held_out_accuracy(model)
            missed = owner.round(training) > number
            progress.wait_until(lambda: all((user, number) in owner.accuracies(model) for user in users))
            reported = owner.accuracies(model)
            show(f"round {number}", [f"{reported[user, number]:.3f}" for user in users], "-" if missed else f"{held_out:.3f}")
        progress.wait_until(lambda: owner.state(training) == "C")
        return training, held_out


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", default="http://127.0.0.1:8000")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--training-file", type=pathlib.Path, help="where to write the training's id")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))  # as an exception, so that the participants end too

    training, accuracy = run(arguments.server, arguments.rounds)
    if arguments.training_file:
        arguments.training_file.write_text(training + "\n")
    print(f"\n{accuracy:.1%} of the rows that no client has are recognised.")
    if accuracy < ACCURACY_WANTED:
        sys.exit(f"That is less than {ACCURACY_WANTED:.0%}.")


if __name__ == "__main__":
    main()
