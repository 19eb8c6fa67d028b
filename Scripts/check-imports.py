#!/usr/bin/env python3
"""Compare every `import` in Sources/ and Tests/ with the table of rooms in Package.swift.

The compiler sees modules that a target reaches through others, so it cannot keep this law. Also: the dry wing names no
room of the wet one, and nothing imports full Foundation (its ICU adds 40 MB to a static binary).
"""
import json
import os
import re
import subprocess
import sys

SYSTEM = {"FoundationEssentials", "Glibc", "Dispatch", "Synchronization"}
IN_TESTS = {"Testing"}
IMPORT = re.compile(
    r"^\s*(?:@\w+(?:\([^)]*\))?\s+)*(?:(?:public|package|internal|fileprivate|private)\s+)?"
    r"import\s+(?:(?:struct|class|enum|protocol|func|var|let|typealias)\s+)?(\w+)"
)


def targets(dry):
    """Each target of the manifest: name -> (the targets it declares, its folder)."""
    environment = dict(os.environ)
    environment.pop("PUPIL_DRY", None)
    if dry:
        environment["PUPIL_DRY"] = "1"
    result = subprocess.run(
        ["swift", "package", "dump-package"], stdin=subprocess.DEVNULL, capture_output=True, text=True, env=environment)
    if result.returncode:
        sys.exit(result.stderr)
    table = {}
    for target in json.loads(result.stdout)["targets"]:
        names = [(d.get("byName") or d.get("target") or d.get("product"))[0] for d in target["dependencies"]]
        folder = target.get("path") or f"{'Tests' if target['type'] == 'test' else 'Sources'}/{target['name']}"
        table[target["name"]] = (set(names), folder)
    return table


def swift_files(folder):
    for path, folders, files in os.walk(folder):
        folders.sort()
        for name in sorted(files):
            if name.endswith(".swift"):
                yield os.path.join(path, name)


def imports(path):
    """Line number and module of each import; lines inside block comments and multi-line strings do not count."""
    hidden = None
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if hidden:
                if hidden in line:
                    hidden = None
                continue
            found = IMPORT.match(line)
            if found:
                yield number, found.group(1)
            elif line.count('"""') % 2:
                hidden = '"""'
            elif "/*" in line and "*/" not in line.split("/*", 1)[1]:
                hidden = "*/"


def main():
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
    table, dry = targets(dry=False), targets(dry=True)
    problems = []

    # A dry target stands in both manifests and may lean on dry ones only.
    for name, (declared, _) in sorted(dry.items()):
        for wet in sorted((declared | table.get(name, (set(), ""))[0]) - set(dry)):
            problems.append(f"Package.swift: {name} is in the dry wing and declares {wet}, which is not")

    for name, (declared, folder) in sorted(table.items()):
        is_test = folder.startswith("Tests/")
        allowed = declared | SYSTEM | (IN_TESTS if is_test else set())
        if not os.path.isdir(folder):
            problems.append(f"Package.swift: target {name} has no folder {folder}")
        for path in swift_files(folder):
            for number, module in imports(path):
                if module in allowed:
                    continue
                if module in table:
                    may = ", ".join(sorted(declared)) or "nothing"
                    why = f"{name} does not declare {module} in Package.swift (it may import {may})"
                elif module == "Foundation":
                    why = "import FoundationEssentials instead: Foundation brings ICU into the binary"
                else:
                    why = f"{module} is none of this package's rooms, and not among {', '.join(sorted(SYSTEM))}"
                problems.append(f"{path}:{number}: error: {why}")

    known = {os.path.normpath(folder) for _, folder in table.values()}
    for parent in ("Sources", "Tests"):
        for name in sorted(os.listdir(parent)) if os.path.isdir(parent) else []:
            if os.path.isdir(f"{parent}/{name}") and f"{parent}/{name}" not in known:
                problems.append(f"{parent}/{name}: error: this folder is no target of Package.swift")
    for problem in problems:
        print(problem, file=sys.stderr)
    sys.exit(1 if problems else 0)


main()
