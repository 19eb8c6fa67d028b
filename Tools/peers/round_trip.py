"""Checkpoints there and back: files of timm and torchvision with random weights through Pupil, Pupil's through them.

    python Tools/peers/round_trip.py --pupil .build/release/pupil

Needs torch, torchvision, timm and safetensors. For each network: its random weights are saved in every form a user may
have (safetensors, torch's zip, torch's old pickle, wrapped in dictionaries, as half precision), `pupil embed` reads
each and must give the peer's own features; `pupil export` writes them, and the peer must load that file without a
missing or unexpected name and give the same outputs. Prints one line a check and ends with status 1 if one fails.
"""
import argparse
import pathlib
import subprocess
import sys
import tempfile
import warnings

import timm
import torch
import torchvision
from safetensors.torch import load_file, save_file

warnings.filterwarnings("ignore")


def shaken(model, seed):
    """The model in inference mode with norms that do something."""
    torch.manual_seed(seed)
    for m in model.modules():
        if hasattr(m, "running_mean") and m.running_mean is not None:
            m.running_mean.normal_(0, 0.1)
            m.running_var.uniform_(0.5, 1.5)
            for p, low, high in ((m.weight, 0.5, 1.5), (m.bias, -0.2, 0.2)):
                (p.data if isinstance(p, torch.nn.Parameter) else p).uniform_(low, high)
    return model.eval()


