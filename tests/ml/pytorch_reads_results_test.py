"""PyTorch writes models, aggregate_files averages them, PyTorch reads the results.

Usage: pytorch_reads_results_test.py PATH_OF_aggregate_files
"""
import pathlib
import subprocess
import sys
import tempfile
import unittest
import zipfile
from fractions import Fraction

import torch
from torch import nn

AGGREGATE_FILES = sys.argv.pop(1)
SAMPLE_SIZES = [10, 3, 250]


class Model(nn.Module):
    """Several types, a tied weight, a buffer that is not persistent."""

    def __init__(self):
        super().__init__()
        self.convolution = nn.Conv2d(1, 4, 3)
        self.norm = nn.BatchNorm2d(4)
        self.encoder = nn.Linear(6, 6, bias=False)
        self.decoder = nn.Linear(6, 6)
        self.decoder.weight = self.encoder.weight
        self.float16 = nn.Parameter(torch.randn(50).half())
        self.brain16 = nn.Parameter(torch.randn(50).bfloat16())
        self.register_buffer("float64", torch.randn(50, dtype=torch.float64))
        self.register_buffer("small", torch.randint(0, 256, (50,), dtype=torch.uint8))
        self.register_buffer("mask", torch.rand(50) > 0.5)
        self.register_buffer("scratch", torch.ones(3), persistent=False)

    def forward(self, x):
        return self.norm(self.convolution(x))


def random_model():
    model = Model()
    with torch.no_grad():
        for tensor in model.state_dict().values():
            if tensor.is_floating_point():
                tensor.copy_(torch.randn(tensor.shape) * 10)
        model.norm.num_batches_tracked.fill_(int(torch.randint(0, 1000, ())))
    return model.eval()


def exact_mean(tensors):
    columns = zip(*(tensor.flatten().tolist() for tensor in tensors))
    return [sum(Fraction(x) * n for x, n in zip(column, SAMPLE_SIZES)) / sum(SAMPLE_SIZES) for column in columns]


class PyTorchReadsResults(unittest.TestCase):
    def setUp(self):
        torch.manual_seed(0)
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.models = [random_model() for _ in SAMPLE_SIZES]

    def aggregate(self, save):
        paths = [self.folder / f"{i}.pt" for i in range(len(self.models))]
        for model, path in zip(self.models, paths):
            save(model, str(path))
        result = self.folder / "result.pt"
        updates = [f"{path}={n}" for path, n in zip(paths, SAMPLE_SIZES)]
        subprocess.run([AGGREGATE_FILES, str(paths[0]), str(result), *updates], check=True)
        with zipfile.ZipFile(result) as archive:
            self.assertIsNone(archive.testzip())
        return str(result)

    def check(self, state):
        states = [model.state_dict() for model in self.models]
        for name, first in states[0].items():
            with self.subTest(name=name):
                if first.dtype == torch.bool:
                    self.assertTrue(torch.equal(state[name], first))
                    continue
                exact = exact_mean([s[name] for s in states])
                if first.is_floating_point():
                    # Fractions divide correctly rounded to double; torch then rounds to the tensor's type.
                    expected = torch.tensor([float(x) for x in exact], dtype=torch.float64).to(first.dtype)
                else:
                    expected = torch.tensor([round(x) for x in exact], dtype=first.dtype)
                self.assertTrue(torch.equal(state[name].flatten(), expected), name)

    def test_state_dicts(self):
        self.check(torch.load(self.aggregate(lambda model, path: torch.save(model.state_dict(), path))))

    def test_eager_modules(self):
        result = torch.load(self.aggregate(torch.save))
        self.check(result.state_dict())
        self.assertIs(result.encoder.weight, result.decoder.weight)
        self.assertTrue(torch.equal(result.scratch, torch.ones(3)))

    def test_torchscript(self):
        result = torch.jit.load(self.aggregate(lambda model, path: torch.jit.save(torch.jit.script(model), path)))
        self.check(result.state_dict())
        result(torch.randn(1, 1, 5, 5))

    def test_channels_last(self):
        def save(model, path):
            # The base keeps PyTorch's own order of memory, the others have another.
            other = model if path.endswith("0.pt") else model.to(memory_format=torch.channels_last)
            torch.save(other.state_dict(), path)

        self.check(torch.load(self.aggregate(save)))


if __name__ == "__main__":
    unittest.main()
