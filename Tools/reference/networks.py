"""What the scripts for whole networks share: filling by formula, listings, accounts of tensors and of gradients.

An account of a tensor has its shape, its values at evenly spread places (`at`: index j * count // places, in row
order), the weighted mean (of value[i] * cos(0.01 i)) and `max`, the greatest magnitude: the unit in which differences
are to be measured. Everything is computed in float64 with weights and inputs rounded to 32-bit floats.
"""
import copy
import hashlib
import math

import numpy as np
import torch

from common import rounded, spread, weighted
from resnet import fill, u

PLACES = 32
# A gradient of this share of the greatest of all, and less, is what rounding leaves of none.
ROUNDING = 1e-6


def state_of(model, without=()):
    """The tensors that Pupil has, by name: no counters of batches, nothing that starts with `without`."""
    return {k: v for k, v in model.state_dict().items()
            if not k.endswith("num_batches_tracked") and not k.startswith(tuple(without))}


def filled(model, gain=1, gate_gain=1, without=(), changes=None, u=u):
    """The model in float64 and inference mode, its tensors filled by formula; `changes` maps names to functions of
    the filled tensor. Convolutions are multiplied by `gain`, those named `.se.` by `gate_gain`."""
    state = state_of(model, without)
    names = sorted(state, key=str.encode)
    weights = {name: fill(name, tuple(state[name].shape), n, gate_gain if ".se." in name else gain, u)
               for n, name in enumerate(names, 1)}
    for name, change in (changes or {}).items():
        weights[name] = change(weights[name])
    missing, unexpected = model.load_state_dict(weights, strict=False)
    assert not unexpected
    return model.double().eval()


def listing(model, without=()):
    """Number of tensors, of parameters, and the SHA-256 of the sorted lines "name AxBxC", each ended by a newline."""
    state = state_of(model, without)
    names = sorted(state, key=str.encode)
    lines = [f"{name} {'x'.join(map(str, state[name].shape))}" for name in names]
    return lines, {
        "tensors": len(names),
        "parameters": sum(v.numel() for k, v in state.items() if "running_" not in k),
        "listing_sha256": hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest(),
    }


def picture(*shape, u=u):
    """[N, 3, H, W] of 2 * u, tensor 0 of the formula."""
    return torch.tensor(2 * u(0, math.prod(shape)).reshape(shape), dtype=torch.float32).double()


def account(tensor, places=PLACES):
    values = tensor.detach().double().numpy()
    return {"shape": list(tensor.shape), "max": np.abs(values).max(), "at": spread(values, places),
            "weighted": weighted(values)}


def scalar(outputs):
    """The loss whose gradients are listed: the sum, over the outputs, of mean(value[i] * cos(0.01 i))."""
    return sum((y.reshape(-1) * torch.cos(0.01 * torch.arange(y.numel(), dtype=torch.float64)).to(y)).mean()
               for y in outputs)


def gradients(model, loss, places=4):
    """A backward pass's loss and the account of every parameter's gradient, by name, to six digits, with its `norm` and
    `peak`, the index of the element whose magnitude is `max`. Left out is what is rounding alone: a shift before a norm
    has no gradient."""
    model.zero_grad()
    loss.backward()
    return {"loss": loss.item(), "gradients": {
        name: rounded(account(g, places) | {"norm": g.norm().item(), "peak": g.abs().argmax().item()}, 6)
        for name, g in sorted(told(model).items())}}


def told(model):
    """The gradients of which any is more than rounding."""
    found = {k: p.grad for k, p in model.named_parameters() if p.grad is not None}
    greatest = max(g.abs().max().item() for g in found.values())
    return {k: g for k, g in found.items() if g.abs().max().item() > ROUNDING * greatest}


def running_norm(model):
    return math.sqrt(sum(v.double().square().sum().item() for k, v in model.state_dict().items() if "running_" in k))


def noise(model, run, label, names):
    """Prints how far the same computation in float32 lies from float64, in units of the greatest magnitude."""
    single = copy.deepcopy(model).float()
    for name, a, b in zip(names, run(single, torch.float32), run(model, torch.float64)):
        difference = ((a.double() - b).abs().max() / b.abs().max()).item()
        print(f"  {label} {name}: float32 is {difference:.0e} of the maximum off; maximum {b.abs().max().item():.3g}, "
              f"standard deviation {b.std().item():.3g}", end="")
        if len(b) > 1:
            apart = ((b[0] - b[1]).abs().max() / b.abs().max()).item()
            print(f"; pictures differ by {apart:.2f} of the maximum", end="")
        print()


def gradient_noise(fresh, model, loss):
    """Prints the same for gradients, each in units of its tensor's greatest magnitude. `model` has them."""
    single = fresh.float()
    single.zero_grad()
    loss(single, torch.float32).backward()
    exact = told(model)
    off = sorted(((p.grad.double() - exact[k]).abs().max().item() / exact[k].abs().max().item(), k)
                 for k, p in single.named_parameters() if k in exact)
    greatest = max(g.abs().max().item() for g in exact.values())
    print(f"  gradients of {len(off)} tensors: float32 is off by {off[len(off) // 2][0]:.0e} of a tensor's greatest in "
          "the middle, at most " + ", ".join(
              f"{v:.0e} ({k}, greatest {exact[k].abs().max().item() / greatest:.0e} of all)" for v, k in off[-3:]))
