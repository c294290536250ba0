#!/usr/bin/python3
"""Eager modules saved by PyTorch: what the worker makes of their descriptions is what PyTorch computes.

    pytorch_layers_test.py PROGRAM

PROGRAM is run_cases. Modules that newer PyTorch versions have, and torchvision's transforms, are stand-ins of
the same name and attributes.
"""
import collections
import copy
import subprocess
import sys
import tempfile
import types
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(1)
TOLERANCE = 1e-5
EQUAL, REFUSED = {}, {}


def equal(name, module, x, expected=None):
    """The module's own (first) output, in evaluation mode, unless `expected` says otherwise."""
    module.eval()
    with torch.no_grad():
        output = module(x.clone()) if expected is None else expected
        EQUAL[name] = (module, x.clone(), output[0] if isinstance(output, tuple) else output)


def refused(name, module, reason, x=torch.zeros(2, 4)):
    REFUSED["refused_" + name] = (module, x, reason)


def stand_in(path, attributes, base=nn.Module):
    """An object of a class that this machine does not have, with these attributes."""
    module_name, class_name = path.rsplit(".", 1)
    parts = module_name.split(".")
    for count in range(1, len(parts) + 1):
        name = ".".join(parts[:count])
        if name not in sys.modules:
            sys.modules[name] = types.ModuleType(name)
    home = sys.modules[module_name]
    if not hasattr(home, class_name):
        setattr(home, class_name, type(class_name, (base,), {"__module__": module_name}))
    made = getattr(home, class_name)()
    for name, value in attributes.items():
        setattr(made, name, value)
    return made


def randomized(module):
    for tensor in list(module.parameters()) + [b for b in module.buffers() if b.is_floating_point()]:
        tensor.data.copy_(torch.rand_like(tensor) + 0.1)
    return module


