#!/usr/bin/python3
"""Writes what the fuzz targets start from: one folder a target, one file a seed.

    fuzz_seeds.py FOLDER        for instance build/fuzz/corpus

The seeds are requests and files as clients send them; with the recorded exchanges (FEDLOG_CONFORMANCE, else ../shared/api)
those of the recordings too. Files of earlier runs stay, so that what a fuzzer found is not lost.
"""

import base64
import functools
import hashlib
import io
import itertools
import json
import os
import pathlib
import re
import struct
import sys
import urllib.parse

import torch

ROOT = pathlib.Path(__file__).resolve().parents[1]
FIXTURES = pathlib.Path(os.environ.get("FEDLOG_FIXTURES", ROOT / "../shared/fixtures"))
RECORDINGS = pathlib.Path(os.environ.get("FEDLOG_CONFORMANCE", ROOT / "../shared/api"))
SEED_BYTES_MAX = 64 * 1024

ID = "5f0c6b3e-8a35-4c7a-9d0e-2f0f2f6f8f11"
TOKEN = "0123456789abcdef0123456789abcdef01234567"

AUTHORIZATIONS = [
    f"Token {TOKEN}",
    f"token  {TOKEN}",
    "Token",
    "Token not hexadecimal",
    "Bearer x",
    "Basic",
    "Basic !!!",
    *("Basic " + base64.b64encode(pair).decode() for pair in (b"ada:secret", b"ada:", b":", b"ada", b"\xe4da:pa:ss")),
    "Basic " + base64.b64encode("ädä:ß".encode()).decode(),
    "Basic " + base64.b64encode(TOKEN.encode() + b":").decode(),
]

DOCUMENTS = [
    {"username": "ada", "password": "secret", "message_endpoint": "http://127.0.0.1:9/", "actor": True, "client": False},
    {"model_id": ID, "target_num_updates": 3, "metric_names": ["a", " b"], "aggregation_method": "FedAvg", "clients": [ID]},
    {"model_id": ID, "model_input": [[1.0, -2.5e-3], [0, 1e30]], "return_format": "json"},
    {"options": {"uncertainty": {"N": 10, "softmax": True}, "daisy_chain_period": 2}},
    {"name": 'a "quoted" \\ näme \u2028 \U0001f600', "nothing": None},
]
FIELDS = [
    {"name": "ada", "url": "poll:", "actor": "yes", "round": "1_0", "id": ID.replace("-", ""), "state": "O"},
    {"name": " ", "names": ["a", 1, None], "clients": [ID, "x"], "options": {"a": 1}, "input_shape": ["None", 3], "values": 0.5},
    {"name": "ada", "clients": [0] * 150, "round": 1e3, **{f"unknown{number}": 0 for number in range(150)}},
]
NO_DOCUMENTS = ['{"a": NaN}', "[1, 2", '"\\ud800"', "{'a': 1}", "[" * 100, '{"a": 1, "a": 2}', "-0", "1e999", " \t\n"]

RANGES = ["bytes=0-0", "bytes=1-", "bytes=-5", "bytes=5-2", "bytes=0-0,2-3", "bytes= 3-4 ", "items=0-1", "bytes=-0", "bytes=99-"]

ACCEPTS = [
    "*/*",
    "application/json",
    "application/json; q=0.5, text/html",
    "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8",
    "application/*",
    'application/json; indent="4"; charset=utf-8',
    ",;=",
]

TARGETS = [
    "/api/things/",
    "/api/things",
    "/api/things/?format=json&a=%20b+c",
    "/api/things/mine/",
    f"/api/things/{ID}/",
    "/api/lists/17/",
    "/api/lists/99999999999999999999/",
    "/api/lists/1/%C3%A4/",
    "/api/%74hings/%2F/",
    "/api//things/",
    "//api/things",
    "*",
    "/api/things/%ff/",
    "/api/lists/-1/",
]

QUERIES = [
    "limit=10&offset=20",
    "limit=-1&offset=x",
    "ordering=-name,round,id&search=two%20words",
    "state=O&round=3&has_it=true",
    "unknown=1",
    "limit=99999999999999999999&search=%C3%84",
    "ordering=,-,--name",
    "format=json&round=",
]

