#!/usr/bin/env python3
"""Prints the licences of everything that is linked into the program, as they must go along with it.

    tools/release/licences.py TARGET >THIRD-PARTY.txt

Each crate is listed with its version, licence and source; then comes each text that the crates
bring, once, with the names of those that bring it. Needs nothing but Python and cargo.
"""

import json
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

NAMES = ("license", "licence", "copying", "notice", "copyright", "unlicense")
RULE = "-" * 80


def metadata(target: str) -> dict:
    command = ["cargo", "metadata", "--locked", "--format-version", "1"]
    command += ["--filter-platform", target]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def linked(graph: dict) -> list[dict]:
    """The packages that the program is linked from: no build scripts' needs and no tests'."""
    packages = {package["id"]: package for package in graph["packages"]}
    nodes = {node["id"]: node for node in graph["resolve"]["nodes"]}
    ours = next(key for key, package in packages.items() if package["name"] == "voicelt")
    seen, due = {ours}, [ours]
    while due:
        for needed in nodes[due.pop()]["deps"]:
            normal = any(kind["kind"] is None for kind in needed["dep_kinds"])
            if normal and needed["pkg"] not in seen:
                seen.add(needed["pkg"])
                due.append(needed["pkg"])
    found = (packages[key] for key in seen - {ours})
    return sorted(found, key=lambda package: (package["name"], package["version"]))


def texts(package: dict) -> list[str]:
    """The texts of a package's licences, from its folder."""
    folder = Path(package["manifest_path"]).parent
    files = [file for file in sorted(folder.iterdir()) if file.name.lower().startswith(NAMES)]
    return [file.read_text(errors="replace").strip() for file in files if file.is_file()]


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(f"usage: {sys.argv[0]} TARGET, such as x86_64-unknown-linux-gnu")
    packages = linked(metadata(sys.argv[1]))
    bringing = defaultdict(list)
    print("voicelt is linked from Rust's standard library (MIT OR Apache-2.0) and these packages.")
    print("Each is at https://crates.io, with its source.\n")
    for package in packages:
        name = f"{package['name']} {package['version']}"
        print(f"{name}: {package['license'] or 'see its text below'}")
        for text in texts(package):
            bringing[text].append(name)
    for text, names in bringing.items():
        print(f"\n{RULE}\n{', '.join(names)}\n{RULE}\n\n{text}")


if __name__ == "__main__":
    main()