def layers():
    line, picture, volume = torch.randn(2, 4, 9), torch.randn(2, 4, 8, 9), torch.randn(2, 4, 5, 6, 7)
    rows = torch.randn(3, 4)
    equal("linear", nn.Linear(4, 3), rows)
    equal("linear_no_bias", nn.Linear(4, 3, bias=False), rows)
    equal("nested", nn.Sequential(nn.Sequential(nn.Linear(4, 5), nn.ReLU()), nn.Identity(), nn.Linear(5, 2)), rows)
    equal("empty", nn.Sequential(), rows)
    shared = nn.Linear(4, 4)
    equal("shared", nn.Sequential(shared, nn.Tanh(), shared), rows)
    hostile_name = nn.Sequential(collections.OrderedDict([('0"); evil(x, "y', nn.Linear(4, 2)), ("import", nn.ReLU())]))
    equal("hostile_names", hostile_name, rows)
    for kind, x in ((nn.Conv1d, line), (nn.Conv2d, picture), (nn.Conv3d, volume)):
        name = kind.__name__
        equal(name, kind(4, 6, 3), x)
        equal(name + "_options", kind(4, 6, 3, stride=2, padding=1, dilation=2, groups=2, bias=False), x)
        equal(name + "_same", kind(4, 6, 2, padding="same", dilation=2), x)
        equal(name + "_valid", kind(4, 6, 3, padding="valid"), x)
        for mode in ("reflect", "replicate", "circular"):
            if not (name == "Conv3d" and mode == "reflect"):
                equal(f"{name}_{mode}", kind(4, 2, 3, padding=1, padding_mode=mode), x)
                equal(f"{name}_{mode}_same", kind(4, 2, 4, padding="same", padding_mode=mode), x)
    equal("conv_uneven", nn.Conv2d(4, 2, (1, 3), stride=(2, 1), padding=(0, 2)), picture)
    equal("conv_unbatched", nn.Conv2d(4, 2, 3), picture[0])
    equal("transposed_1d", nn.ConvTranspose1d(4, 3, 3, stride=2, padding=1, output_padding=1), line)
    equal("transposed_2d", nn.ConvTranspose2d(4, 4, 3, stride=2, groups=2, dilation=2), picture)
    equal("transposed_3d", nn.ConvTranspose3d(4, 3, 2), volume)
    for kind, x in ((nn.BatchNorm1d, rows), (nn.BatchNorm2d, picture), (nn.BatchNorm3d, volume)):
        equal(kind.__name__, randomized(kind(4)), x)
        equal(kind.__name__ + "_bare", kind(4, affine=False, track_running_stats=False), x)
    for kind, x in ((nn.InstanceNorm1d, line), (nn.InstanceNorm2d, picture), (nn.InstanceNorm3d, volume)):
        equal(kind.__name__, kind(4), x)
        equal(kind.__name__ + "_full", randomized(kind(4, affine=True, track_running_stats=True)), x)
        equal(kind.__name__ + "_unbatched", kind(4), x[0])
    equal("layer_norm", randomized(nn.LayerNorm((8, 9), eps=1e-3)), picture)
    equal("layer_norm_bare", nn.LayerNorm(4, elementwise_affine=False), rows)
    for x in (line, picture, volume):
        equal(f"local_response_norm_{x.dim()}", nn.LocalResponseNorm(3, alpha=0.5, beta=0.6, k=1.5), x)
    equal("local_response_norm_even", nn.LocalResponseNorm(2), picture)
    across = randomized(nn.SyncBatchNorm(4))  # runs on a GPU only
    values = (rows - across.running_mean) / (across.running_var + across.eps).sqrt() * across.weight + across.bias
    equal("sync_batch_norm", across, rows, values.detach())
    equal("group_norm", randomized(nn.GroupNorm(2, 4)), picture)
    rms = stand_in("torch.nn.modules.normalization.RMSNorm", {"normalized_shape": (4,), "eps": None, "weight": nn.Parameter(torch.rand(4))})
    scale = torch.rsqrt(rows.square().mean(1, keepdim=True) + torch.finfo(torch.float32).eps)
    equal("rms_norm", rms, rows, (rows * scale * rms.weight).detach())
    for activation in (nn.ReLU(inplace=True), nn.ReLU6(), nn.LeakyReLU(0.3), nn.ELU(0.7), nn.SELU(), nn.CELU(0.6), nn.GELU(), nn.GELU("tanh"),
                       nn.SiLU(), nn.Mish(), nn.Sigmoid(), nn.Tanh(), nn.Softplus(2, 3), nn.Softsign(), nn.Hardtanh(-0.4, 0.3), nn.Hardswish(),
                       nn.Hardsigmoid(), nn.Hardshrink(0.4), nn.Softshrink(0.3), nn.Tanhshrink(), randomized(nn.PReLU(4)), nn.LogSigmoid(),
                       nn.Threshold(0.2, 7), nn.GLU(), nn.RReLU(), nn.Softmax(1), nn.Softmax(-1), nn.LogSoftmax(0), nn.Softmin(1)):
        equal(f"activation_{len(EQUAL)}_{type(activation).__name__}", activation, rows)
    for kind in (nn.Softmax, nn.LogSoftmax, nn.Softmin):
        for x in (rows, line, picture):
            equal(f"{kind.__name__}_implicit_{x.dim()}", kind(), x)
    equal("softmax_2d", nn.Softmax2d(), picture)
    equal("softmax_2d_unbatched", nn.Softmax2d(), picture[0])
    for kind in (nn.Dropout, nn.AlphaDropout, nn.Dropout2d, nn.FeatureAlphaDropout):
        equal(kind.__name__, kind(0.4), picture)
    equal("Dropout1d", nn.Dropout1d(0.4), line[0])
    equal("Dropout3d", nn.Dropout3d(0.4), volume)


