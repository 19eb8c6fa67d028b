"""Gradients of torchvision's ResNets and of timm's EfficientNets, with weights filled by formula, under running
statistics: with the batch's own, deep maps of a few places make of rounding what they like.

    python Tools/reference/gradients.py Tests/ModelsTests/Fixtures/gradients.json
    python Tools/reference/gradients.py --whole FOLDER     # every element of them, NAME.safetensors in 32-bit floats

The picture is [2, 3, 64, 96] for ResNets and B0, [1, 3, 64, 64] for the largest. The loss is `scalar` (networks.py) of
C2...C5, for EfficientNets of the logits as well. ResNets have the mixed formula (resnet.py); gains are those
of efficientnet.py but for the largest.
"""
import copy
import pathlib
import sys

import timm
import torch
import torchvision
from safetensors.torch import save_file

import efficientnet
import networks
from common import write
from resnet import mixed

# Convolutions and gates at which float32 is at most 5e-5 of a tensor's greatest gradient off: half of what is tested.
GAINS = efficientnet.GAINS | {"tf_efficientnet_b7": (1.5, 0.2), "tf_efficientnet_l2": (1.3, 0.02)}
RESNETS = ("resnet18", "resnet50")
EFFICIENTNETS = ("tf_efficientnet_b0", "tf_efficientnet_b7", "tf_efficientnet_l2")


def resnet(model, x):
    x = model.maxpool(model.relu(model.bn1(model.conv1(x))))
    features = []
    for stage in (model.layer1, model.layer2, model.layer3, model.layer4):
        x = stage(x)
        features.append(x)
    return features


def timms(model, x):
    outputs = efficientnet.forward(model, x)
    return outputs[:4] + outputs[5:]


def case(name):
    """Model, its outputs as a function, picture, and what the reader has to know of the filling."""
    if name in RESNETS:
        model = networks.filled(getattr(torchvision.models, name)(weights=None), without=("fc.",), u=mixed)
        return model, resnet, networks.picture(2, 3, 64, 96, u=mixed), {}
    model = networks.filled(timm.create_model(name), *GAINS[name])
    shape = (2, 3, 64, 96) if name == "tf_efficientnet_b0" else (1, 3, 64, 64)
    return model, timms, networks.picture(*shape), dict(zip(("gain", "gate_gain"), GAINS[name]))


def main():
    torch.set_num_threads(1)
    result = {"source": "Tools/reference/gradients.py"}
    for name in RESNETS + EFFICIENTNETS:
        print(name, flush=True)
        model, forward, x, gains = case(name)
        fresh = None if sys.argv[1] == "--whole" else copy.deepcopy(model).float()
        result[name] = gains | networks.gradients(model, networks.scalar(forward(model, x)))
        if sys.argv[1] == "--whole":
            folder = pathlib.Path(sys.argv[2])
            folder.mkdir(parents=True, exist_ok=True)
            save_file({k: g.float().contiguous() for k, g in networks.told(model).items()},
                      folder / f"{name}.safetensors")
        else:
            networks.gradient_noise(fresh, model, lambda m, dtype: networks.scalar(forward(m, x.to(dtype))))
    if sys.argv[1] != "--whole":
        write(sys.argv[1], result, digits=8)


if __name__ == "__main__":
    main()