LISTS = [[[1, 2], [3, 4]], [[0.5, 1.0]], [1], [], [[], []], 7, [[True, False]], [[[0.25]]], [1, [2]], [9223372036854775807], [[1e39]]]


def heads():
    lines = f"Host: 127.0.0.1:8000\r\nAuthorization: Token {TOKEN}\r\nX-Request-ID: a.b-c_d\r\n"
    yield f"GET /api/models/{ID}/metrics?a=1 HTTP/1.1\r\n{lines}Accept: */*\r\nRange: bytes=0-9\r\n\r\n"
    yield f"POST /api/users/ HTTP/1.1\r\n{lines}Content-Type: application/json\r\nContent-Length: 2\r\n\r\n"
    yield f"POST /api/models/ HTTP/1.1\r\n{lines}Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n"
    yield "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
    yield "OPTIONS * HTTP/1.1\r\nhost:a\r\n\r\n"
    yield "GET http://a/api/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


def multiparts():
    field = 'Content-Disposition: form-data; name="round"\r\n\r\n3'
    file = 'content-disposition: form-data; filename="m.pt"; name="model_file"\r\nContent-Type: a/b\r\n\r\nPK\x03\x04\r\n--'
    encoded = "Content-Disposition: form-data; name=a; filename*=utf-8''%C3%A4\r\n\r\n"
    for parts in ([], [field], [field, file], [file, field, field], [encoded]):
        body = "".join(f"--B\r\n{part}\r\n" for part in parts)
        yield body + "--B--\r\n"
        yield "preamble\r\n" + body + "--B--"


CHUNKS = [
    "5\r\nhello\r\n0\r\n\r\nGET / HTTP/1.1\r\n",
    "1;a=b\r\nx\r\nA\r\n0123456789\r\n0\r\nTrailer: yes\r\n\r\n",
    "0000\r\n\r\n",
    "ffffffffffffffff\r\nx",
    "2\nab\n0\n\n",
    "-1\r\n\r\n",
]


def form_bodies():
    """A Content-Type in the first line, then the body."""
    for body in multiparts():
        yield f"multipart/form-data; boundary=B\n{body}"
        yield f'multipart/form-data; charset=utf-8; boundary="B"\n{body}'
    for form in recorded_forms():
        yield f"multipart/form-data; boundary=B\n{multipart_of(form)}"
        yield f"application/x-www-form-urlencoded\n{urllib.parse.urlencode(form)}"
    for document in itertools.chain(map(json.dumps, DOCUMENTS), NO_DOCUMENTS):
        yield f"application/json\n{document}"
    yield "text/plain\nx"
    yield "multipart/form-data\n--\r\n"


def files():
    """Model and tensor files as torch writes them; small ones, since fuzzers like them so."""
    network = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2), torch.nn.Dropout(0.1))
    network[0].weight.tag = "made with attributes"
    network.register_buffer("seen", torch.zeros(1))
    network.seen.persistent = True
    network.holds = {"size": torch.Size([1, 2]), "set": {"a"}, "made": functools.partial(torch.nn.Linear, 2)}
    for value in (network, network.state_dict(), torch.arange(6.0).view(2, 3), torch.tensor([True]), torch.tensor(3)):
        yield saved(torch.save, value)
    yield saved(torch.jit.save, torch.jit.script(network))
    header = json.dumps({"weight": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}).encode()
    yield struct.pack("<Q", len(header)) + header + struct.pack("<2f", 1, 2)


def saved(save, value):
    content = io.BytesIO()
    save(value, content)
    return content.getvalue()


def recorded():
    """All recorded exchanges, in the order of their files; what was recorded of webhooks is left out."""
    for path in sorted((RECORDINGS / "recorded").glob("*.json")):
        yield from (step for step in json.loads(path.read_text()) if "request" in step and "response" in step)


def recorded_documents():
    for exchange in recorded():
        for document in (exchange["request"].get("json"), exchange["response"].get("body")):
            if document is not None:
                yield json.dumps(document)


