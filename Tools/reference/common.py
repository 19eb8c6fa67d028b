"""What the reference scripts share: fills by formula, and JSON with short numbers."""
import json
import math

import numpy as np


def rounded(value, digits=9):
    """The value with every float cut to `digits` significant digits: 9 are enough to name any 32-bit float."""
    if isinstance(value, dict):
        return {key: rounded(item, digits) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [rounded(item, digits) for item in value]
    if isinstance(value, np.ndarray):
        return rounded(value.tolist(), digits)
    if isinstance(value, (np.floating, float)):
        value = float(f"{float(value):.{digits}g}")
        return int(value) if value == int(value) and abs(value) < 1e15 else value
    if isinstance(value, np.integer):
        return int(value)
    return value


def write(path, value, digits=9):
    """Writes one key a line, so that a changed value is a changed line."""
    value = rounded(value, digits)
    lines = [f"{json.dumps(key)}: {json.dumps(item, separators=(', ', ': '))}" for key, item in value.items()]
    text = "{\n" + ",\n".join(lines) + "\n}\n"
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    print(f"{path}: {len(text)} bytes")


def wave(count, step, scale, start=0.0):
    """[count] float64: scale * sin(start + step * i)."""
    return scale * np.sin(start + step * np.arange(count, dtype=np.float64))


SAMPLES = 8


def spread(values, samples=SAMPLES):
    """Values at `samples` evenly spread places of a flat array, the first at 0: index j * count // samples."""
    flat = np.asarray(values).reshape(-1)
    return [float(flat[j * flat.size // samples]) for j in range(samples)]


def weighted(values):
    """The sum of values[i] * cos(0.01 * i) / count: one number that any changed or moved value changes."""
    flat = np.asarray(values, dtype=np.float64).reshape(-1)
    return math.fsum(flat * np.cos(0.01 * np.arange(flat.size))) / flat.size
