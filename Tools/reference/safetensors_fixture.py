"""Prints the bytes (hexadecimal) of the file that Tests/CheckpointsTests/SafetensorsFileTests.swift compares with.

Needs: pip install safetensors numpy torch
Run:   python Tools/reference/safetensors_fixture.py            prints the fixture
       python Tools/reference/safetensors_fixture.py FILE       prints what the Python package reads from FILE
"""

import sys

import torch
from safetensors import safe_open
from safetensors.torch import save


def tensors():
    return {
        "head.weight": torch.arange(6, dtype=torch.float32).reshape(2, 3) / 4,
        "head.bias": torch.tensor([-1.5, 2.5], dtype=torch.float32),
        "half": torch.tensor([1.0, -2.0, 0.5], dtype=torch.float16),
        "brain": torch.tensor([1.0, 3.140625], dtype=torch.bfloat16),
        "steps": torch.tensor(123456789012, dtype=torch.int64),
        "mask": torch.tensor([True, False, True]),
        "empty": torch.zeros(0, 4, dtype=torch.float32),
        "grad/ü \"q\"": torch.tensor([7], dtype=torch.uint8),
    }


if len(sys.argv) > 1:
    with safe_open(sys.argv[1], "pt") as file:
        print(file.metadata())
        for name in sorted(file.keys()):
            tensor = file.get_tensor(name)
            print(name, tensor.dtype, list(tensor.shape), tensor.flatten().tolist())
else:
    data = save(tensors(), metadata={"format": "pt"})
    text = data.hex()
    for i in range(0, len(text), 96):
        print(text[i : i + 96])
