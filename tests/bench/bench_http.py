#!/usr/bin/python3
"""How many requests a second the server answers, how long they take, and what a request costs it in processor time.

    tests/bench/bench_http.py [--bin build/release/bin] [--seconds 5] [--connections 1,16,64] [--only NAME,...]

Needs wrk (Debian's package). The server runs on a folder of its own, with its default settings but for its log, and shares
the machine's cores with wrk. Absolute numbers are this machine's; the last column compares with the first row at the same
number of connections, the cheapest answer that the server has, measured in the same run. The line above the table says how
often a second this disk makes a small write durable, alone and one after the other: what bounds a durable request on one
connection.
"""

import argparse
import json
import os
import pathlib
import re
import struct
import subprocess
import sys
import tempfile
import time

import requests

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/e2e"))

MODEL_BYTES = 1024 * 1024
BOUNDARY = "fedlog-bench"


def safetensors(size_bytes):
    """A model file of one layer; its last bytes may be any finite numbers."""
    count = size_bytes // 4
    header = json.dumps({"weight": {"dtype": "F32", "shape": [count], "data_offsets": [0, count * 4]}}).encode()
    header += b" " * (-len(header) % 8)
    return struct.pack("<Q", len(header)) + header + struct.pack("<f", 0.5) * count


def multipart(fields, file_name, file):
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{file_name}"; filename="model"\r\n\r\n'.encode()
    return b"".join(parts) + head + file + f"\r\n--{BOUNDARY}--\r\n".encode()


class Case:
    def __init__(self, name, method, path, headers, body=b"", content_type=None, distinct=False):
        self.name, self.method, self.path, self.headers = name, method, path, dict(headers)
        self.body, self.distinct = body, distinct
        if content_type:
            self.headers["Content-Type"] = content_type

    def script(self, folder):
        """For wrk. A distinct body differs in its file's last four bytes from all others, so that each is stored."""
        body = folder / "body"
        body.write_bytes(self.body)
        lines = [f'wrk.method = "{self.method}"']
        lines += [f'wrk.headers["{name}"] = "{value}"' for name, value in self.headers.items()]
        lines += [f'local file = io.open("{body}", "rb")', 'wrk.body = file:read("*a")', "file:close()"]
        if self.distinct:
            tail = len(f"\r\n--{BOUNDARY}--\r\n")
            lines += [
                "local threads = 0",
                'function setup(thread) thread:set("number", threads); threads = threads + 1 end',
                "local sent = 0",
                f"local head, tail = wrk.body:sub(1, -{tail + 5}), wrk.body:sub(-{tail})",
                "function request()",
                "  sent = sent + 1",
                # A float between 0.5 and 1, whatever the lower bytes are.
                "  local low = string.char(sent % 256, math.floor(sent / 256) % 256, number * 32 % 128, 63)",
                "  return wrk.format(nil, nil, nil, head .. low .. tail)",
                "end",
            ]
        script = folder / "request.lua"
        script.write_text("\n".join(lines) + "\n")
        return script


def prepare(server):
    """The cases, after what they need is there."""
    api = server.url + "/api"
    user = requests.post(
        api + "/users/",
        json={"username": "bench", "password": "bench password", "message_endpoint": "http://127.0.0.1:9/"},
        timeout=60,
    ).json()
    token = {"Authorization": "Token " + user["token"]}
    upload = multipart({"name": "bench", "description": "a model of 1 MB"}, "model_file", safetensors(MODEL_BYTES))
    form = f"multipart/form-data; boundary={BOUNDARY}"
    made = requests.post(api + "/models/", data=upload, headers={**token, "Content-Type": form}, timeout=60)
    made.raise_for_status()
    model = made.json()["model_id"]
    training = requests.post(
        api + "/trainings/",
        json={"model_id": model, "target_num_updates": 1, "aggregation_method": "FedAvg", "clients": [user["id"]]},
        headers=token,
        timeout=60,
    )
    training.raise_for_status()
    basic = requests.Request("GET", api, auth=("bench", "bench password")).prepare().headers["Authorization"]
    metrics = "metric_names=NLLoss&metric_values=0.25&metric_names=Accuracy&metric_values=0.75"
    return [
        Case("unknown path", "GET", "/", {}),
        Case("own account", "GET", "/api/users/myself/", token),
        Case("own account, password", "GET", "/api/users/myself/", {"Authorization": basic}),
        Case("one training", "GET", f"/api/trainings/{training.json()['training_id']}/", token),
        Case("model metadata", "GET", f"/api/models/{model}/metadata/", token),
        Case("report metrics", "POST", f"/api/models/{model}/metrics/", token, metrics.encode(),
             "application/x-www-form-urlencoded"),
        Case("upload 1 MB", "POST", "/api/models/", token, upload, form, distinct=True),
        Case("download 1 MB", "GET", f"/api/models/{model}/", token),
    ]


