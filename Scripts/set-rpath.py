#!/usr/bin/env python3
"""Copy a 64-bit ELF file with another, no longer, run path: set-rpath.py FROM TO RUNPATH.

The string is overwritten where it lies, as chrpath does; a tool for that may be absent.
"""
import struct
import sys

DT_NULL, DT_STRTAB, DT_RPATH, DT_RUNPATH, PT_LOAD, PT_DYNAMIC = 0, 5, 15, 29, 1, 2


def main():
    source, target, wanted = sys.argv[1:4]
    with open(source, "rb") as file:
        data = bytearray(file.read())
    if data[:6] != b"\x7fELF\x02\x01":
        sys.exit(f"{source} is not a little-endian 64-bit ELF file")
    start, = struct.unpack_from("<Q", data, 32)
    size, count = struct.unpack_from("<HH", data, 54)
    segments = [struct.unpack_from("<IIQQQQQQ", data, start + i * size) for i in range(count)]

    def offset(address):
        for kind, _, place, virtual, _, length, _, _ in segments:
            if kind == PT_LOAD and virtual <= address < virtual + length:
                return place + address - virtual
        sys.exit(f"{source}: address {address:#x} is in no segment")

    dynamic = {}
    for kind, _, place, _, _, length, _, _ in segments:
        if kind == PT_DYNAMIC:
            for tag, value in struct.iter_unpack("<qQ", data[place:place + length // 16 * 16]):
                if tag == DT_NULL:
                    break
                dynamic[tag] = value
    tags = [tag for tag in (DT_RUNPATH, DT_RPATH) if tag in dynamic]
    if not tags:
        sys.exit(f"{source} has no run path to overwrite")
    for tag in tags:
        place = offset(dynamic[DT_STRTAB]) + dynamic[tag]
        end = data.index(0, place)
        if len(wanted) > end - place:
            sys.exit(f"{source}: '{wanted}' is longer than its run path '{data[place:end].decode()}'")
        data[place:end] = wanted.encode().ljust(end - place, b"\0")
    with open(target, "wb") as file:
        file.write(data)


main()
