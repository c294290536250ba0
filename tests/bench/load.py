"""What the benchmarks share: a server of their own, an account on it, and wrk's load with what it costs the server."""

import argparse
import json
import os
import pathlib
import platform
import re
import subprocess
import sys
import tempfile

import requests

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/e2e"))

BOUNDARY = "fedlog-bench"
FORM = f"multipart/form-data; boundary={BOUNDARY}"
PASSWORD = "bench password"


def arguments(description, **defaults):
    """--bin, --seconds, --json, and an option of text for each of `defaults`."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", default=str(ROOT / "build/release/bin"))
    parser.add_argument("--seconds", type=int, default=5)
    for name, default in defaults.items():
        parser.add_argument("--" + name, default=default)
    parser.add_argument("--json", help="write the results to this file too")
    return parser.parse_args()


def numbers(text):
    return [int(number) for number in text.split(",")]


def server(bin, configuration):
    """The server of the e2e tests, with the programs in `bin`."""
    os.environ["FEDLOG_BIN"] = bin
    os.environ["no_proxy"] = "127.0.0.1"
    from fedlog_server import Server  # reads FEDLOG_BIN

    return Server(configuration)


def register(server):
    """A user: what the API answered, and the headers that tell who calls."""
    user = requests.post(
        server.url + "/api/users/",
        json={"username": "bench", "password": PASSWORD, "message_endpoint": "http://127.0.0.1:9/"},
        timeout=60,
    ).json()
    return user, {"Authorization": "Token " + user["token"]}


def multipart(fields, file_name, file):
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{file_name}"; filename="model"\r\n\r\n'.encode()
    return b"".join(parts) + head + file + f"\r\n--{BOUNDARY}--\r\n".encode()


def upload(server, token, body):
    made = requests.post(server.url + "/api/models/", data=body, headers={**token, "Content-Type": FORM}, timeout=60)
    made.raise_for_status()
    return made.json()["model_id"]


class Case:
    def __init__(
        self, name, method, path, headers, body=b"", content_type=None, distinct=False, distinct_host=False, refused=False
    ):
        self.name, self.method, self.path, self.headers = name, method, path, dict(headers)
        self.body, self.distinct, self.distinct_host, self.refused = body, distinct, distinct_host, refused
        if content_type:
            self.headers["Content-Type"] = content_type

    def script(self, folder):
        """For wrk. A distinct body differs in its file's last four bytes from all others, so that each is stored; a distinct
        host makes the links in an answer differ."""
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
        if self.distinct_host:
            lines += [
                "local threads = 0",
                'function setup(thread) thread:set("number", threads); threads = threads + 1 end',
                "local sent = 0",
                "function request()",
                "  sent = sent + 1",
                '  wrk.headers["Host"] = "h" .. number .. "-" .. sent',
                "  return wrk.format()",
                "end",
            ]
        script = folder / "request.lua"
        script.write_text("\n".join(lines) + "\n")
        return script


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
    if broken or count == 0 or bool(refused) != case.refused:
        raise SystemExit(f"{case.name}: the measurement failed\n{text}\n{server.words()}")
    return {
        "case": case.name,
        "connections": connections,
        "requests_per_s": float(found(r"Requests/sec:\s+([0-9.]+)")),
        "p50_ms": milliseconds(found(r"\n +50%\s+(\S+)")),
        "p99_ms": milliseconds(found(r"\n +99%\s+(\S+)")),
        "processor_us_per_request": 1e6 * used_s / count,
    }


def machine():
    """What the numbers are of."""
    lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
    return f"{os.cpu_count()} processors ({model}), Linux {platform.release()}"


def markdown(*cells):
    return "| " + " | ".join(cells) + " |"


def write_results(path, results):
    if path:
        pathlib.Path(path).write_text(json.dumps(results, indent=1) + "\n")
