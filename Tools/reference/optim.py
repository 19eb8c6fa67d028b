"""A few steps of torch.optim's SGD and AdamW, of TensorFlow's RMSProp and SimCLR's LARS by their formulas, global-norm
clipping and the cosine schedule on tiny tensors.

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


def by_formula(step_of):
    """The parameters after each step of a rule written out in numpy: step_of(w, g, state, is_kernel) -> w."""
    kernel, bias = (tensor.detach().numpy() for tensor in start())
    states = [{}, {}]
    history = []
    for step in range(STEPS):
        gradient = [g.numpy() for g in gradients(step)]
        kernel = step_of(kernel, gradient[0], states[0], True)
        bias = step_of(bias, gradient[1], states[1], False)
        history.append({"kernel": kernel.reshape(-1).tolist(), "bias": bias.tolist()})
    return history


def rmsprop(lr, rho, momentum, eps, weight_decay):
    """tf.train.RMSPropOptimizer: the mean square begins at 1, eps is under the root, lr in the momentum."""
    def step(w, g, state, is_kernel):
        g = g + (weight_decay * w if is_kernel else 0)
        state["square"] = rho * state.get("square", np.ones_like(w)) + (1 - rho) * g * g
        state["momentum"] = momentum * state.get("momentum", 0) + lr * g / np.sqrt(state["square"] + eps)
        return w - state["momentum"]
    return by_formula(step)


def lars(lr, momentum, trust, weight_decay):
    """SimCLR's LARSOptimizer with classic momentum; biases are excluded from decay and adaptation."""
    def step(w, g, state, is_kernel):
        ratio = 1.0
        if is_kernel:
            g = g + weight_decay * w
            norms = np.linalg.norm(w), np.linalg.norm(g)
            ratio = trust * norms[0] / norms[1] if min(norms) > 0 else 1.0
        state["momentum"] = momentum * state.get("momentum", 0) + ratio * lr * g
        return w - state["momentum"]
    return by_formula(step)


def main():
    rms = dict(lr=0.05, rho=0.9, momentum=0.9, eps=1e-3, weight_decay=0.01)
    layerwise = dict(lr=0.5, momentum=0.9, trust=0.02, weight_decay=0.01)
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
        "rmsprop_arguments": rms, "rmsprop": rmsprop(**rms),
        "lars_arguments": layerwise, "lars": lars(**layerwise),
        "schedule_arguments": schedule,
        "schedule": [lr_at(step, **schedule) for step in range(schedule["total"] + 1)],
        "sgd_scheduled": run(lambda groups: torch.optim.SGD(groups, **sgd), lambda step: lr_at(step, **schedule)),
        # The average starts at the parameters after the first step; decay 0.9; of the kernel under "sgd".
        "average_of_sgd_kernel_decay_0.9": ema,
    })


main()
