"""Parameters and multiply-adds of the paper's networks, from the tables of docs/paper.md's sources by arithmetic alone.

    python Tools/reference/parameter_counts.py [FILE.json]

No network is built: a network is a sum of layers, and a layer knows its parameters (weights, shifts, norms' scale and
shift) and its multiply-adds (convolutions and matrices only) at a size. Beside each count stands the number that was
published, and how far it is off. A size that is halved is rounded up.

What the counts decide: NAS-FPN's convolutions are depthwise separable (with ordinary ones the segmenter on B7 has 93
million parameters, not 67.5, and 87 GMAC, not 60); a separable convolution has one shift, at its end; SpineNet's stem
is 64 wide at every scale and its groups at level 2 follow the scale; enlarging comes before the last convolution of
resampling (the published FLOPs). They do not decide whether NAS-FPN's laterals have a shift before their norms (768 of
3.6 million): the TPU code, which leaves the layers' default, has it.
"""
import collections
import math
import sys

from common import write

Count = collections.namedtuple("Count", "parameters macs")
Count.__add__ = lambda a, b: Count(a.parameters + b.parameters, a.macs + b.macs)
NOTHING = Count(0, 0)


def total(counts):
    return sum(counts, NOTHING)


def times(n, count):
    """n layers of one form, each with its own parameters."""
    return Count(n * count.parameters, n * count.macs)


def conv(inputs, outputs, kernel, side, bias=False, groups=1):
    """A convolution whose output is side x side."""
    weights = inputs // groups * outputs * kernel ** 2
    return Count(weights + outputs * bias, weights * side ** 2)


def norm(channels):
    return Count(2 * channels, 0)


def conv_norm(inputs, outputs, kernel, side, groups=1):
    return conv(inputs, outputs, kernel, side, groups=groups) + norm(outputs)


def separable(inputs, outputs, kernel, side, bias=True):
    """Depthwise, then pointwise with one shift at the end."""
    return conv(inputs, inputs, kernel, side, groups=inputs) + conv(inputs, outputs, 1, side, bias)


def dense(inputs, outputs):
    return Count(inputs * outputs + outputs, inputs * outputs)


