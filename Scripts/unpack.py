#!/usr/bin/env python3
"""Unpack from a wheel the files whose names match: unpack.py WHEEL FOLDER PATTERN...

A pattern is of fnmatch's kind over the whole name inside the wheel (`*` crosses slashes). Every pattern must match.
"""
import fnmatch
import os
import shutil
import sys
import zipfile


def main():
    wheel, folder, patterns = sys.argv[1], os.path.realpath(sys.argv[2]), sys.argv[3:]
    used = set()
    with zipfile.ZipFile(wheel) as archive:
        for entry in archive.infolist():
            matching = [p for p in patterns if fnmatch.fnmatchcase(entry.filename, p)]
            if entry.is_dir() or not matching:
                continue
            used.update(matching)
            target = os.path.realpath(os.path.join(folder, entry.filename))
            if not target.startswith(folder + os.sep):
                sys.exit(f"{wheel}: refusing to write {entry.filename} outside {folder}")
            os.makedirs(os.path.dirname(target), exist_ok=True)
            # zipfile checks the CRC of what it reads.
            with archive.open(entry) as source, open(target, "wb") as sink:
                shutil.copyfileobj(source, sink, 1 << 22)
            os.chmod(target, (entry.external_attr >> 16) & 0o755 or 0o644)
    missing = [p for p in patterns if p not in used]
    if missing:
        sys.exit(f"{wheel} holds nothing named {', '.join(missing)}")


main()