def processor_seconds(process):
    fields = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def milliseconds(text):
    number, unit = re.fullmatch(r"([0-9.]+)(us|ms|s|m)", text).groups()
    return float(number) * {"us": 0.001, "ms": 1, "s": 1000, "m": 60_000}[unit]


def measure(server, case, connections, seconds):
    with tempfile.TemporaryDirectory() as folder:
        before = processor_seconds(server.process)
        done = subprocess.run(
            ["wrk", "--latency", "--timeout", "60s", "-t", str(min(connections, 2)), "-c", str(connections), "-d", f"{seconds}s",
             "-s", str(case.script(pathlib.Path(folder))), server.url + case.path],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        used_s = processor_seconds(server.process) - before
    text = done.stdout

    def found(pattern):
        match = re.search(pattern, text)
        return match.group(1) if match else None

    refused = int(found(r"Non-2xx or 3xx responses: (\d+)") or 0)
    broken = found(r"Socket errors: (.*)")
    count = int(found(r"(\d+) requests in"))
    if broken or count == 0 or (refused and case.name != "unknown path"):
        raise SystemExit(f"{case.name}: the measurement failed\n{text}\n{server.words()}")
    return {
        "case": case.name,
        "connections": connections,
        "requests_per_s": float(found(r"Requests/sec:\s+([0-9.]+)")),
        "p50_ms": milliseconds(found(r"50%\s+(\S+)")),
        "p99_ms": milliseconds(found(r"99%\s+(\S+)")),
        "processor_us_per_request": 1e6 * used_s / count,
    }


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
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", default=str(ROOT / "build/release/bin"))
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--connections", default="1,16,64")
    parser.add_argument("--only", default="")
    parser.add_argument("--json", help="write the results to this file too")
    arguments = parser.parse_args()
    os.environ["FEDLOG_BIN"] = arguments.bin
    os.environ["no_proxy"] = "127.0.0.1"
    from fedlog_server import Server  # reads FEDLOG_BIN

    results = []
    with Server('[log]\nlevel = "warn"\n') as server:
        cases = prepare(server)
        wanted = [name for name in arguments.only.split(",") if name]
        cases = [cases[0]] + [case for case in cases[1:] if not wanted or case.name in wanted]
        print(f"durable 512-byte writes, one after the other: {durable_writes_per_s(server.folder):.0f} a second\n")
        print(f"{'request':<24}{'connections':>12}{'a second':>10}{'p50 ms':>9}{'p99 ms':>9}{'CPU us':>8}{'ratio':>8}")
        for connections in map(int, arguments.connections.split(",")):
            for case in cases:
                row = measure(server, case, connections, arguments.seconds)
                if case is cases[0]:
                    baseline = row["requests_per_s"]
                row["ratio"] = row["requests_per_s"] / baseline
                results.append(row)
                print(
                    f"{row['case']:<24}{connections:>12}{row['requests_per_s']:>10.0f}{row['p50_ms']:>9.2f}"
                    f"{row['p99_ms']:>9.2f}{row['processor_us_per_request']:>8.0f}{row['ratio']:>8.3f}",
                    flush=True,
                )
    if arguments.json:
        pathlib.Path(arguments.json).write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
