"""Names, shapes and outputs of torchvision's ResNets, with weights filled by formula.

    python Tools/reference/resnet.py Tests/ModelsTests/Fixtures/resnet.json

The formula. u(n, i) = ((2654435761 * (i + 1000003 * n)) mod 2^32) / 2^32 - 0.5, element i (row order) of tensor n.
Element i (row order) of tensor n: u(n, i) = ((2654435761 * (i + 1000003 * n)) mod 2^32) / 2^32 - 0.5.
In double, then rounded to 32-bit floats:

    convolution [out, in, kh, kw]    sqrt(24 / (in * kh * kw)) * u      (variance 2 / fan-in)
    matrix [out, in]                 sqrt(12 / in) * u                  (variance 1 / fan-in)
    norm weight                      0.7 + 0.4 * u
    norm bias, running_mean          0.2 * u
    running_var                      1 + 0.5 * u
    input [1, 3, 64, 64]             2 * u

Other scripts multiply the convolutions by a gain, where with the gain 1 the pictures would not reach the end.
"""
import hashlib
import math
import sys

import numpy as np
import torch
import torchvision

from common import SAMPLES, spread, weighted, write


def u(n, count):
    i = np.arange(count, dtype=np.uint64) + np.uint64(1000003 * n)
    return ((i * np.uint64(2654435761)) & np.uint64(0xFFFFFFFF)).astype(np.float64) / 2.0 ** 32 - 0.5


def mixed(n, count):
    """The formula with its bits mixed: x ^= x >> 15, x *= 2246822519, x ^= x >> 13, of the 32 bits before the division.

    u is so even that a convolution of many channels nearly cancels, which leaves rounding a hundred times as visible.
    """
    x = (np.arange(count, dtype=np.uint64) + np.uint64(1000003 * n)) * np.uint64(2654435761) & np.uint64(0xFFFFFFFF)
    x ^= x >> np.uint64(15)
    x = x * np.uint64(2246822519) & np.uint64(0xFFFFFFFF)
    x ^= x >> np.uint64(13)
    return x.astype(np.float64) / 2.0 ** 32 - 0.5


def fill(name, shape, n, gain=1, u=u):
    value = u(n, math.prod(shape))
    if len(shape) == 4:
        value = gain * math.sqrt(24 / math.prod(shape[1:])) * value
    elif len(shape) == 2:
        value = math.sqrt(12 / shape[1]) * value
    elif name.endswith(".running_var"):
        value = 1 + 0.5 * value
    elif name.endswith(".weight"):
        value = 0.7 + 0.4 * value
    else:
        value = 0.2 * value
    return torch.tensor(value.reshape(shape), dtype=torch.float32)


def main():
    torch.set_num_threads(1)
    result = {"source": "Tools/reference/resnet.py", "u_first": u(1, 4), "samples": SAMPLES}
    image = torch.tensor(2 * u(0, 3 * 64 * 64).reshape(1, 3, 64, 64), dtype=torch.float32)
    for depth in (18, 34, 50, 101):
        model = getattr(torchvision.models, f"resnet{depth}")(weights=None).eval()
        state = {k: v for k, v in model.state_dict().items()
                 if not k.startswith("fc.") and not k.endswith("num_batches_tracked")}
        names = sorted(state, key=str.encode)
        filled = {name: fill(name, tuple(state[name].shape), n) for n, name in enumerate(names, 1)}
        model.load_state_dict(filled, strict=False)
        listing = [f"{name} {'x'.join(map(str, state[name].shape))}" for name in names]
        entry = {
            "tensors": len(names),
            "parameters": sum(v.numel() for k, v in state.items() if "running_" not in k),
            # Of the sorted lines "name AxBxC", each ended by a newline.
            "listing_sha256": hashlib.sha256("".join(f"{line}\n" for line in listing).encode()).hexdigest(),
        }
        if depth in (18, 50):
            entry["listing"] = listing
        with torch.no_grad():
            x = model.maxpool(model.relu(model.bn1(model.conv1(image))))
            for level, stage in enumerate((model.layer1, model.layer2, model.layer3, model.layer4), 2):
                x = stage(x)
                flat = x.double().numpy()
                # `at`: values at j * count // samples in N, C, H, W order; `weighted`: mean of value[i] * cos(0.01 i).
                entry[f"C{level}"] = {"shape": list(x.shape), "mean": flat.mean(), "std": flat.std(),
                                      "at": spread(flat), "weighted": weighted(flat)}
        result[f"resnet{depth}"] = entry
    write(sys.argv[1], result, digits=7)


if __name__ == "__main__":
    main()
