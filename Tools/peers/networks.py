"""Training and inference of whole networks here and in Python, side by side.

    python Tools/peers/networks.py --pupil .build/release/pupil [--rounds 3] [--only b0|r50|seg] [--threads N]

EfficientNet-B0 (256 px, batch 8) beside timm's, RetinaNet with ResNet-50 (320 px, batch 4) beside torchvision's, which
has the same convolutions, frozen norms and heads, `seg-nano` (256 px, batch 8) beside the same network written in torch
(segmentation_torch.py). The peers run in their default layout in fp32, channels-last in fp32,
and channels-last under bf16 autocast; Pupil in fp32 and bf16. All take turns, `rounds` times, each turn a process of
its own; medians of pictures a second, and of peak memory. Ratios are what counts: the machine is the same for all. The
last line is the ceiling: an oneDNN 3x3 convolution of 256 channels on 40 x 40, forward, in GFLOP/s.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import time

# Model, size, batch, passes before the clock and timed ones: processes get faster over their first seconds.
WORK = {"b0": ("efficientnet-b0", 256, 8, 4, 9), "r50": ("retinanet-r50-torchvision", 320, 4, 2, 5),
        "seg": ("seg-nano", 256, 8, 4, 9)}
PEERS = ("default fp32", "channels-last fp32", "channels-last bf16")


def timed(step, warmup, rounds):
    for _ in range(warmup):
        step()
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def peer(net, mode, form, threads):
    import resource

    import torch
    torch.set_num_threads(threads)
    _, size, batch, warmup, rounds = WORK[net]
    last, bf16 = "channels-last" in form, "bf16" in form
    if net == "b0":
        import timm
        model = timm.create_model("tf_efficientnet_b0", pretrained=False, drop_path_rate=0.2)
    elif net == "seg":
        from segmentation_torch import Segmenter
        model = Segmenter(21, 64, 2)
    else:
        import torchvision
        from round_trip import freeze
        model = torchvision.models.detection.retinanet_resnet50_fpn(
            weights=None, weights_backbone=None, min_size=size, max_size=size)
        freeze(model)
    layout = {"memory_format": torch.channels_last} if last else {}
    model = model.to(**layout)
    x = torch.full((batch, 3, size, size), 0.5).contiguous(**layout)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-6, momentum=0.9, weight_decay=1e-4)
    boxes = torch.tensor([[size * i / 10, size * i / 10, size * i / 10 + size / 5, size * i / 10 + size / 4]
                          for i in range(8)])
    targets = [{"boxes": boxes, "labels": torch.arange(1, 9)} for _ in range(batch)]
    labels = torch.arange(batch)
    pixels = (torch.arange(batch * (size // 4) ** 2) % 21).reshape(batch, size // 4, size // 4)
    cast = torch.autocast("cpu", torch.bfloat16, enabled=bf16)

    def train():
        with cast:
            if net == "r50":
                loss = sum(model(list(x), targets).values())
            else:
                loss = torch.nn.functional.cross_entropy(model(x).float(), labels if net == "b0" else pixels)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 10)
        optimizer.step()

    def infer():
        with torch.no_grad(), cast:
            if net != "r50":
                model(x)
            else:
                model.head(list(model.backbone(x).values()))

    model.train(mode == "train")
    seconds = timed(train if mode == "train" else infer, warmup, rounds)
    return {"value": batch / seconds, "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}


def ceiling(threads):
    import torch
    torch.set_num_threads(threads)
    found = {}
    for name, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        x = torch.randn(8, 256, 40, 40).to(dtype).contiguous(memory_format=torch.channels_last)
        conv = torch.nn.Conv2d(256, 256, 3, padding=1).to(dtype).to(memory_format=torch.channels_last)
        with torch.no_grad():
            found[name] = 2 * 8 * 1600 * 256 * 256 * 9 / timed(lambda: conv(x), warmup=3, rounds=9) / 1e9
    return found


def run(command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)}: {done.stderr}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--pupil", default=".build/release/pupil")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=list(WORK))
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--peer", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--ceiling", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.peer:
        print(json.dumps(peer(*given.peer, given.threads)))
        return
    if given.ceiling:
        print(json.dumps(ceiling(given.threads)))
        return
    own = [sys.executable, __file__, "--threads", str(given.threads)]
    print("| network | work | program | images/s | peak MB | times torch's default | times channels-last fp32 "
          "| times channels-last bf16 |\n|---|---|---|---|---|---|---|---|")
    for net in [given.only] if given.only else WORK:
        name, size, batch, warmup, rounds = WORK[net]
        for mode in ("train", "infer"):
            rows = {form: [] for form in (*PEERS, "Pupil fp32", "Pupil bf16")}
            for _ in range(given.rounds):
                for form in PEERS:
                    rows[form].append(run([*own, "--peer", net, mode, form]))
                for form, precision in (("Pupil fp32", "fp32"), ("Pupil bf16", "bf16")):
                    rows[form].append(run([
                        given.pupil, "bench", mode, "--model", name, "--size", str(size), "--batch", str(batch),
                        "--precision", precision, "--threads", str(given.threads), "--rounds", str(rounds),
                        "--warmup", str(warmup), "--json"]))
            value = {form: statistics.median(r["value"] for r in found) for form, found in rows.items()}
            peak = {form: statistics.median(r["peak_bytes"] for r in found) / 1e6 for form, found in rows.items()}
            for form in rows:
                ratios = " | ".join(f"{value[form] / value[p]:.2f}" for p in PEERS)
                print(f"| {name} | {mode} | {'torch, ' if form in PEERS else ''}{form} | {value[form]:.2f} "
                      f"| {peak[form]:.0f} | {ratios} |", flush=True)
    top = run([*own, "--ceiling"])
    print(f"\nceiling: {top['fp32']:.0f} GFLOP/s in fp32, {top['bf16']:.0f} in bf16")


if __name__ == "__main__":
    main()