def shapes():
    line, picture, volume = torch.randn(2, 4, 9), torch.randn(2, 4, 8, 9), torch.randn(2, 4, 5, 6, 7)
    for kinds, x, size in (((nn.MaxPool1d, nn.AvgPool1d), line, 3), ((nn.MaxPool2d, nn.AvgPool2d), picture, (3, None)),
                           ((nn.MaxPool3d, nn.AvgPool3d), volume, (2, 3, None))):
        for kind in kinds:
            equal(kind.__name__, kind(2), x)
            equal(kind.__name__ + "_options", kind(3, stride=2, padding=1, ceil_mode=True), x)
        rank = x.dim() - 2
        for pool in ("Avg", "Max"):
            kind = getattr(nn, f"Adaptive{pool}Pool{rank}d")
            equal(kind.__name__, kind(1), x)
            equal(kind.__name__ + "_sizes", kind(size), x)
    equal("power_pool_1d", nn.LPPool1d(2, 3, stride=2), line)
    equal("power_pool_2d", nn.LPPool2d(3, (2, 3), ceil_mode=True), picture.abs())
    equal("max_pool_dilated", nn.MaxPool2d((2, 3), dilation=(1, 2)), picture)
    equal("avg_pool_divisor", nn.AvgPool2d(2, padding=1, divisor_override=3, count_include_pad=False), picture)
    equal("flatten", nn.Flatten(), picture)
    equal("flatten_part", nn.Flatten(1, -2), picture)
    equal("unflatten", nn.Unflatten(1, (2, -1)), picture)
    equal("unflatten_size", nn.Unflatten(1, torch.Size([2, 2])), picture)
    equal("pixel_shuffle", nn.PixelShuffle(2), picture)
    equal("pixel_unshuffle", nn.PixelUnshuffle(2), torch.randn(1, 2, 4, 6))
    equal("unfold", nn.Unfold((2, 3), padding=1, stride=(2, 1)), picture)
    equal("unfold_unbatched", nn.Unfold(2, dilation=2), picture[0])
    equal("fold", nn.Fold((4, 5), 2, padding=1), torch.randn(2, 12, 30))
    equal("channel_shuffle", nn.ChannelShuffle(2), picture)
    equal("embedding", nn.Sequential(nn.Embedding(9, 4, padding_idx=0), nn.Flatten(), nn.Linear(12, 2)), torch.tensor([[1, 0, 8], [3, 3, 0]]))
    for mode in ("sum", "mean", "max"):
        equal("embedding_bag_" + mode, nn.EmbeddingBag(9, 4, mode=mode), torch.tensor([[1, 0, 8], [3, 3, 0]]))
    equal("embedding_bag_padding", nn.EmbeddingBag(9, 4, padding_idx=3), torch.tensor([[1, 0, 8], [3, 3, 0]]))
    equal("zero_pad", nn.ZeroPad2d((1, 2, 0, 3)), picture)
    for rank, x in ((1, line), (2, picture), (3, volume)):
        equal(f"constant_pad_{rank}", getattr(nn, f"ConstantPad{rank}d")(2, 0.5), x)
        equal(f"reflection_pad_{rank}", getattr(nn, f"ReflectionPad{rank}d")(1), x)
        equal(f"replication_pad_{rank}", getattr(nn, f"ReplicationPad{rank}d")(1), x)
    circular = stand_in("torch.nn.modules.padding.CircularPad2d", {"padding": (1, 2, 0, 1)})
    equal("circular_pad", circular, picture, F.pad(picture, (1, 2, 0, 1), mode="circular"))
    for mode, x in (("nearest", line), ("nearest", picture), ("nearest", volume), ("nearest-exact", picture), ("linear", line), ("bilinear", picture),
                    ("bicubic", picture), ("trilinear", volume)):
        name = f"upsample_{mode}_{x.dim()}"
        equal(name, nn.Upsample(scale_factor=1.7, mode=mode), x)
        equal(name + "_size", nn.Upsample(size=11, mode=mode), x)
    equal("upsample_corners", nn.Upsample(size=(5, 13), mode="bilinear", align_corners=True), picture)
    equal("upsample_factors", nn.Upsample(scale_factor=(2.0, 0.5)), picture)
    equal("upsampling_nearest", nn.UpsamplingNearest2d(scale_factor=2), picture)
    equal("upsampling_bilinear", nn.UpsamplingBilinear2d(size=(6, 6)), picture)


