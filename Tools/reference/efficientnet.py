"""Names, shapes, outputs and gradients of timm's EfficientNets, with weights filled by the formula of resnet.py.

    python Tools/reference/efficientnet.py Tests/ModelsTests/Fixtures/efficientnet.json

`tf_efficientnet_*` pad as TensorFlow's SAME does (the odd one of a padding goes behind) and have norms of eps 1e-3;
`efficientnet_b0` pads both sides alike and has eps 1e-5. In both the norms' running values move by 0.1 (timm's default,
not TensorFlow's 0.01). All names are timm's, with its classifier.

The networks' weights are the formula's; convolutions are multiplied by `gain`, those of the gates (names with `.se.`)
by `gate_gain`. With both 1 nothing of the picture would reach the end: outputs of two pictures differ by 4e-7 of their
maximum, as each block without a shortcut leaves a sixth and the norms' shifts take over. With these, two pictures
differ by 0.1 of the maximum or more, and float32 is 5e-6 of it from float64 or nearer. (Larger gates make a deep
network chaotic: float32 is then up to a tenth of the maximum off.)

C2...C5 are the outputs of the last blocks before the next stride, of timm's blocks 1, 2, 4 and 6; `pooled` is the mean
over the places after the last convolution, norm and swish; `logits` come of `pooled`. The loss of the training pass is
`scalar` (networks.py) of C2...C5 and logits, with the batch's statistics, without stochastic depth and dropout.
"""
import copy
import sys

import timm
import torch

import networks
from common import write

TAPS = (1, 2, 4, 6)
GAINS = {"tf_efficientnet_b0": (2, 0.3), "efficientnet_b0": (2, 0.3), "tf_efficientnet_b7": (1.7, 1),
         "tf_efficientnet_l2": (1.5, 0.02)}
OUTPUTS = ("C2", "C3", "C4", "C5", "pooled", "logits")
# Half that would leave twelve places to the statistics of the last maps, and float32 off by 2e-4 of a gradient.
TRAINING = (4, 3, 96, 128)


def forward(model, x):
    features = []
    x = model.bn1(model.conv_stem(x))
    for i, stage in enumerate(model.blocks):
        x = stage(x)
        if i in TAPS:
            features.append(x)
    pooled = model.global_pool(model.bn2(model.conv_head(x)))
    return [*features, pooled, model.classifier(pooled)]


def accounts(model, *shape):
    x = networks.picture(*shape)
    networks.noise(model, lambda m, dtype: forward(m, x.to(dtype)), f"{shape[2]}x{shape[3]}", OUTPUTS)
    with torch.no_grad():
        outputs = forward(model, x)
        assert torch.equal(outputs[-1], model(x))
    return {name: networks.account(y) for name, y in zip(OUTPUTS, outputs)}


def training(model):
    model.train()
    fresh = copy.deepcopy(model)
    x = networks.picture(*TRAINING)
    outputs = forward(model, x)
    entry = {name: networks.account(y) for name, y in zip(OUTPUTS, outputs)}
    entry |= networks.gradients(model, networks.scalar(outputs[:4] + outputs[5:]))
    networks.gradient_noise(fresh, model, lambda m, dtype: networks.scalar(
        [y for name, y in zip(OUTPUTS, forward(m, x.to(dtype))) if name != "pooled"]))
    entry["running_norm"] = networks.running_norm(model)
    return entry


def main():
    torch.set_num_threads(1)
    result = {"source": "Tools/reference/efficientnet.py"}
    small = ["tf_efficientnet_b0", "efficientnet_b0"]
    for name in small + [f"tf_efficientnet_b{i}" for i in range(1, 9)] + ["tf_efficientnet_l2"]:
        print(name)
        model = timm.create_model(name)
        lines, entry = networks.listing(model)
        if name == "tf_efficientnet_b0":
            entry["listing"] = lines
        if name in GAINS:
            entry["gain"], entry["gate_gain"] = GAINS[name]
            networks.filled(model, *GAINS[name])
            sizes = [(2, 3, 64, 96), (2, 3, 75, 101)] if name in small else [(1, 3, 64, 64)]
            with torch.no_grad():
                for shape in sizes:
                    entry[f"{shape[2]}x{shape[3]}"] = accounts(model, *shape)
            if name in small:
                entry["training"] = training(model)
        result[name] = entry
    write(sys.argv[1], result, digits=8)


if __name__ == "__main__":
    main()
