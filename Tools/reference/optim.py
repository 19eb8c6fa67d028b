"""A few steps of torch.optim's SGD and AdamW, global-norm clipping and the cosine schedule on tiny tensors.

    python Tools/reference/optim.py Tests/LayersTests/Fixtures/optim.json

Parameters: "kernel" [2, 3] starts at 0.5 * sin(0.9 i) and decays; "bias" [3] starts at 0.3 * cos(1.1 i) and does not.
Gradient of step t = 0, 1, ...: sin(0.7 i + 0.5 t) for the kernel, 0.4 * cos(0.6 i - 0.3 t) for the bias. All in double.
"""
import math
import sys

import numpy as np
import torch

from common import write

STEPS = 6


def start():
    kernel = torch.tensor(0.5 * np.sin(0.9 * np.arange(6)).reshape(2, 3), requires_grad=True)
    bias = torch.tensor(0.3 * np.cos(1.1 * np.arange(3)), requires_grad=True)
    return kernel, bias


def gradients(step):
    return (torch.tensor(np.sin(0.7 * np.arange(6) + 0.5 * step).reshape(2, 3)),
            torch.tensor(0.4 * np.cos(0.6 * np.arange(3) - 0.3 * step)))


def lr_at(step, total, warmup, base, first):
    """The paper's schedule: linear from `first` to `base` over `warmup` steps, then half a cosine to 0 at `total`."""
    if step < warmup:
        return first + step / warmup * (base - first)
    return base * 0.5 * (1 + math.cos(math.pi * (step - warmup) / (total - warmup)))


def run(make, schedule=None, clip=None):
    """The parameters after each step, and the gradient norm before clipping."""
    kernel, bias = start()
    optimizer = make([{"params": [kernel]}, {"params": [bias], "weight_decay": 0.0}])
    history = []
    for step in range(STEPS):
        kernel.grad, bias.grad = gradients(step)
        norm = torch.nn.utils.clip_grad_norm_([kernel, bias], clip if clip else math.inf)
        if schedule:
            for group in optimizer.param_groups:
                group["lr"] = schedule(step)
        optimizer.step()
        history.append({"kernel": kernel.detach().numpy().reshape(-1).tolist(), "bias": bias.detach().tolist(),
                        "norm": norm.item()})
    return history


def main():
    sgd = dict(lr=0.1, momentum=0.9, weight_decay=0.01)
    adamw = dict(lr=0.01, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.1)
    schedule = dict(total=6, warmup=2, base=0.1, first=0.02)
    averaged, decay = None, 0.9
    ema = []
    for state in run(lambda groups: torch.optim.SGD(groups, **sgd)):
        values = np.array(state["kernel"])
        averaged = decay * averaged + (1 - decay) * values if averaged is not None else values
        ema.append(averaged.tolist())
    write(sys.argv[1], {
        "source": "Tools/reference/optim.py", "steps": STEPS,
        "sgd_arguments": sgd, "sgd": run(lambda groups: torch.optim.SGD(groups, **sgd)),
        "sgd_nesterov": run(lambda groups: torch.optim.SGD(groups, nesterov=True, **sgd)),
        "sgd_clipped_at_0.5": run(lambda groups: torch.optim.SGD(groups, **sgd), clip=0.5),
        "adamw_arguments": adamw, "adamw": run(lambda groups: torch.optim.AdamW(groups, **adamw)),
        "adamw_clipped_at_0.5": run(lambda groups: torch.optim.AdamW(groups, **adamw), clip=0.5),
        "schedule_arguments": schedule,
        "schedule": [lr_at(step, **schedule) for step in range(schedule["total"] + 1)],
        "sgd_scheduled": run(lambda groups: torch.optim.SGD(groups, **sgd), lambda step: lr_at(step, **schedule)),
        # The average starts at the parameters after the first step; decay 0.9; of the kernel under "sgd".
        "average_of_sgd_kernel_decay_0.9": ema,
    })


main()