def level_side(size, level):
    for _ in range(level):
        size = -(-size // 2)
    return size


# ResNet --------------------------------------------------------------------------------------------------------------

def bottleneck(inputs, width, side, before=None):
    """`before`: the side of the input, where the 3x3 strides."""
    before = before or side
    projection = conv_norm(inputs, 4 * width, 1, side) if inputs != 4 * width else NOTHING
    return (conv_norm(inputs, width, 1, before) + conv_norm(width, width, 3, side)
            + conv_norm(width, 4 * width, 1, side) + projection)


def residual(inputs, width, side):
    projection = conv_norm(inputs, width, 1, side) if inputs != width else NOTHING
    return conv_norm(inputs, width, 3, side) + conv_norm(width, width, 3, side) + projection


def resnet50(size, classes=None):
    count, inputs = conv_norm(3, 64, 7, level_side(size, 1)), 64
    for stage, repeats in enumerate((3, 4, 6, 3)):
        side, width = level_side(size, stage + 2), 64 << stage
        for i in range(repeats):
            before = level_side(size, stage + 1) if i == 0 and stage > 0 else side
            count += bottleneck(inputs, width, side, before)
            inputs = 4 * width
    return count + (dense(2048, classes) if classes else NOTHING)


# EfficientNet --------------------------------------------------------------------------------------------------------

# repeats, kernel, stride, expansion, channels
STAGES = ((1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80), (3, 5, 1, 6, 112), (4, 5, 2, 6, 192),
          (1, 3, 1, 6, 320))
EFFICIENTNETS = {"b0": (1, 1), "b1": (1, 1.1), "b2": (1.1, 1.2), "b3": (1.2, 1.4), "b4": (1.4, 1.8), "b5": (1.6, 2.2),
                 "b6": (1.8, 2.6), "b7": (2, 3.1), "b8": (2.2, 3.6), "l2": (4.3, 5.3)}


def rounded_width(channels, width):
    scaled = channels * width
    result = max(8, int(scaled + 4) // 8 * 8)
    return result + 8 if result < 0.9 * scaled else result


def efficientnet(name, size, classes=None):
    """The count, and the channels of C3, C4, C5. Without `classes` also without the last convolution."""
    width, depth = EFFICIENTNETS[name]
    inputs, level, taps = rounded_width(32, width), 1, {}
    count = conv_norm(3, inputs, 3, level_side(size, 1))
    for repeats, kernel, stride, expansion, channels in STAGES:
        outputs = rounded_width(channels, width)
        for i in range(math.ceil(depth * repeats)):
            before = level_side(size, level)
            if i == 0 and stride == 2:
                level += 1
            side, middle, squeezed = level_side(size, level), inputs * expansion, max(1, int(inputs * 0.25))
            if expansion != 1:
                count += conv_norm(inputs, middle, 1, before)
            count += conv_norm(middle, middle, kernel, side, groups=middle)
            count += conv(middle, squeezed, 1, 1, bias=True) + conv(squeezed, middle, 1, 1, bias=True)
            count += conv_norm(middle, outputs, 1, side)
            inputs = outputs
        taps[level] = outputs
    if classes:
        last = rounded_width(1280, width)
        count += conv_norm(inputs, last, 1, level_side(size, 5)) + dense(last, classes)
    return count, [taps[n] for n in (3, 4, 5)]


# Necks and heads -----------------------------------------------------------------------------------------------------

LEVELS = (3, 4, 5, 6, 7)


def fpn(channels, size, width=256, norms=True):
    count = NOTHING
    for level, c in zip((3, 4, 5), channels):
        side = level_side(size, level)
        count += conv(c, width, 1, side, True) + conv(width, width, 3, side, True)
    count += total(conv(width, width, 3, level_side(size, level), True) for level in (6, 7))
    return count + (times(5, norm(width)) if norms else NOTHING)


def nas_fpn(channels, size, width=256, repeats=7, lateral_bias=True, separate=True):
    def layer(inputs, kernel, level, bias):
        side = level_side(size, level)
        form = separable(inputs, width, kernel, side, bias) if separate else conv(inputs, width, kernel, side, bias)
        return form + norm(width)
    laterals = total(layer(c, 1, level, lateral_bias) for level, c in zip((3, 4, 5), channels) if c != width)
    return laterals + times(repeats, total(layer(width, 3, level, True) for level in (4, 4, 3, 4, 5, 7, 6)))


def retinanet_head(size, width=256, layers=4, classes=91, norms=True, inputs=None):
    """Weights are the levels' common ones, norms each level's own."""
    count = NOTHING
    for outputs in (9 * classes, 9 * 4):
        for i, level in enumerate(LEVELS):
            side = level_side(size, level)
            at_level = total(conv(inputs if inputs and j == 0 else width, width, 3, side, True) for j in range(layers))
            at_level += conv(width, outputs, 3, side, True)
            count += Count(at_level.parameters if i == 0 else 0, at_level.macs)
        if norms:
            count += times(5 * layers, norm(width))
    return count


def segmentation_head(size, width=256, classes=21):
    side = level_side(size, 2)
    return times(3, conv(width, width, 3, side, True) + norm(width)) + conv(width, classes, 1, side, True)


# SpineNet ------------------------------------------------------------------------------------------------------------

BLOCKS = ((2, "b", 0, 1), (4, "r", 0, 1), (3, "b", 2, 3), (4, "b", 2, 4), (6, "r", 3, 5), (4, "b", 3, 5),
          (5, "r", 6, 7), (7, "r", 6, 8), (5, "b", 8, 9), (5, "b", 8, 10), (4, "b", 5, 10), (3, "b", 4, 10),
          (5, "b", 7, 12), (7, "b", 5, 14), (6, "b", 12, 14))
BASE = {2: 64, 3: 128, 4: 256, 5: 256, 6: 256, 7: 256}
# endpoint channels, scale of widths, alpha, repeats; convolutions and width of the head
SPINENETS = {"49S": (128, 0.65, 0.5, 1, 4, 128), "49": (256, 1, 0.5, 1, 4, 256), "96": (256, 1, 0.5, 2, 4, 256),
             "143": (256, 1, 1, 3, 4, 256), "190": (512, 1.3, 1, 4, 7, 512)}


def spinenet(name, size):
    ends, scale, alpha, repeats, _, _ = SPINENETS[name]
    width = {level: int(w * scale) for level, w in BASE.items()}
    count, nodes = conv_norm(3, 64, 7, level_side(size, 1)), []  # nodes: level, kind, channels
    inputs = 64
    for _ in range(2):
        for _ in range(repeats):
            count += bottleneck(inputs, width[2], level_side(size, 2))
            inputs = 4 * width[2]
        nodes.append((2, "b", inputs))
    used = {0: 0, 1: 0}
    for i, (level, kind, *parents) in enumerate(BLOCKS):
        side, channels = level_side(size, level), width[level] * (4 if kind == "b" else 1)
        for parent in parents:
            used[parent] += 1
            from_level, from_kind, from_channels = nodes[parent]
            middle = int((from_channels // 4 if from_kind == "b" else from_channels) * alpha)
            count += conv_norm(from_channels, middle, 1, level_side(size, from_level))
            if level > from_level:
                count += conv_norm(middle, middle, 3, level_side(size, from_level + 1))
            # A coarse map is enlarged before the last convolution, which so works on the target's places.
            count += conv_norm(middle, channels, 1, side)
        if i >= 10:  # the endpoints take what nobody else does; same level, same channels: nothing to learn
            for j, node in enumerate(nodes):
                if used[j] == 0 and node[0] == level and node[2] == channels:
                    used[j] += 1
                    assert (j, i + 2) == (11, 14), "the rule adds one edge"
        form = bottleneck if kind == "b" else residual
        count += times(repeats, form(channels, width[level], side))
        nodes.append((level, kind, channels))
        used[i + 2] = 0
    return count + total(conv_norm(nodes[n][2], ends, 1, level_side(size, nodes[n][0])) for n in range(12, 17))


# The tables ----------------------------------------------------------------------------------------------------------

def retinanet_spinenet(name, size):
    ends, *_, layers, width = SPINENETS[name]
    return spinenet(name, size) + retinanet_head(size, width, layers, inputs=ends)


def retinanet_b7(size, with_classifier=False):
    features, taps = efficientnet("b7", size)
    count = features + fpn(taps, size) + retinanet_head(size)
    return count + unused("b7") if with_classifier else count


def unused(name):
    whole, features = efficientnet(name, 224, 1000)[0], efficientnet(name, 224)[0]
    return Count(whole.parameters - features.parameters, 0)


def segmenter(name, size=512, **options):
    features, taps = efficientnet(name, size)
    return features + nas_fpn(taps, size, **options) + segmentation_head(size)


def main():
    rows = []  # name, parameters, published, MACs, published

    def row(name, count, published, macs=None):
        rows.append((name, count.parameters, published, count.macs, macs))

    row("resnet50 224", resnet50(224, 1000), 25.557e6, 4.09e9)
    tables = {"b0": (5.29, 3.60), "b1": (7.79, 6.10), "b2": (9.11, 7.20), "b3": (12.23, 10.10), "b4": (19.34, 16.74),
              "b5": (30.39, 27.29), "b6": (43.04, 39.40), "b7": (66.35, 62.14), "l2": (480.31, 467.22)}
    published_macs = {"b0": 0.39e9, "b1": 0.70e9, "b2": 1.0e9, "b3": 1.8e9, "b4": 4.2e9, "b5": 9.9e9, "b6": 19e9,
                      "b7": 37e9}
    sizes = {"b0": 224, "b1": 240, "b2": 260, "b3": 300, "b4": 380, "b5": 456, "b6": 528, "b7": 600, "b8": 672,
             "l2": 800}
    for name, size in sizes.items():
        whole, features = tables.get(name, (None, None))
        row(f"efficientnet-{name} {size}", efficientnet(name, size, 1000)[0], whole and whole * 1e6,
            published_macs.get(name))
        row(f"efficientnet-{name} features", efficientnet(name, size)[0], features and features * 1e6)
    c3_to_c5 = [512, 1024, 2048]
    row("fpn b7", fpn([80, 224, 640], 640), 3.20e6)
    row("retinanet head 256x4", retinanet_head(640), 6.71e6)
    row("retinanet head 512x7", retinanet_head(1280, 512, 7), 37.05e6)
    row("retinanet-r50 320, norms as the paper's", resnet50(320) + fpn(c3_to_c5, 320) + retinanet_head(320), 34.1e6,
        24.2e9)
    # torchvision's number leaves out the 53,120 scales and shifts of the norms that it freezes.
    row("retinanet-r50 320, torchvision's", resnet50(320) + fpn(c3_to_c5, 320, norms=False)
        + retinanet_head(320, norms=False), 34_014_999 + 53_120, 24.2e9)
    row("retinanet-r50 640", resnet50(640) + fpn(c3_to_c5, 640) + retinanet_head(640), 34.1e6, None)
    row("retinanet-b7 640", retinanet_b7(640), 72.1e6)
    row("retinanet-b7 640 with its classifier", retinanet_b7(640, True), 76.3e6)
    for name, taps, published in (("b7", [80, 224, 640], 3.61e6), ("l2", [176, 480, 1376], 3.89e6)):
        row(f"nas-fpn {name}", nas_fpn(taps, 512), published)
        row(f"nas-fpn {name}, laterals without shifts", nas_fpn(taps, 512, lateral_bias=False), published)
    row("segmentation head", segmentation_head(512), 1.78e6)
    for name, published, whole, macs in (("b7", 67.5e6, 71.7e6, 60e9), ("l2", 472.9e6, 486.0e6, 229e9)):
        row(f"segmentation-{name} 512", segmenter(name), published, macs)
        row(f"segmentation-{name} with its classifier", segmenter(name) + unused(name), whole)
        row(f"segmentation-{name} 512, ordinary convolutions", segmenter(name, separate=False), None, macs)
    spine = {"49S": (640, 11.3e6, None), "49": (640, 28.54e6, 85.4e9), "96": (1024, 42.97e6, 265e9),
             "143": (1280, 66.96e6, 524e9), "190": (1280, 163.64e6, 1885e9)}
    for name, (size, published, macs) in spine.items():
        row(f"spinenet-{name} {size}", spinenet(name, size), None)
        row(f"retinanet-spinenet{name} {size}", retinanet_spinenet(name, size), published, macs)

    print(f"{'':46}{'parameters':>13}{'published':>10}{'off':>8}{'GMAC':>11}{'published':>10}{'off':>8}")
    off = lambda a, b: f"{100 * (a / b - 1):+.2f}%" if b else ""
    short = lambda v, unit: f"{v / unit:.5g}" if v else ""
    for name, parameters, published, macs, published_macs in rows:
        print(f"{name:46}{parameters:13,}{short(published, 1e6):>10}{off(parameters, published):>8}{macs / 1e9:11.3f}"
              f"{short(published_macs, 1e9):>10}{off(macs, published_macs):>8}")
    if len(sys.argv) > 1:
        write(sys.argv[1], {"source": "Tools/reference/parameter_counts.py"}
              | {name: {"parameters": p, "macs": m} for name, p, _, m, _ in rows}, digits=15)


if __name__ == "__main__":
    main()
