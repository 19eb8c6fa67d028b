"""Writes Tests/CheckpointsTests/Fixtures: small files of torch.save, and expected.json with what torch.load finds.

Needs: pip install torch numpy
Run:   python Tools/reference/torch_files.py            writes the fixtures
       python Tools/reference/torch_files.py FILE       prints name, type, shape and SHA-256 of each tensor in FILE
"""
import argparse
import collections
import datetime
import hashlib
import json
import os
import pathlib
import pickle
import sys
import warnings

import numpy as np
import torch

warnings.filterwarnings("ignore")
FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "Tests", "CheckpointsTests", "Fixtures")
WORDS = {
    torch.float64: "F64", torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16", torch.int64: "I64",
    torch.int32: "I32", torch.int16: "I16", torch.int8: "I8", torch.uint8: "U8", torch.bool: "BOOL",
}


def content(tensor):
    """The tensor's bytes, row-major."""
    flat = tensor.detach().contiguous().reshape(-1)
    return flat.view(torch.uint8).numpy().tobytes() if flat.numel() else b""


def describe(state):
    return [[name, WORDS[t.dtype], list(t.shape), content(t).hex()] for name, t in state.items()]


def count(*shape, dtype=torch.float32):
    size = int(np.prod(shape)) if shape else 1
    return torch.arange(size).reshape(shape).to(dtype)


def types():
    state = collections.OrderedDict()
    for i, dtype in enumerate(WORDS):
        state[f"of.{WORDS[dtype]}"] = (count(3) + i).to(dtype)
    state["scalar"] = torch.tensor(-7.5)
    state["num_batches_tracked"] = torch.tensor(12345678901)
    state["empty"] = torch.zeros(0, 4)
    state["ü \"q\""] = torch.tensor([1.0])
    return state


def views():
    base = count(40)
    tied = count(2, 3)
    convolution = count(2, 3, 2, 2).to(memory_format=torch.channels_last)
    return {
        "transposed": count(2, 5).t(),
        "permuted": count(2, 3, 4, dtype=torch.float16).permute(2, 0, 1),
        "channels_last": convolution,
        "bytes": count(3, 4, dtype=torch.uint8).t(),
        "wide": count(3, 2, dtype=torch.int64).t(),
        "offset": base[7:13],
        "step": base[3:33:5],
        "column": base.reshape(8, 5)[:, 2:4],
        "expanded": count(3).reshape(3, 1).expand(3, 4),
        "one": count(4, 1, 3)[:, :, 1:2],
        "tied.a": tied,
        "tied.b": tied,
        "tied.row": tied[1],
        "nothing": base[5:5],
    }


def network():
    torch.manual_seed(1)
    return torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2))


def training():
    model = network()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    model(torch.ones(1, 1, 4, 4)).sum().backward()
    optimizer.step()
    parallel = torch.nn.DataParallel(model)
    return {
        "epoch": 1, "arch": "resnet50", "best": 0.75, "done": False, "name": None,
        "args": argparse.Namespace(lr=0.1, data=pathlib.PurePosixPath("a/b"), betas=(0.9, 0.999)),
        "state_dict": parallel.state_dict(),
        "optimizer": optimizer.state_dict(),
        "metric": np.float64(0.5), "history": np.arange(3.0), "when": datetime.timedelta(hours=1),
        "counts": collections.Counter("abca"), "groups": collections.defaultdict(list, a=[1]),
        "big": 1 << 100, "negative": -5, "size": torch.Size([1, 2]), "type": torch.float16, "set": {1, 2},
    }


def parameters():
    attributed = torch.nn.Parameter(count(2))
    attributed.origin = "here"
    buffer = count(3)
    buffer.origin = "there"
    return {"plain": torch.nn.Parameter(count(2, 2)), "attributed": attributed, "buffer": buffer,
            "frozen": torch.nn.Parameter(count(1), requires_grad=False)}


class Unlike:
    pass


def main():
    os.makedirs(FOLDER, exist_ok=True)
    expected = {}

    def save(name, value, state=None, **options):
        path = os.path.join(FOLDER, name)
        torch.save(value, path, **options)
        if state is not None:
            found = torch.load(path, weights_only=False)
            for key in state:
                found = found[key]
            expected[name] = describe(found)

    legacy = {"_use_new_zipfile_serialization": False}
    for name, value in [("types", types()), ("views", views()), ("parameters", parameters())]:
        save(f"{name}.pth", value, [])
        save(f"{name}-legacy.pth", value, [], **legacy)
    save("training.pth", training(), ["state_dict"])
    save("training-legacy.pth", training(), ["state_dict"], **legacy)
    small = collections.OrderedDict(weight=count(2, 2), steps=torch.tensor(300), mask=torch.tensor([True, False]))
    for protocol in (1, 2, 3, 4, 5):
        save(f"protocol{protocol}.pth", small, [], pickle_protocol=protocol)
    for protocol in (3, 4, 5):
        save(f"protocol{protocol}-legacy.pth", small, [], pickle_protocol=protocol, **legacy)
    ema = collections.OrderedDict((name, tensor * 2) for name, tensor in small.items() if name == "weight")
    save("averaged.pth", {"model": small, "model_ema": torch.optim.swa_utils.AveragedModel(network()).state_dict()},
         ["model_ema"])
    save("teacher.pth", {"student": small, "teacher": ema, "epoch": 3}, ["teacher"])

    # What is refused.
    save("refused-model.pth", network())
    save("refused-complex.pth", {"a": count(1), "c": torch.ones(2, dtype=torch.complex64)})
    save("refused-conjugate.pth", {"c": torch.ones(2, dtype=torch.complex64).conj()})
    save("refused-float8.pth", {"a": count(1), "f": torch.ones(2).to(torch.float8_e4m3fn)})
    save("refused-sparse.pth", {"s": torch.eye(2).to_sparse()})
    save("refused-quantized.pth", {"q": torch.quantize_per_tensor(torch.ones(2), 0.5, 0, torch.qint8)})
    save("refused-meta.pth", {"m": torch.ones(2, device="meta")})
    np.savez(os.path.join(FOLDER, "refused-numpy.npz"), a=np.ones(2))
    with open(os.path.join(FOLDER, "refused-plain.pkl"), "wb") as file:
        pickle.dump({"a": count(1)}, file, protocol=2)
    with open(os.path.join(FOLDER, "refused-class.pkl"), "wb") as file:
        pickle.dump({"a": Unlike()}, file, protocol=4)

    with open(os.path.join(FOLDER, "expected.json"), "w", encoding="utf-8") as file:
        lines = [json.dumps(name) + ": [\n" + ",\n".join(json.dumps(t, ensure_ascii=False) for t in tensors) + "]"
                 for name, tensors in sorted(expected.items())]
        file.write("{\n" + ",\n".join(lines) + "\n}\n")


if len(sys.argv) > 1:
    loaded = torch.load(sys.argv[1], weights_only=True, mmap=True)
    for name, tensor in loaded.items():
        print(name, WORDS[tensor.dtype], list(tensor.shape), hashlib.sha256(content(tensor)).hexdigest())
else:
    main()