def transforms():
    def v1(name, **attributes):
        return stand_in("torchvision.transforms.transforms." + name, attributes)

    def compose(*steps):
        return v1("Compose", transforms=list(steps))

    picture = torch.randint(0, 256, (3, 9, 12), dtype=torch.uint8)
    values = picture.float() / 255
    to_tensor = v1("ToTensor")
    equal("to_tensor", to_tensor, picture, values)
    equal("to_tensor_grey", to_tensor, picture[0], values[:1])
    resized = F.interpolate(picture[None].float(), (5, 6), mode="bilinear", antialias=True)[0].round().clamp(0, 255)
    resize = dict(size=5, max_size=None, interpolation=interpolation_mode("bilinear"), antialias=None)
    equal("resize_picture", compose(v1("Resize", **resize), to_tensor), picture, resized / 255)
    plain = F.interpolate(values[None], (5, 6), mode="bilinear")[0]
    equal("resize_tensor", compose(to_tensor, v1("Resize", **resize)), picture, plain)
    equal("resize_old", compose(to_tensor, v1("Resize", size=(5, 6), interpolation=2)), picture, plain)
    grey = picture.int()
    grey = ((grey[0] * 19595 + grey[1] * 38470 + grey[2] * 7471 + 32768) >> 16)[None].float() / 255
    equal("grey_picture", compose(v1("Grayscale", num_output_channels=3), to_tensor), picture, grey.expand(3, -1, -1).contiguous())
    equal("pad", compose(to_tensor, v1("Pad", padding=[1, 2], fill=0.5, padding_mode="constant")), picture, F.pad(values, (1, 1, 2, 2), value=0.5))
    equal("pad_sides", compose(v1("Pad", padding=(1, 2, 3, 0), fill=0, padding_mode="reflect"), to_tensor), picture,
          F.pad(values[None], (1, 3, 2, 0), mode="reflect")[0])
    equal("crop_odd", compose(to_tensor, v1("CenterCrop", size=(6, 7))), picture, values[:, 2:8, 2:9])
    small = torch.randint(0, 256, (1, 2, 3), dtype=torch.uint8)
    equal("crop_grows", compose(v1("CenterCrop", size=(5, 5)), to_tensor), small, F.pad(small.float() / 255, (1, 1, 1, 2)))
    equal("normalize_in_layers", nn.Sequential(compose(to_tensor, v1("Normalize", mean=[0.1, 0.2, 0.3], std=(1, 2, 4))), nn.Flatten()), picture,
          ((values - torch.tensor([0.1, 0.2, 0.3])[:, None, None]) / torch.tensor([1.0, 2, 4])[:, None, None]).flatten(1))
    refused("normalize_whole", v1("Normalize", mean=[0.0], std=[1.0]), "does not accept this input: Normalize takes floating-point values; put ToTensor()", picture)
    refused("random", compose(v1("RandomCrop", size=(2, 2)), to_tensor), "torchvision.transforms.transforms.RandomCrop", picture)
    refused("lambda", compose(v1("Lambda", lambd=None)), "torchvision.transforms.transforms.Lambda", picture)
    refused("compose_of_number", v1("Compose", transforms=7), "no list")
    refused("compose_of_numbers", v1("Compose", transforms=[7]), "no layer")
    refused("resize_mode", v1("Resize", size=4, max_size=None, interpolation=interpolation_mode("bilinear(x); evil")), "interpolation", picture)
    refused("resize_zero", v1("Resize", size=0, max_size=None, interpolation=interpolation_mode("bilinear")), "size", picture)
    refused("pad_many", v1("Pad", padding=[1] * 5, fill=0, padding_mode="constant"), "padding", picture)


def interpolation_mode(value):
    home = "torchvision.transforms.functional"
    stand_in(home + ".Nothing", {})
    members = sys.modules[home]
    if not hasattr(members, "InterpolationMode"):
        class InterpolationMode:
            def __init__(self, text):
                self.text = text

            def __reduce__(self):
                return InterpolationMode, (self.text,)

        InterpolationMode.__module__, InterpolationMode.__qualname__ = home, "InterpolationMode"
        members.InterpolationMode = InterpolationMode
    return members.InterpolationMode(value)


def changed(module, **attributes):
    for name, value in attributes.items():
        module.__dict__[name] = value
    return module