def forms(state, folder):
    state = {k: v.contiguous() for k, v in state.items()}
    paths = {}
    for name, write in {
        "safetensors": lambda p: save_file(state, p),
        "zip": lambda p: torch.save(state, p),
        "pickle": lambda p: torch.save(state, p, _use_new_zipfile_serialization=False),
        "wrapped": lambda p: torch.save({"epoch": 3, "state_dict": {"module." + k: v for k, v in state.items()}}, p),
        "half": lambda p: torch.save({k: v.half() if v.is_floating_point() else v for k, v in state.items()}, p),
    }.items():
        paths[name] = f"{folder}/{name}.pth"
        write(paths[name])
    return paths


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--pupil", default=".build/release/pupil")
    pupil = parser.parse_args().pupil
    failures = 0

    def check(what, difference, allowed):
        nonlocal failures
        failures += not difference <= allowed
        print(f"{'ok  ' if difference <= allowed else 'FAIL'} {what}: {difference:.1e}", flush=True)

    def run(*arguments):
        # Nothing is written over.
        pathlib.Path(arguments[arguments.index("--out") + 1]).unlink(missing_ok=True)
        done = subprocess.run([pupil, *arguments], capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"{' '.join(arguments)}: {done.stderr}")
        return done.stderr

    def apart(a, b):
        return ((a - b).abs().max() / b.abs().max()).item()

    torch.manual_seed(0)
    x = torch.randn(2, 3, 96, 128)
    with tempfile.TemporaryDirectory() as folder, torch.no_grad():
        save_file({"images": x}, f"{folder}/x.safetensors")

        def embed(model, weights, level, *more):
            run("embed", "--model", model, "--weights", weights, "--input", f"{folder}/x.safetensors", "--level", level,
                "--precision", "fp32", "--out", f"{folder}/y.safetensors", *more)
            return load_file(f"{folder}/y.safetensors")["features"]

        for ours, name in (("efficientnet-b0", "tf_efficientnet_b0"), ("efficientnet-b1", "tf_efficientnet_b1"),
                           ("resnet-18", "resnet18"), ("resnet-50", "resnet50")):
            peer = shaken(timm.create_model(name, pretrained=False), 1)
            expected = peer.forward_head(peer.forward_features(x), pre_logits=True)
            for form, path in forms(peer.state_dict(), folder).items():
                check(f"{name} as {form} into {ours}", apart(embed(ours, path, "pooled"), expected),
                      2e-2 if form == "half" else 1e-4)
            run("export", "--model", ours, "--weights", f"{folder}/zip.pth", "--out", f"{folder}/out.safetensors")
            back = timm.create_model(name, pretrained=False).eval()
            back.load_state_dict(load_file(f"{folder}/out.safetensors"), strict=True)
            check(f"{ours} back into timm's {name}", apart(back(x), peer(x)), 0)

        peer = shaken(torchvision.models.resnet34(weights=None), 2)
        torch.save(peer.state_dict(), f"{folder}/r34.pth")
        run("export", "--model", "resnet-34", "--weights", f"{folder}/r34.pth", "--out", f"{folder}/out.safetensors")
        back = torchvision.models.resnet34(weights=None).eval()
        back.load_state_dict(load_file(f"{folder}/out.safetensors"), strict=True)
        check("resnet-34 back into torchvision", apart(back(x), peer(x)), 0)

        # A detector whose norms are frozen; its heads' outputs follow from the maps of the pyramid.
        build = torchvision.models.detection.retinanet_resnet50_fpn
        peer = build(weights=None, weights_backbone=None)
        freeze(peer)
        peer = shaken(peer, 3)
        torch.save(peer.state_dict(), f"{folder}/retinanet.pth")
        for i, level in enumerate(("p3", "p4", "p5", "p6", "p7")):
            expected = list(peer.backbone(x).values())[i]
            check(f"retinanet_resnet50_fpn, {level}",
                  apart(embed("retinanet-r50-torchvision", f"{folder}/retinanet.pth", level), expected), 1e-4)
        run("export", "--model", "retinanet-r50-torchvision", "--weights", f"{folder}/retinanet.pth",
            "--out", f"{folder}/out.safetensors")
        back = build(weights=None, weights_backbone=None)
        freeze(back)
        back.load_state_dict(load_file(f"{folder}/out.safetensors"), strict=True)
        a, b = (m.eval().head(list(m.backbone(x).values()))["cls_logits"] for m in (back, peer))
        check("retinanet-r50-torchvision back into torchvision", apart(a, b), 0)

        # One as torchvision makes it anew, with norms that add 1e-5, and of other classes.
        peer = shaken(build(weights=None, weights_backbone=None, num_classes=4), 4)
        torch.save(peer.state_dict(), f"{folder}/four.pth")
        for level, expected in zip(("p3", "p7"), [list(peer.backbone(x).values())[i] for i in (0, 4)]):
            found = embed("retinanet-r50-torchvision", f"{folder}/four.pth", level, "--weights-eps", "1e-5")
            check(f"retinanet_resnet50_fpn of four classes and eps 1e-5, {level}", apart(found, expected), 1e-4)
        run("export", "--model", "retinanet-r50-torchvision", "--weights", f"{folder}/four.pth",
            "--out", f"{folder}/out.safetensors")
        back = build(weights=None, weights_backbone=None, num_classes=4).eval()
        back.load_state_dict(load_file(f"{folder}/out.safetensors"), strict=False)
        a, b = (m.head(list(m.backbone(x).values()))["cls_logits"] for m in (back, peer))
        check("it back into torchvision", apart(a, b), 0)

        # Its backbone alone, as a classifier's.
        run("export", "--model", "retinanet-r50-torchvision", "--weights", f"{folder}/retinanet.pth", "--part",
            "backbone", "--out", f"{folder}/out.safetensors")
        missing, unexpected = torchvision.models.resnet50(weights=None).load_state_dict(
            load_file(f"{folder}/out.safetensors"), strict=False)
        check("its backbone into torchvision's resnet50, names apart from fc and counters",
              len([n for n in missing if not n.startswith("fc.") and "num_batches" not in n]) + len(unexpected), 0)
    sys.exit(1 if failures else 0)


def freeze(model):
    """Frozen norms in place of live ones, as torchvision has them over pre-trained backbones."""
    for name, child in model.named_children():
        if isinstance(child, torch.nn.BatchNorm2d):
            setattr(model, name, torchvision.ops.FrozenBatchNorm2d(child.num_features, eps=0.0))
        else:
            freeze(child)


if __name__ == "__main__":
    main()
