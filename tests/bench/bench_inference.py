#!/usr/bin/python3
"""How many predictions a second the server answers, and how long they take, beside the same model in PyTorch alone.

    tests/bench/bench_inference.py [--bin build/release/bin] [--seconds 5] [--connections 1,8,32] [--batches 1,32]

The model is a small network (64-32-10) as TorchScript; inputs are nested lists in JSON, answers JSON. Needs wrk and
python3-torch (Debian's packages). The server runs on a folder of its own with its default settings, but for its log and for
room in the queue of the one worker; server, worker and wrk share the machine's cores. The first row of each batch is a bare
forward in this process, on one thread, with the input as a tensor already: what no server can be faster than. `CPU us` is
the server's own processor time, without the worker's.
"""

import io
import json
import random
import time

import load
import requests

import torch
from torch import nn

FEATURES, HIDDEN, CLASSES = 64, 32, 10
CONFIGURATION = """
[log]
level = "warn"
[worker]
queue_limit = 64
queue_limit_per_user = 64
queue_limit_per_model = 64
"""


def network():
    torch.manual_seed(0)
    layers = nn.Sequential(nn.Linear(FEATURES, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, CLASSES))
    return torch.jit.script(layers.eval())


def saved(model):
    buffer = io.BytesIO()
    torch.jit.save(model, buffer)
    return buffer.getvalue()


def rows(batch):
    chance = random.Random(batch)
    return [[round(chance.uniform(-1, 1), 4) for _ in range(FEATURES)] for _ in range(batch)]


def bare_forward(model, batch, seconds):
    """As `measure` tells of a server."""
    tensor = torch.tensor(rows(batch))
    times = []
    with torch.inference_mode():
        for _ in range(100):
            model(tensor)
        start = end = time.perf_counter()
        while end - start < seconds:
            begin = end
            model(tensor).argmax(1)
            end = time.perf_counter()
            times.append(end - begin)
    times.sort()
    return {
        "case": "bare forward",
        "connections": 0,
        "requests_per_s": len(times) / (end - start),
        "p50_ms": 1000 * times[len(times) // 2],
        "p99_ms": 1000 * times[len(times) * 99 // 100],
        "processor_us_per_request": 1e6 * (end - start) / len(times),
    }


def main():
    arguments = load.arguments(__doc__, connections="1,8,32", batches="1,32")
    torch.set_num_threads(1)
    model = network()
    results = []
    with load.server(arguments.bin, CONFIGURATION) as server:
        _, token = load.register(server)
        form = load.multipart({"name": "bench", "description": "a small network"}, "model_file", saved(model))
        model_id = load.upload(server, token, form)
        print(f"{'batch':>5}  {'':<14}{'connections':>12}{'a second':>10}{'p50 ms':>9}{'p99 ms':>9}{'CPU us':>8}{'ratio':>8}")
        for batch in load.numbers(arguments.batches):
            body = json.dumps({"model_id": model_id, "model_input": rows(batch)}).encode()
            case = load.Case("over HTTP", "POST", "/api/inference/", token, body, "application/json")
            answer = requests.post(server.url + case.path, data=body, headers=case.headers, timeout=60)  # starts the worker
            answer.raise_for_status()
            with torch.inference_mode():
                assert answer.json()["inference"] == model(torch.tensor(rows(batch))).argmax(1).tolist()
            bare = bare_forward(model, batch, arguments.seconds)
            counts = load.numbers(arguments.connections)
            for row in [bare, *(load.measure(server, case, count, arguments.seconds) for count in counts)]:
                row["batch"] = batch
                row["ratio"] = row["requests_per_s"] / bare["requests_per_s"]
                results.append(row)
                print(
                    f"{batch:>5}  {row['case']:<14}{row['connections'] or '':>12}{row['requests_per_s']:>10.0f}{row['p50_ms']:>9.3f}"
                    f"{row['p99_ms']:>9.3f}{row['processor_us_per_request']:>8.0f}{row['ratio']:>8.3f}",
                    flush=True,
                )
    load.write_results(arguments.json, results)


if __name__ == "__main__":
    main()
