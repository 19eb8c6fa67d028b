"""Gradients of torchvision's ResNets and of timm's largest EfficientNets, with weights filled by formula, under running
statistics: with the batch's own, deep maps of a few places make of rounding what they like.

    python Tools/reference/gradients.py Tests/ModelsTests/Fixtures/gradients.json

The picture is [2, 3, 64, 96] for ResNets, [1, 3, 64, 64] for EfficientNets. The loss is `scalar` (networks.py) of
C2...C5, for EfficientNets of the logits as well. ResNets have the mixed formula (resnet.py); gains are those
of efficientnet.py but for the gates of B7, with which float32 would be 9e-5 of a tensor's norm off, and not 2e-5.
"""
import copy
import sys

import timm
import torch
import torchvision

import efficientnet
import networks
from common import write
from resnet import mixed


GAINS = efficientnet.GAINS | {"tf_efficientnet_b7": (1.7, 0.3)}


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


def entry(model, forward, shape, u=None):
    fresh = copy.deepcopy(model)
    x = networks.picture(*shape, **({"u": u} if u else {}))
    found = networks.gradients(model, networks.scalar(forward(model, x)))
    networks.gradient_noise(fresh, model, lambda m, dtype: networks.scalar(forward(m, x.to(dtype))))
    return found


def main():
    torch.set_num_threads(1)
    result = {"source": "Tools/reference/gradients.py"}
    for name in ("resnet18", "resnet50"):
        print(name)
        model = networks.filled(getattr(torchvision.models, name)(weights=None), without=("fc.",), u=mixed)
        result[name] = entry(model, resnet, (2, 3, 64, 96), mixed)
    for name in ("tf_efficientnet_b7", "tf_efficientnet_l2"):
        print(name)
        model = networks.filled(timm.create_model(name), *GAINS[name])
        result[name] = entry(model, timms, (1, 3, 64, 64)) | dict(zip(("gain", "gate_gain"), GAINS[name]))
    write(sys.argv[1], result, digits=8)


if __name__ == "__main__":
    main()
