#!/usr/bin/env python3
"""Writes what fuzzing begins with: FOLDER/TARGET/*, out of the tests' own files and a few texts.

python3 Fuzz/seeds.py FOLDER
"""
import base64
import io
import json
import os
import re
import shutil
import struct
import sys
import zipfile
import zlib

HERE = os.path.dirname(os.path.abspath(__file__))
TESTS = os.path.join(HERE, "..", "Tests")
folder = sys.argv[1]


def seed(target, name, data):
    os.makedirs(os.path.join(folder, target), exist_ok=True)
    with open(os.path.join(folder, target, name), "wb") as file:
        file.write(data.encode() if isinstance(data, str) else data)


# Pictures of every kind, from the tests of Imaging.
with open(os.path.join(TESTS, "ImagingTests", "Fixtures.swift"), encoding="utf-8") as file:
    pictures = re.findall(r'\("([\w.]+\.(?:jpg|png|webp))", \d+, \d+,\s*"([A-Za-z0-9+/=]+)"', file.read())
assert len(pictures) > 30, "the fixtures of ImagingTests are written otherwise than they were"


def exif(order, orientation, kind=3):
    number = {"II": "<", "MM": ">"}[order]
    value = struct.pack(number + ("I" if kind == 4 else "HH"), *((orientation,) if kind == 4 else (orientation, 0)))
    return order.encode() + struct.pack(number + "HIHHHI", 42, 8, 1, 0x112, kind, 1) + value + bytes(4)


blocks = [exif(order, 6, kind) for order in ("II", "MM") for kind in (3, 4)]
for name, text in pictures:
    data = base64.b64decode(text)
    kind = name.rsplit(".", 1)[1].replace("jpg", "jpeg")
    seed(kind, name, data)
    seed("header", name, data)
    if kind != "jpeg":
        seed("exif", name, data)
    elif name == "baseline.jpg":
        for i, block in enumerate(blocks):
            app1 = b"Exif\0\0" + block
            turned = data[:2] + b"\xff\xe1" + struct.pack(">H", len(app1) + 2) + app1 + data[2:]
            seed("jpeg", f"turned{i}.jpg", turned)
            seed("header", f"turned{i}.jpg", turned)
for i, block in enumerate(blocks):
    seed("exif", f"block{i}", block)
seed("exif", "attribute.xmp", '<x:xmpmeta><rdf:Description tiff:Orientation="8"/></x:xmpmeta>')
seed("exif", "element.xmp", "<tiff:Orientation>6</tiff:Orientation>")

# Texts.
everything = '{"a":[1,-2.5e3,true,false,null,"\\u00e9\\ud83d\\ude00\\n"],"b":{"":{}},"c":[[[]]],"d":1e-308}'
seed("json", "everything.json", everything)
seed("json", "numbers.json", "[0,-0,9223372036854775807,-9223372036854775808,1e308,0.1,123456789012345678901]")
seed("json", "mark.json", b"\xef\xbb\xbf[ ]")
seed("yaml", "recipe.yaml",
     "model: nano\nlr: 1e-3\nsteps: 0o17\nseeds: [1, 2, 0x10]\nnames:\n  - 'a''b'\n  - \"\\u00e9\"\n")
seed("yaml", "block.yaml", "a: |\n  lines\n  more\nb: >-\n  folded\n  text\nc: {d: ~, e: yes, f: -1.5}\n? g\n: h\n")
seed("yaml", "refused.yaml", "%YAML 1.2\n---\na: &x 1\nb: *x\nc: !!str 2\n...\n")
for word in ("-0x1f", "+12e-3", ".5", "1_000", "True", "~"):
    seed("yaml", "word" + word.replace(".", "_") + ".yaml", word)


def safetensors(members, size):
    text = json.dumps(members).encode()
    return struct.pack("<Q", len(text)) + text + bytes(size)


seed("safetensors", "two", safetensors(
    {"__metadata__": {"format": "pt"}, "a.weight": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]},
     "b": {"dtype": "BF16", "shape": [], "data_offsets": [24, 26]}}, 26))
seed("safetensors", "none", safetensors({}, 0))
seed("safetensors", "empty", safetensors({"e": {"dtype": "I64", "shape": [0, 5], "data_offsets": [0, 0]}}, 0))

# Files of torch.save, and the pickles in them.
folder_of_weights = os.path.join(TESTS, "CheckpointsTests", "Fixtures")
for name in sorted(os.listdir(folder_of_weights)):
    if name.endswith((".pth", ".pkl", ".npz")):
        with open(os.path.join(folder_of_weights, name), "rb") as file:
            data = file.read()
        seed("torch", name, data)
        if zipfile.is_zipfile(io.BytesIO(data)) and name.endswith(".pth"):
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                seed("pickle", name, archive.read(name[:-4] + "/data.pkl"))
seed("pickle", "system.pkl", b"\x80\x02cposix\nsystem\nX\x04\x00\x00\x00true\x85R.")
seed("pickle", "old.pkl", b"\x80\x02}U\x01w(ctorch\nFloatTensor\n)\x81(U\x07storagectorch\nFloatStorage\nU\x010U\x03cpu"
     b"K\x04tQK\x00K\x02\x85K\x01\x85tbtRs.")

