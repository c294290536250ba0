#!/usr/bin/python3
"""Aggregation: how its memory grows with the number of clients, and how fast it is beside this machine's memory and PyTorch.

    tests/bench/bench_aggregation.py [--bin build/release/bin] [--mebibytes 100] [--clients 20] [--repeat 5] [--json FILE]

The growth is also that of "turned" updates, whose tensors stand in another order in memory (transposed matrices), so that they
cannot be read from one end to the other.

All on two threads, the best of `repeat` runs each, with the files in the page cache. "torch" is the loop that one would write:
torch.load each update, and add it with its weight. Run it on a machine that does nothing else.
"""

import argparse
import json
import pathlib
import subprocess
import tempfile
import time

import torch

ROOT = pathlib.Path(__file__).resolve().parents[2]
THREADS = 2
MEMORY_BYTES = 1 << 30
LAYERS = 20


def model(mebibytes):
    """A state_dict of layers of different sizes, as networks have them."""
    elements = mebibytes * (1 << 20) // 4
    shares = [2 + layer % 5 for layer in range(LAYERS)]
    return {f"layer{layer}.weight": torch.randn(elements * share // sum(shares)) for layer, share in enumerate(shares)}


def turned(base):
    """An update whose tensors stand in memory in another order than the base's: transposed matrices."""
    return {name: torch.randn(*reversed(tensor.shape)).t() for name, tensor in base.items()}


def matrices(mebibytes):
    """A state_dict of square matrices, all of which turned() spreads over their whole memory."""
    side = int((mebibytes * (1 << 20) / 4 / 4) ** 0.5)
    return {f"layer{layer}.weight": torch.randn(side, side) for layer in range(4)}


def measure(program, *arguments):
    done = subprocess.run([program, *map(str, arguments)], check=True, capture_output=True, text=True)
    return [float(number) for number in done.stdout.split()]


def torch_loop(files):
    start = time.perf_counter()
    total, size = None, 0
    for number, file in enumerate(files, 1):
        update = torch.load(file)
        if total is None:
            total = {name: tensor * number for name, tensor in update.items()}
        else:
            for name, tensor in update.items():
                total[name].add_(tensor, alpha=number)
        size += number
    for tensor in total.values():
        tensor.div_(size)
    torch.save(total, files[0].with_name("torch.pt"))
    return sum(file.stat().st_size for file in files) / (time.perf_counter() - start)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "build/release/bin")
    parser.add_argument("--mebibytes", type=int, default=100)
    parser.add_argument("--clients", type=int, default=20)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--json")
    options = parser.parse_args()
    program = options.bin / "measure_aggregation"
    torch.set_num_threads(THREADS)

    results = {"model_mib": options.mebibytes, "clients": options.clients}
    with tempfile.TemporaryDirectory(prefix="fedlog-bench-") as folder:
        files = [pathlib.Path(folder, f"{number}.pt") for number in range(options.clients)]
        for file in files:
            torch.save(model(options.mebibytes), file)
        output = pathlib.Path(folder, "mean.pt")
        size = files[0].stat().st_size
        speeds = {"memory": 0.0, "files": 0.0, "mean": 0.0, "torch": 0.0}
        for _ in range(options.repeat):  # in turns, so that all have the same neighbours
            for name, speed in (
                ("memory", lambda: measure(program, "read", THREADS, MEMORY_BYTES)[0]),
                ("files", lambda: measure(program, "files", THREADS, *files)[0]),
                ("mean", lambda: measure(program, "mean", THREADS, files[0], output, *files)[0]),
                ("torch", lambda: torch_loop(files)),
            ):
                speeds[name] = max(speeds[name], speed())
        for name, speed in speeds.items():
            results[name + "_gb_per_s"] = round(speed / 1e9, 2)
            print(f"{name:7} {speed / 1e9:6.2f} GB/s  {speed / speeds['memory']:5.0%} of memory")
        base, other = pathlib.Path(folder, "base.pt"), pathlib.Path(folder, "turned.pt")
        torch.save(matrices(options.mebibytes), base)
        torch.save(turned(torch.load(base)), other)
        for kind, model_file, updates in (("", files[0], files), ("turned_", base, [other])):
            for count in (2, 20, 200):
                given = [updates[number % len(updates)] for number in range(count)]
                speed, growth = measure(program, "mean", THREADS, model_file, output, *given)
                results[f"{kind}growth_in_models_{count}_clients"] = round(growth / size, 2)
                print(f"{count:4} {kind.replace('_', ' ')}clients: peak memory grows by {growth / size:.2f} models, {speed / 1e9:.2f} GB/s")
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
