#!/usr/bin/python3
"""How many requests a second the server answers, how long they take, and what a request costs it in processor time: a
table in Markdown.

    tests/bench/bench_http.py [--bin build/release/bin] [--seconds 5] [--connections 1,16,64] [--only NAME,...] [--json FILE]

Needs wrk (tools/install-packages bench). The server runs on a folder of its own, with its default settings but for its log,
and shares the machine's processors with wrk. Absolute numbers are this machine's; the last column compares with the first
row at the same number of connections, the cheapest answer that the server has, measured in the same run. The line above the
table says how often a second this disk makes a small write durable, one after the other: what bounds a durable request on
one connection.
"""

import json
import os
import struct
import time

import load
import requests

MODEL_BYTES = 1024 * 1024


def safetensors(size_bytes):
    """A model file of one layer; its last bytes may be any finite numbers."""
    count = size_bytes // 4
    header = json.dumps({"weight": {"dtype": "F32", "shape": [count], "data_offsets": [0, count * 4]}}).encode()
    header += b" " * (-len(header) % 8)
    return struct.pack("<Q", len(header)) + header + struct.pack("<f", 0.5) * count


def prepare(server):
    """The cases, after what they need is there."""
    user, token = load.register(server)
    upload = load.multipart(
        {"name": "bench", "description": "a model of 1 MB"}, "model_file", safetensors(MODEL_BYTES)
    )
    model = load.upload(server, token, upload)
    training = requests.post(
        server.url + "/api/trainings/",
        json={"model_id": model, "target_num_updates": 1, "aggregation_method": "FedAvg", "clients": [user["id"]]},
        headers=token,
        timeout=60,
    )
    training.raise_for_status()
    basic = requests.Request("GET", server.url, auth=("bench", load.PASSWORD)).prepare().headers["Authorization"]
    metrics = "metric_names=NLLoss&metric_values=0.25&metric_names=Accuracy&metric_values=0.75"
    return [
        load.Case("unknown path", "GET", "/", {}, refused=True),
        load.Case("own account", "GET", "/api/users/myself/", token),
        load.Case("own account, password", "GET", "/api/users/myself/", {"Authorization": basic}),
        load.Case("one training", "GET", f"/api/trainings/{training.json()['training_id']}/", token),
        load.Case("model metadata", "GET", f"/api/models/{model}/metadata/", token),
        load.Case(
            "report metrics", "POST", f"/api/models/{model}/metrics/", token, metrics.encode(),
            "application/x-www-form-urlencoded",
        ),
        load.Case("upload 1 MB", "POST", "/api/models/", token, upload, load.FORM, distinct=True),
        load.Case("download 1 MB", "GET", f"/api/models/{model}/", token),
    ]  # fmt: skip


def durable_writes_per_s(folder, seconds=1.0):
    with open(folder / "probe", "wb") as file:
        written, start = 0, time.monotonic()
        while time.monotonic() - start < seconds:
            file.write(b"x" * 512)
            file.flush()
            os.fdatasync(file.fileno())
            written += 1
    return written / seconds


def main():
    arguments = load.arguments(__doc__, connections="1,16,64", only="")
    wanted = [name for name in arguments.only.split(",") if name]
    results = []
    with load.server(arguments.bin, '[log]\nlevel = "warn"\n') as server:
        cases = prepare(server)
        cases = [cases[0]] + [case for case in cases[1:] if not wanted or case.name in wanted]
        durable = durable_writes_per_s(server.folder)
        print(f"{load.machine()}; this disk makes {durable:.0f} small writes a second durable, one after the other.\n")
        print(load.markdown("request", "connections", "requests/s", "p50 ms", "p99 ms", "server CPU us/request", "of the first"))
        print(load.markdown("---", *["---:"] * 6))
        for connections in load.numbers(arguments.connections):
            for case in cases:
                row = load.measure(server, case, connections, arguments.seconds)
                if case is cases[0]:
                    baseline = row["requests_per_s"]
                row["ratio"] = row["requests_per_s"] / baseline
                results.append(row)
                numbers = [f"{row['requests_per_s']:,.0f}", f"{row['p50_ms']:.2f}", f"{row['p99_ms']:.2f}"]
                numbers += [f"{row['processor_us_per_request']:,.0f}", f"{row['ratio']:.3f}"]
                print(load.markdown(row["case"], str(connections), *numbers), flush=True)
    load.write_results(arguments.json, results)


if __name__ == "__main__":
    main()