boxes = [{"id": 1, "image_id": 1, "category_id": 2, "bbox": [1, 2.5, 30, 20], "area": 600, "iscrowd": 0,
          "segmentation": [[1, 2, 31, 2, 31, 22]]},
         {"id": 2, "image_id": 1, "category_id": 1, "bbox": [0, 0, 9, 9], "iscrowd": 1,
          "segmentation": {"counts": [3, 5], "size": [48, 64]}}]
seed("coco", "small.json", json.dumps(
    {"info": {}, "licenses": [], "images": [{"id": 1, "file_name": "a.jpg", "width": 64, "height": 48}],
     "categories": [{"id": 1, "name": "a"}, {"id": 2, "name": "b", "supercategory": "s"}], "annotations": boxes}))
seed("results", "small.json", json.dumps(
    [{"image_id": 1, "category_id": 2, "bbox": [1, 2, 3, 4], "score": 0.5},
     {"image_id": 3, "category_id": 1, "bbox": [0.5, 0, 60, 48], "score": 1}]))

voc = ("<annotation><filename>a.jpg</filename><size><width>64</width><height>48</height><depth>3</depth></size>"
       "<object><name>cat</name><difficult>1</difficult><bndbox><xmin>2</xmin><ymin>3</ymin><xmax>30</xmax>"
       "<ymax>40</ymax></bndbox></object></annotation>")
cvat = ('<annotations><version>1.1</version><image id="0" name="a.jpg" width="64" height="48">'
        '<box label="cat" xtl="1.5" ytl="2" xbr="30" ybr="40" occluded="0"></box></image></annotations>')
table = ("ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,"
         "IsOccluded,IsTruncated,IsGroupOf,IsDepiction,IsInside\n"
         'a,xclick,"/m/01",1,0.1,0.5,0.2,0.75,0,0,1,0,0\r\n')
for name, text in [("voc.xml", voc), ("cvat.xml", cvat)]:
    seed("xml", name, text)
    seed("set", name, text)
seed("xml", "all.xml", '<?xml version="1.0" encoding="ISO-8859-1"?><!-- c --><a x="&lt;&#233;"><![CDATA[<]]><b/></a>')
seed("csv", "table.csv", table)
seed("csv", "quotes.csv", '\ufeffa,"b ""c"", d"\n\n"e\nf",\r\n')
seed("set", "table.csv", table)
seed("set", "coco.json", json.dumps({"images": [], "annotations": [], "categories": []}))
seed("set", "data.yaml", "path: .\ntrain: images\nval: [a, b]\nnames: {0: cat, 1: dog}\nnc: 2\n")
seed("yolo", "boxes.txt", "0 0.5 0.5 0.25 0.5\n1 0.1 0.2 0.05 0.1 0.875\n0 0 0 1 0 1 1 0.5 0.5\n")

# And what was found before.
findings = os.path.join(TESTS, "FuzzTests", "Findings")
for target in sorted(os.listdir(findings)):
    if os.path.isdir(os.path.join(findings, target)):
        for name in sorted(os.listdir(os.path.join(findings, target))):
            os.makedirs(os.path.join(folder, target), exist_ok=True)
            shutil.copyfile(os.path.join(findings, target, name), os.path.join(folder, target, "found-" + name))

def png(width, height, kind, rows, palette=b""):
    """A PNG of 8 bits: kind 0 grey, 2 RGB, 3 palette."""
    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    raw = b"".join(b"\0" + row for row in rows)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0))
            + (chunk(b"PLTE", palette) if palette else b"") + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b""))


seed("mask", "grey.png", png(3, 2, 0, [b"\0\1\xff", b"\2\2\0"]))
seed("mask", "palette.png", png(3, 2, 3, [b"\0\1\1", b"\0\0\1"], bytes(range(6))))
seed("mask", "colour.png", png(1, 1, 2, [b"\1\2\3"]))
seed("classes", "names.txt", "sky\ntraffic light\n")
seed("classes", "table.csv", "name,r,g,b\nsky,128,128,128\nvoid,0,0,0\nroad,1,2,3\n")
seed("classes", "colours.txt", "128 128 128\tsky\n1 2 3\troad\n")
seed("classes", "names.json", '{"classes": ["sky", "road"]}')
seed("panoptic", "small.json", json.dumps(
    {"images": [{"id": 4, "file_name": "a.jpg", "width": 2, "height": 2}],
     "annotations": [{"image_id": 4, "file_name": "a.png", "segments_info": [{"id": 7, "category_id": 90}]}],
     "categories": [{"id": 1, "name": "person"}, {"id": 90, "name": "sky"}]}))
seed("record", "mask", json.dumps({"file": "a.jpg", "sha256": "00", "width": 2, "height": 2, "mask": "a.png",
                                   "histogram": [0] * 19 + [4]}))
seed("record", "boxes", '{"file":"a.jpg","sha256":"","width":2,"height":2,"detections":[[0,0,1.5,2,1,0.75]]}')
seed("record", "classes", '{"file":"a.jpg","sha256":"00","labels":[2,0],"weights":[200,40],"cut":0.0625}')
seed("record", "refused", '{"file":"a.jpg","sha256":"","refused":"a TIFF"}')
