#!/usr/bin/python3
"""Models that keep something, at the real server: what one caller sends is not in another's answer, which does not depend on who
asked before; and a method changes nothing of a model but what it is for."""

import unittest

from inference_service import Service, nested
from model_files import saved, scripted

import torch
from torch import nn

ALICES, BOBS = [[41.0, 42.0, 43.0]], [[1.0, 2.0, 3.0]]


class Keeping(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self.register_buffer("last", torch.zeros(1, 3))


class KeepsTheInput(Keeping):
    def forward(self, x):
        y = self.last.clone()
        self.last.copy_(x)
        return y + self.weight


class KeepsItsState(Keeping):
    """A recurrent network that goes on from where it was."""

    def forward(self, x):
        self.last = 0.5 * self.last + x
        return self.last + self.weight


class KeepsPartsOfOneMemory(nn.Module):
    def __init__(self):
        super().__init__()
        both = torch.zeros(2, 3)
        self.register_buffer("first", both[:1])
        self.register_buffer("second", both[1:])
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, x):
        y = self.second - self.first + self.weight
        self.first.copy_(x)
        return y


class KeepsInItsCode(nn.Module):
    """Traced, the tensor becomes a constant of the code."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        y = CONSTANT.clone()
        return y + self.weight * CONSTANT.copy_(x)


CONSTANT = torch.zeros(1, 3)


class KeepsUnderAGuard(KeepsTheInput):
    """What `with` calls is code too."""

    def forward(self, x):
        with torch.no_grad():
            y = self.last.clone()
            self.last.copy_(x)
        return y + self.weight


class Plain(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        return x + self.weight


class MCDropoutNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm1d(3)
        self.dropout = nn.Dropout(0.0)

    def forward(self, x):
        return self.dropout(self.norm(x))


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.5, batch_first=True)

    def forward(self, x):
        return self.layer(x)


class Forgetting(Service):
    def test_what_a_model_keeps_ends_with_the_request(self):
        traced = torch.jit.trace(KeepsInItsCode(), torch.zeros(1, 3))
        CONSTANT.zero_()
        for module in (KeepsTheInput(), KeepsItsState(), KeepsPartsOfOneMemory(), KeepsUnderAGuard(), traced):
            with self.subTest(module=type(module).__name__):
                file = scripted(module)
                one, other = (self.trained(file, "MC_DROPOUT", N=1) for _ in range(2))
                first = self.infer(one, BOBS)
                self.infer(one, ALICES)
                self.infer(other, ALICES)
                self.assertEqual(self.infer(one, BOBS), first)
                self.assertEqual(self.infer(other, BOBS), first)

    def test_nor_does_a_preprocessing_keep_anything(self):
        model = self.upload(scripted(Plain()), preprocessing=scripted(KeepsTheInput()))
        self.train(model, "MC_DROPOUT", N=1)
        self.infer(model, ALICES)
        self.assertEqual(self.infer(model, BOBS)["inference"], [[0.0, 0.0, 0.0]])


class DropoutOnly(Service):
    def test_a_network_of_a_layers_name_stays_in_evaluation(self):
        rows = [[10.0, 0.0, 1.0], [20.0, 4.0, 2.0]]
        module = MCDropoutNet().eval()
        with torch.no_grad():
            expected = module(torch.tensor(rows)).tolist()
        model = self.trained(scripted(module), "MC_DROPOUT", N=3)
        for _ in range(2):
            answer = self.infer(model, rows)
            self.assert_close(answer["inference"], expected)
            self.assert_close(answer["uncertainty"]["variance"], torch.zeros(2, 3).tolist(), 0)

    def test_encoder_layers_draw_scripted_and_from_their_description(self):
        rows = torch.randn(1, 3, 8).tolist()
        layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.5, batch_first=True).eval()
        for file in (scripted(Encoder()), saved(layer)):
            variance = self.infer(self.trained(file, "MC_DROPOUT", N=20), rows)["uncertainty"]["variance"]
            self.assertGreater(float(nested(variance).min()), 0)


if __name__ == "__main__":
    unittest.main()
