"""NT-Xent and its gradient by double loops over pictures, in double precision.

    python Tools/reference/contrastive.py Tests/ModelsTests/Fixtures/contrastive.json

Embeddings: view a is sin(0.37 i + 0.1), view b that plus 0.6 * cos(0.53 i), i counting row by row. The gradient is by
central differences of the loops, so that nothing of an automatic differentiation is trusted.
"""
import math
import sys

import numpy as np

from common import write


def loss(a, b, temperature):
    """The sum over both directions of the mean over pictures of -log of the partner's share."""
    def unit(x):
        return x / math.sqrt(max(float(x @ x), 1e-12))

    def direction(first, second):
        total = 0.0
        for i in range(len(first)):
            partner = math.exp(float(unit(first[i]) @ unit(second[i])) / temperature)
            everybody = 0.0
            for j in range(len(first)):
                everybody += math.exp(float(unit(first[i]) @ unit(second[j])) / temperature)
                if j != i:
                    everybody += math.exp(float(unit(first[i]) @ unit(first[j])) / temperature)
            total -= math.log(partner / everybody)
        return total / len(first)

    return direction(a, b) + direction(b, a)


def gradient(a, b, temperature, step=1e-6):
    """d loss / d a, element by element."""
    out = np.zeros_like(a)
    for place in np.ndindex(*a.shape):
        moved = []
        for sign in (1, -1):
            shifted = a.copy()
            shifted[place] += sign * step
            moved.append(loss(shifted, b, temperature))
        out[place] = (moved[0] - moved[1]) / (2 * step)
    return out


def main():
    cases = []
    for count, width, temperature in [(1, 3, 0.5), (2, 4, 0.1), (5, 8, 0.1), (6, 3, 1.0)]:
        i = np.arange(count * width, dtype=np.float64).reshape(count, width)
        a = np.sin(0.37 * i + 0.1)
        b = a + 0.6 * np.cos(0.53 * i)
        cases.append({"count": count, "width": width, "temperature": temperature, "loss": loss(a, b, temperature),
                      "gradient_a": gradient(a, b, temperature).reshape(-1).tolist(),
                      "gradient_b": gradient(b, a, temperature).reshape(-1).tolist()})
    write(sys.argv[1], {"source": "Tools/reference/contrastive.py", "cases": cases}, digits=8)


main()
