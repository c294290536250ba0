"""The model files with known answers that some tests use: where they are, what is known of each, and their tensors."""

import json
import os
import pathlib
import struct

from fedlog_server import ROOT

import torch

FIXTURES = pathlib.Path(os.environ.get("FEDLOG_FIXTURES", ROOT / "../shared/fixtures"))
ABSENT = f"no fixtures at {FIXTURES} (see FEDLOG_FIXTURES)"
TYPES = {
    "BOOL": torch.bool, "U8": torch.uint8, "I8": torch.int8, "I16": torch.int16, "I32": torch.int32, "I64": torch.int64,
    "F16": torch.float16, "BF16": torch.bfloat16, "F32": torch.float32, "F64": torch.float64,
}  # fmt: skip


def present():
    return (FIXTURES / "manifest.json").exists()


def manifest():
    return json.loads((FIXTURES / "manifest.json").read_text())


def content(name):
    return (FIXTURES / name).read_bytes()


def safetensors(name):
    """The tensors of a safetensors file by name; Debian has no package that reads them."""
    data = content(name)
    (size,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8 : 8 + size])
    header.pop("__metadata__", None)
    tensors = {}
    for key, entry in header.items():
        begin, end = (8 + size + offset for offset in entry["data_offsets"])
        if begin == end:
            tensors[key] = torch.empty(entry["shape"], dtype=TYPES[entry["dtype"]])
        else:
            tensors[key] = torch.frombuffer(bytearray(data[begin:end]), dtype=TYPES[entry["dtype"]]).reshape(entry["shape"])
    return tensors