def recorded_forms():
    for exchange in recorded():
        fields = exchange["request"].get("data")
        if isinstance(fields, dict):
            yield list(fields.items())
        elif isinstance(fields, list):
            yield [tuple(field) for field in fields]


def recorded_headers(name):
    return (exchange["request"]["headers"][name] for exchange in recorded() if name in exchange["request"].get("headers", {}))


def recorded_authorizations():
    """Bound values, which the recordings have as <names>, are tokens here."""
    for exchange in recorded():
        given = exchange["request"].get("auth")
        if isinstance(given, str):
            yield re.sub("<[^>]*>", TOKEN, given)
        elif given:
            yield "Basic " + base64.b64encode(":".join(given).encode()).decode()
    yield from recorded_headers("Authorization")


def recorded_targets():
    return (exchange["request"]["path"] for exchange in recorded() if "path" in exchange["request"])


def recorded_inputs():
    for exchange in recorded():
        document = exchange["request"].get("json")
        if isinstance(document, dict) and "model_input" in document:
            value = document["model_input"]
            yield value if isinstance(value, str) else json.dumps(value)


def recorded_files():
    return (path.read_bytes() for path in sorted((RECORDINGS / "files").glob("*")))


# Two pixels.
PICTURE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAIAAAABCAIAAAB7QOjdAAAAD0lEQVR4nGNgZGJmYWUDAAA/ABYhutRUAAAAAElFTkSuQmCC"
)


def fixture_pictures():
    paths = [path for pattern in ("*.png", "*.jpg") for path in (FIXTURES / "inference/inputs").glob(pattern)]
    return (path.read_bytes() for path in sorted(paths))


def seeds():
    """(target, seed) for all targets; a seed is text or bytes."""
    everything = {
        "http_authorization": itertools.chain(AUTHORIZATIONS, recorded_authorizations()),
        "http_json_body": itertools.chain(map(json.dumps, DOCUMENTS), NO_DOCUMENTS, recorded_documents()),
        "http_multipart": itertools.chain(multiparts(), (multipart_of(form) for form in recorded_forms())),
        "http_request_head": itertools.chain(heads(), map("GET {} HTTP/1.1\r\nHost: a\r\n\r\n".format, recorded_targets())),
        "http_urlencoded": itertools.chain(
            ["a=1&b=%C3%A4+c&b=2", "&&=", "a", "%zz=1"], (urllib.parse.urlencode(form) for form in recorded_forms())
        ),
        # The first two characters choose a wording, and JSON ("0") or a form ("1").
        "http_request_fields": itertools.chain(
            (f"{wording}0{document}" for wording in range(6) for document in [*map(json.dumps, FIELDS), *recorded_documents()]),
            (f"{wording}1{urllib.parse.urlencode(form)}" for wording in range(6) for form in recorded_forms()),
        ),
        "http_byte_range": (struct.pack("<Q", size) + text.encode() for size in (0, 1, 10, 2**63) for text in RANGES),
        "http_accept": itertools.chain(ACCEPTS, recorded_headers("Accept")),
        "http_list_query": QUERIES,
        "http_chunks": CHUNKS,
        "http_form_data": form_bodies(),
        "http_router": itertools.chain(TARGETS, recorded_targets()),
        "actors_inference_input": itertools.chain(
            map(json.dumps, LISTS), files(), (base64.b64encode(file) for file in files()), recorded_inputs()
        ),
        "model_file": itertools.chain(files(), recorded_files()),
        "picture": itertools.chain([PICTURE], fixture_pictures()),
    }
    for target, values in everything.items():
        for value in values:
            yield target, value


def multipart_of(form):
    parts = (f'--B\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in form)
    return "".join(parts) + "--B--\r\n"


def main():
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    count = 0
    for target, value in seeds():
        content = value.encode() if isinstance(value, str) else value
        if len(content) > SEED_BYTES_MAX:
            continue
        folder = pathlib.Path(sys.argv[1]) / f"fuzz_{target}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / hashlib.sha256(content).hexdigest()[:32]).write_bytes(content)
        count += 1
    print(f"{count} seeds")


if __name__ == "__main__":
    torch.manual_seed(0)
    main()
