"""write_pickles writes tensors, Python's pickle and PyTorch read them.

Usage: pytorch_reads_pickles_test.py PATH_OF_write_pickles
"""
import pathlib
import pickle
import subprocess
import sys
import tempfile
import unittest

import torch

WRITE_PICKLES = sys.argv.pop(1)


class PyTorchReadsPickles(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        subprocess.run([WRITE_PICKLES, str(self.folder)], check=True)

    def read(self, name):
        return pickle.loads((self.folder / name).read_bytes())

    def test_every_element_type(self):
        tensors = self.read("types.pickle")
        names = "float32 float64 float16 bfloat16 int64 int32 int16 int8 uint8 bool".split()
        self.assertEqual(list(tensors), names)
        for name, tensor in tensors.items():
            with self.subTest(name=name):
                self.assertEqual(tensor.dtype, getattr(torch, name))
                expected = [[0, 1], [0, 1]] if name == "bool" else [[0, 1], [2, 3]]
                self.assertEqual(tensor.tolist(), expected)

    def test_every_shape(self):
        tensors = self.read("shapes.pickle")
        self.assertEqual(tensors["nothing"], {})
        shapes = {"scalar": (), "empty": (0, 3), "row": (300,), "cube": (2, 3, 4), "large": (1, 70_000)}
        self.assertEqual({name: tuple(tensor.shape) for name, tensor in tensors["inner"].items()}, shapes)
        for name, tensor in tensors["inner"].items():
            with self.subTest(name=name):
                self.assertTrue(torch.equal(tensor, torch.arange(tensor.numel()).float().reshape(tensor.shape)))
                self.assertTrue(tensor.is_contiguous())
                self.assertFalse(tensor.requires_grad)
                (tensor + 1).sum()  # its memory is its own

    def test_tensors_go_through_pickle_again(self):
        tensors = self.read("shapes.pickle")["inner"]
        again = pickle.loads(pickle.dumps(tensors))
        self.assertTrue(torch.equal(again["cube"], tensors["cube"]))


if __name__ == "__main__":
    unittest.main()