def changed_part(module, part, **attributes):
    module = copy.deepcopy(module)
    changed(getattr(module, part), **attributes)
    return module


def with_part(module, part, other):
    module = copy.deepcopy(module)
    module._modules[part] = other
    return module


def recurrent():
    rows, batches = torch.randn(5, 4), torch.randn(5, 3, 4)
    for kind in (nn.RNN, nn.LSTM, nn.GRU):
        name = kind.__name__
        equal(name, kind(4, 6), batches)
        equal(name + "_unbatched", kind(4, 6), rows)
        equal(name + "_options", kind(4, 6, 3, batch_first=True, bidirectional=True, dropout=0.5), batches)
        equal(name + "_options_unbatched", kind(4, 6, 2, bias=False, batch_first=True, bidirectional=True), rows)
        equal(name + "_last", nn.Sequential(nn.Linear(4, 4), kind(4, 6)), batches)
    equal("rnn_relu", nn.RNN(4, 6, nonlinearity="relu"), batches)
    equal("lstm_projection", nn.LSTM(4, 6, 2, proj_size=3, bidirectional=True), batches)


def transformers():
    batches, rows = torch.randn(5, 3, 8), torch.randn(5, 8)
    for name, layer in (("plain", nn.TransformerEncoderLayer(8, 2, 16)), ("first", nn.TransformerEncoderLayer(8, 4, 16, norm_first=True)),
                        ("gelu", nn.TransformerEncoderLayer(8, 1, 16, activation="gelu", batch_first=True)),
                        ("module", nn.TransformerEncoderLayer(8, 2, 16, activation=nn.GELU("tanh")))):
        randomized(layer.norm1), randomized(layer.norm2)
        equal("encoder_layer_" + name, layer, batches)
    equal("encoder_layer_unbatched", nn.TransformerEncoderLayer(8, 2, 16), rows)
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 3, nn.LayerNorm(8))
    equal("encoder", nn.Sequential(nn.Linear(8, 8), encoder, nn.Flatten()), batches)
    equal("encoder_without_norm", nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16), 2), batches)


