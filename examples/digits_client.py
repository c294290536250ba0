#!/usr/bin/python3
"""One participant that holds a part of the handwritten digits: trains and tests a TorchScript model on it.

    digits_client.py --server http://127.0.0.1:8000 --part 0 --parts 3 [--poll]

Prints `registered <user id>` first, so that an owner can invite it, then what it does. Given the same model and round, it
makes the same update, bit for bit, on the same machine.
"""

import argparse
import io
import secrets

import torch
from fedlog_client import Participant
from sklearn.datasets import load_digits

HELD_OUT_ROWS = 297  # for the owner; no participant sees them
EPOCHS = 60
BATCH_ROWS = 20


def shuffled_digits():
    """All rows (1797 x 64, in [0, 1]) and their digits, in an order that is always the same."""
    digits = load_digits()
    order = torch.randperm(len(digits.target), generator=torch.Generator().manual_seed(0))
    return torch.tensor(digits.data, dtype=torch.float32)[order] / 16, torch.tensor(digits.target)[order]


def held_out_rows():
    rows, labels = shuffled_digits()
    return rows[:HELD_OUT_ROWS], labels[:HELD_OUT_ROWS]


def part_of_rows(part, parts):
    rows, labels = shuffled_digits()
    return rows[HELD_OUT_ROWS + part :: parts], labels[HELD_OUT_ROWS + part :: parts]


class DigitsTask:
    """The two callbacks of a participant: four fifths of its rows to train with, one fifth to test with."""

    def __init__(self, part, parts):
        self.part = part
        rows, labels = part_of_rows(part, parts)
        fifth = len(rows) // 5
        self.test_rows, self.test_labels = rows[:fifth], labels[:fifth]
        self.train_rows, self.train_labels = rows[fifth:], labels[fifth:]

    def train(self, model_bytes, round_number):
        model = torch.jit.load(io.BytesIO(model_bytes))
        model.train()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        generator = torch.Generator().manual_seed(1000 * round_number + self.part)
        for _ in range(EPOCHS):
            for batch in torch.randperm(len(self.train_rows), generator=generator).split(BATCH_ROWS):
                optimizer.zero_grad()
                loss = torch.nn.functional.cross_entropy(model(self.train_rows[batch]), self.train_labels[batch])
                loss.backward()
                optimizer.step()
        content = io.BytesIO()
        torch.jit.save(model, content)
        return content.getvalue(), len(self.train_rows), {"loss": round(loss.item(), 4)}

    def test(self, model_bytes, round_number):
        model = torch.jit.load(io.BytesIO(model_bytes))
        model.eval()
        with torch.no_grad():
            right = model(self.test_rows).argmax(1) == self.test_labels
        return {"accuracy": round(right.float().mean().item(), 4)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", default="http://127.0.0.1:8000")
    parser.add_argument("--part", type=int, default=0)
    parser.add_argument("--parts", type=int, default=3)
    parser.add_argument("--poll", action="store_true", help="ask for notifications instead of being posted to")
    arguments = parser.parse_args()
    torch.set_num_threads(1)

    task = DigitsTask(arguments.part, arguments.parts)
    name = f"digits-{arguments.part}-{secrets.token_hex(4)}"
    participant = Participant(
        arguments.server,
        name,
        secrets.token_hex(16),
        task.train,
        task.test,
        log=lambda line: print(line, flush=True),
        poll=arguments.poll,
    )
    print("registered", participant.user["id"], flush=True)
    participant.run()
    print("finished", flush=True)


if __name__ == "__main__":
    main()
