"""Names, shapes, outputs and gradients of whole RetinaNets, with weights filled by the formula of resnet.py.

    python Tools/reference/retinanet_model.py Tests/ModelsTests/Fixtures/retinanet_model.json

The backbone is a ResNet of basic blocks, one a stage; the pyramid and the heads have 16 channels; 5 classes. Three
forms:

    plain      torchvision's RetinaNet as it stands: no norms in pyramid and heads, P6 from P5
    p6_from_c5 the same with P6 from the backbone's C5
    paper      torchvision's convolutions in the form of paper: a norm after each level of the pyramid (no activation),
               heads of convolution, norm of the level's own, ReLU; all norms with eps 1e-4 and 0.003 of the new value

Tensors are numbered from 1 by their names sorted by bytes; the input, [2, 3, 96, 160], is tensor 0, filled with 2 * u.
The loss whose gradients are listed is the sum, over logits and codes, of mean(value[i] * cos(0.01 * i)), in training
mode.
"""
import collections
import hashlib
import math
import sys

import torch
import torchvision
from torch import nn
from torchvision.models.detection.backbone_utils import BackboneWithFPN
from torchvision.models.detection.retinanet import RetinaNet, RetinaNetHead
from torchvision.ops.feature_pyramid_network import LastLevelP6P7

from common import SAMPLES, spread, weighted, write
from resnet import fill, u

CHANNELS, CLASSES, LEVELS = 16, 5, (3, 4, 5, 6, 7)


def detector(p6_from_c5):
    body = torchvision.models.resnet.ResNet(torchvision.models.resnet.BasicBlock, [1, 1, 1, 1])
    backbone = BackboneWithFPN(body, {"layer2": "0", "layer3": "1", "layer4": "2"}, [128, 256, 512], CHANNELS,
                               extra_blocks=LastLevelP6P7(512 if p6_from_c5 else CHANNELS, CHANNELS))
    model = RetinaNet(backbone, CLASSES)
    model.head = RetinaNetHead(CHANNELS, model.anchor_generator.num_anchors_per_location()[0], CLASSES)
    return model


class PaperForm(nn.Module):
    """The norms that the paper's form adds, and the forward pass through torchvision's convolutions and them."""

    def __init__(self, model):
        super().__init__()
        self.backbone, self.head = model.backbone, model.head
        self.backbone.fpn.norms = self.norms()
        for head in (self.head.classification_head, self.head.regression_head):
            for block in head.conv:
                for name, norm in self.norms().items():
                    block.add_module(name, norm)
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eps, module.momentum = 1e-4, 0.003

    @staticmethod
    def norms():
        return nn.ModuleDict(collections.OrderedDict((f"p{n}", nn.BatchNorm2d(CHANNELS)) for n in LEVELS))

    def forward(self, x):
        # The dictionary of norms hangs below the pyramid, which does not call it.
        levels = list(self.backbone(x).values())
        levels = [self.backbone.fpn.norms[f"p{n}"](level) for n, level in zip(LEVELS, levels)]
        outputs = []
        for head, last, width in ((self.head.classification_head, self.head.classification_head.cls_logits, CLASSES),
                                  (self.head.regression_head, self.head.regression_head.bbox_reg, 4)):
            parts = []
            for n, level in zip(LEVELS, levels):
                for block in head.conv:
                    level = torch.relu(getattr(block, f"p{n}")(block[0](level)))
                y = last(level)  # [N, anchors * width, h, w]
                batch, _, h, w = y.shape
                parts.append(y.view(batch, -1, width, h, w).permute(0, 3, 4, 1, 2).reshape(batch, -1, width))
            outputs.append(torch.cat(parts, dim=1))
        return outputs


class Plain(nn.Module):
    def __init__(self, model):
        super().__init__()
        self.backbone, self.head = model.backbone, model.head

    def forward(self, x):
        outputs = self.head(list(self.backbone(x).values()))
        return [outputs["cls_logits"], outputs["bbox_regression"]]


def account(tensor):
    values = tensor.detach().double().numpy()
    return {"shape": list(tensor.shape), "at": spread(values), "weighted": weighted(values)}


def main():
    torch.set_num_threads(1)
    image = torch.tensor(2 * u(0, 2 * 3 * 96 * 160).reshape(2, 3, 96, 160), dtype=torch.float32)
    result = {"source": "Tools/reference/retinanet_model.py", "samples": SAMPLES}
    forms = {"plain": Plain(detector(False)), "p6_from_c5": Plain(detector(True)), "paper": PaperForm(detector(False))}
    for name, model in forms.items():
        state = {k: v for k, v in model.state_dict().items()
                 if not k.startswith("backbone.body.fc.") and not k.endswith("num_batches_tracked")}
        names = sorted(state, key=str.encode)
        model.load_state_dict({k: fill(k, tuple(state[k].shape), n) for n, k in enumerate(names, 1)}, strict=False)
        listing = "".join(f"{k} {'x'.join(map(str, state[k].shape))}\n" for k in names)
        entry = {
            "tensors": len(names), "parameters": sum(v.numel() for k, v in state.items() if "running_" not in k),
            "listing_sha256": hashlib.sha256(listing.encode()).hexdigest(),
            "names": [k for k in names if not k.startswith("backbone.body.")],
        }
        model.eval()
        with torch.no_grad():
            entry["logits"], entry["codes"] = map(account, model(image))
        model.train()
        outputs = model(image)
        entry["training_logits"], entry["training_codes"] = map(account, outputs)
        sum((y.reshape(-1) * torch.cos(0.01 * torch.arange(y.numel()))).mean() for y in outputs).backward()
        gradients = {k: p.grad for k, p in model.named_parameters() if p.grad is not None}
        places = [n for n in names if n in gradients][::7]
        entry["gradient_norms"] = [[k, gradients[k].double().norm().item()] for k in places]
        entry["gradient_weighted"] = [[k, weighted(gradients[k].double().numpy())] for k in places]
        entry["gradient_norm"] = math.sqrt(sum(g.double().square().sum().item() for g in gradients.values()))
        moved = {k: v for k, v in model.state_dict().items() if "running_" in k}
        entry["running_norm"] = math.sqrt(sum(v.double().square().sum().item() for v in moved.values()))
        result[name] = entry
    write(sys.argv[1], result, digits=7)


if __name__ == "__main__":
    main()
