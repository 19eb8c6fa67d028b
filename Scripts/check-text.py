#!/usr/bin/env python3
"""What neither the compiler nor swift-format checks, over every file that git knows or would add.

- no path of somebody's machine, no unfinished work, no `try!` or `as!`
- a tensor's C handle is read in Sources/Torch only (a handle read off a temporary outlives its tensor and crashes)
- the dry wing's C sees no libtorch, and CTorch is imported by Torch alone
- a source file has at most 450 lines, no tabs and no trailing blanks, and a line at most 120 characters (in Swift that
  is swift-format's business)
- a relative link in a page leads to a file that is there, and its #heading too
"""
import os
import re
import subprocess
import sys

MAX_LINES, MAX_WIDTH = 450, 120
SOURCE = (".swift", ".c", ".cpp", ".h", ".py", ".sh")
MACHINE_PATH = re.compile(r"(?<![\w.$}{<*/-])/(?:home|root|work|Users|tmp/w)/[A-Za-z0-9_.-]+")
# Built from parts, so that this file does not find itself.
UNFINISHED = re.compile(r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "X" + "XX", "HA" + "CK"]) + r")\b")
FORCED = re.compile(r"(?<![\w`])(" + "try" + r"!|" + "as" + r"!)")
HANDLE = re.compile(r"\.handle\b")
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)|!\[[^\]]*\]\(([^)\s]+)\)")


def files():
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], capture_output=True, check=True)
    return sorted({name for name in listed.stdout.decode().split("\0") if name and os.path.isfile(name)})


def headings(path):
    """The anchors of a page, made as GitHub makes them."""
    found, fenced = set(), False
    with open(path, encoding="utf-8") as file:
        for line in file:
            if line.startswith("```"):
                fenced = not fenced
            match = re.match(r"#+\s+(.*)", line)
            if match and not fenced:
                text = re.sub(r"[^\w\- ]", "", match.group(1).replace("`", "").strip().lower())
                found.add(text.replace(" ", "-"))
    return found


def check_links(path, text, report):
    text = re.sub(r"```.*?```", lambda m: "\n" * m.group(0).count("\n"), text, flags=re.S)
    for number, line in enumerate(text.split("\n"), 1):
        for match in LINK.finditer(re.sub(r"`[^`]*`", "", line)):
            target = match.group(1) or match.group(2)
            if re.match(r"[a-z]+:", target):
                continue
            file, _, anchor = target.partition("#")
            place = os.path.normpath(os.path.join(os.path.dirname(path), file)) if file else path
            if not os.path.exists(place):
                report(path, number, f"the link to {target} leads nowhere")
            elif anchor and place.endswith(".md") and anchor not in headings(place):
                report(path, number, f"{place} has no heading #{anchor}")


def check_source(path, lines, report):
    if len(lines) > MAX_LINES:
        report(path, MAX_LINES + 1, f"{len(lines)} lines; more than {MAX_LINES} is two files")
    sees_tensors = path.startswith("Sources/") and any(re.match(r"(public |package )?import Torch\b", x) for x in lines)
    for number, line in enumerate(lines, 1):
        if len(line) > MAX_WIDTH and not path.endswith(".swift") and "http" not in line:
            report(path, number, f"{len(line)} characters; {MAX_WIDTH} at most")
        if "\t" in line:
            report(path, number, "a tab")
        if line != line.rstrip():
            report(path, number, "blanks at the end of the line")
        if path.endswith(".swift"):
            code = re.sub(r'"(?:\\.|[^"\\])*"', '""', line).split("//")[0]
            if FORCED.search(code):
                report(path, number, f"{FORCED.search(code).group(1)} crashes on the user's data; throw a Failure")
            if sees_tensors and not path.startswith("Sources/Torch/") and HANDLE.search(code):
                report(path, number, "a tensor's handle never leaves Sources/Torch")
            if re.match(r"\s*(?:@\w+\s+)*import CTorch\b", line) and not path.startswith("Sources/Torch/"):
                report(path, number, "only Torch imports CTorch")
        dry_c = path.startswith("Sources/C") and not path.startswith("Sources/CTorch/")
        if dry_c and re.match(r"\s*#\s*include\s*[<\"](torch|ATen|c10)/", line):
            report(path, number, "a dry room sees nothing of libtorch")


def main():
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
    problems = []

    def report(path, number, text):
        problems.append(f"{path}:{number}: error: {text}")

    for path in files():
        with open(path, "rb") as file:
            data = file.read()
        try:
            text = data.decode()
        except UnicodeDecodeError:
            continue
        if "\0" in text or path == "LICENSE":
            continue
        lines = text.split("\n")
        if lines and lines[-1] == "":
            lines.pop()
        for number, line in enumerate(lines, 1):
            if MACHINE_PATH.search(line) and not path.endswith(".json"):
                report(path, number, f"a path of one machine: {MACHINE_PATH.search(line).group(0)}")
            if UNFINISHED.search(line):
                report(path, number, f"unfinished: {UNFINISHED.search(line).group(1)}")
        if path.endswith(SOURCE):
            check_source(path, lines, report)
        if path.endswith(".md"):
            check_links(path, text, report)
    for problem in problems:
        print(problem, file=sys.stderr)
    sys.exit(1 if problems else 0)


main()
