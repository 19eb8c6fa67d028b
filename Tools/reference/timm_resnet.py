"""ResNets with their classifiers, by timm and by torchvision, with weights filled by the formula of resnet.py.

    python Tools/reference/timm_resnet.py Tests/ModelsTests/Fixtures/classifiers.json

Names and shapes of timm's `resnet18` and `resnet50` are torchvision's, `fc` included; that and equal outputs are
checked here, so one account serves both. `convolutions` is the SHA-256 of the listing without `fc`: resnet.json's. The
input is [2, 3, 64, 64]; `pooled` the mean of C5 over its places.
"""
import json
import os
import sys

import timm
import torch
import torchvision

import networks
from common import write


def pooled(model, x):
    x = model.maxpool(torch.relu(model.bn1(model.conv1(x))))
    for stage in (model.layer1, model.layer2, model.layer3, model.layer4):
        x = stage(x)
    return x.mean((2, 3))


def main():
    torch.set_num_threads(1)
    with open(os.path.join(os.path.dirname(sys.argv[1]), "resnet.json"), encoding="utf-8") as file:
        features = json.load(file)
    x = networks.picture(2, 3, 64, 64)
    result = {"source": "Tools/reference/timm_resnet.py"}
    for depth in (18, 50):
        print(f"resnet{depth}")
        reference = getattr(torchvision.models, f"resnet{depth}")(weights=None)
        peer = timm.create_model(f"resnet{depth}")
        lines, entry = networks.listing(reference)
        assert networks.listing(peer)[0] == lines
        without = networks.listing(reference, without=["fc."])[1]
        assert without["listing_sha256"] == features[f"resnet{depth}"]["listing_sha256"]
        entry["convolutions"] = without["listing_sha256"]
        networks.filled(reference)
        networks.filled(peer)
        networks.noise(reference, lambda m, dtype: [pooled(m, x.to(dtype)), m(x.to(dtype))], "64x64",
                       ["pooled", "logits"])
        with torch.no_grad():
            entry["pooled"], entry["logits"] = map(networks.account, (pooled(reference, x), reference(x)))
            assert torch.equal(reference(x), peer(x))
            assert torch.equal(peer.forward_head(peer.forward_features(x), pre_logits=True), pooled(reference, x))
        result[f"resnet{depth}"] = entry
    write(sys.argv[1], result, digits=8)


if __name__ == "__main__":
    main()