def hostile():
    code = '"); torch.save(x, "PWNED'
    picture = torch.randn(1, 4, 8, 8)
    for name, value in (("stride", code), ("stride", 0), ("stride", -1), ("stride", (1, 2, 3)), ("stride", 2 ** 40), ("stride", 1.5), ("stride", None),
                        ("dilation", True), ("groups", code), ("groups", 0), ("padding", code), ("padding", (1, code)), ("padding", 10 ** 30),
                        ("padding_mode", code), ("padding_mode", 3), ("kernel_size", [1] * 100_000)):
        refused(f"conv_{len(REFUSED)}", changed(nn.Conv2d(4, 2, 3), **{name: value}), f'"{name}"', picture)
    refused("gelu", changed(nn.GELU(), approximate=code), '"approximate"')
    refused("dropout", changed(nn.Dropout(), p=code), '"p"')
    refused("softmax", changed(nn.Softmax(1), dim=code), '"dim"')
    refused("flatten", changed(nn.Flatten(), start_dim=1.5), '"start_dim"')
    refused("batch_norm", changed(nn.BatchNorm1d(4), eps=None), '"eps"')
    refused("layer_norm", changed(nn.LayerNorm(4), normalized_shape=[code]), '"normalized_shape"')
    refused("upsample", changed(nn.Upsample(scale_factor=2), mode=code), '"mode"')
    refused("upsample_both_missing", nn.Upsample(), '"size" or "scale_factor"')
    refused("max_norm", nn.Embedding(3, 2, max_norm=1.0), "max_norm")
    refused("indices", nn.MaxPool1d(2, return_indices=True), "return_indices")
    refused("forward_replaced", changed(nn.ReLU(), forward=1), '"forward"')
    refused("hooks", changed(nn.ReLU(), _forward_hooks={0: 1}), '"_forward_hooks"')
    refused("container_hooks", changed(nn.Sequential(nn.ReLU()), _forward_pre_hooks={0: 1}), '"_forward_pre_hooks"')
    no_weight = nn.Linear(4, 2)
    no_weight._parameters["weight"] = None
    refused("no_weight", no_weight, '"weight"')
    half_statistics = nn.BatchNorm1d(4)
    half_statistics._buffers["running_var"] = None
    refused("half_statistics", half_statistics, "running_var")
    refused("module_list", nn.ModuleList([nn.ReLU()]), "torch.nn.modules.container.ModuleList")
    refused("lstm_then_linear", nn.Sequential(nn.LSTM(4, 4), nn.Linear(4, 2)), "returns what the next one does not take")
    refused("lstm_layers", changed(nn.LSTM(4, 4), num_layers=10 ** 9), "of more than 64 layers")
    refused("gru_projection", changed(nn.GRU(4, 4), proj_size=2), '"proj_size"')
    refused("lstm_no_weight", changed(nn.LSTM(4, 4), num_layers=2), '"weight_ih_l1"')
    refused("rnn_mode", changed(nn.RNN(4, 4), mode=code), '"mode"')
    refused("attention", nn.MultiheadAttention(4, 2), "torch.nn.modules.activation.MultiheadAttention")
    refused("bilinear", nn.Bilinear(4, 4, 2), "torch.nn.modules.linear.Bilinear")
    encoder = nn.TransformerEncoderLayer(4, 2)
    refused("encoder_heads", changed_part(encoder, "self_attn", num_heads=3), "no multiple")
    refused("encoder_hooks", changed_part(encoder, "self_attn", _forward_hooks={0: 1}), '"_forward_hooks"')
    refused("encoder_part", with_part(encoder, "linear1", nn.ReLU()), "is of class torch.nn.modules.activation.ReLU")
    refused("encoder_activation", changed(nn.TransformerEncoderLayer(4, 2), activation=F.tanh), '"activation"')
    refused("own_class", nn.Sequential(nn.ReLU(), stand_in("their.models.Block", {})), "their.models.Block, whose code is not in the file")
    deep, wide = nn.ReLU(), nn.ReLU()
    for _ in range(100):
        deep = nn.Sequential(deep)
    for _ in range(40):
        wide = nn.Sequential(wide, wide)
    refused("deep", deep, "too many levels")
    refused("wide", wide, "too many layers")
    refused("weights", collections.OrderedDict(weight=torch.ones(2)), "weights only")
    refused("tensor", torch.ones(2), "a tensor")
    refused("list", [torch.ones(2)], "no layer")


def main():
    layers()
    shapes()
    recurrent()
    transformers()
    transforms()
    hostile()
    failures = []
    with tempfile.TemporaryDirectory() as folder:
        for name, (module, x, expected) in EQUAL.items():
            torch.save(module, Path(folder, name + ".model.pt"))
            torch.save(x, Path(folder, name + ".input.pt"))
            torch.save(expected.contiguous().clone(), Path(folder, name + ".expected.pt"))
        for name, (module, x, _) in REFUSED.items():
            torch.save(module, Path(folder, name + ".model.pt"))
            torch.save(x, Path(folder, name + ".input.pt"))
        run = subprocess.run([sys.argv[1], folder], capture_output=True, text=True, cwd=folder, timeout=500)
        outcomes = dict(line.split(" ", 1) for line in run.stdout.splitlines())
        if run.returncode != 0:
            failures.append(f"{sys.argv[1]} ended with {run.returncode}: {run.stderr[-500:]}")
        if Path(folder, "PWNED").exists():
            failures.append("code out of a file was run")
    for name in EQUAL:
        outcome = outcomes.get(name, "nothing")
        if not outcome.startswith("difference ") or not float(outcome.split()[1]) <= TOLERANCE:
            failures.append(f"{name}: {outcome}")
    for name, (_, _, reason) in REFUSED.items():
        outcome = outcomes.get(name, "nothing")
        if not outcome.startswith("refused: ") or reason not in outcome:
            failures.append(f"{name}: {outcome} (wanted: {reason})")
    print("\n".join(failures) or f"{len(EQUAL)} agree, {len(REFUSED)} are refused")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
