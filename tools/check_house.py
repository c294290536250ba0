#!/usr/bin/python3
"""Checks the rules of the house that a compiler does not: who may include whom, which folder may use which library, the sizes
of files, and that README.md's table has one row for each top-level folder.

    check_house.py [FOLDER]     prints one line for each fault; exits with 1 if there is one
"""

import pathlib
import re
import sys

# A folder's C++ files may include these folders and single headers, and their own folder.
MAY_INCLUDE = {
    "domain": [],
    "storage": ["domain/"],
    "ml": ["domain/"],
    "config": [],
    "actors": ["domain/", "storage/", "ml/"],
    "http": ["domain/", "actors/", "config/", "storage/views.h", "storage/blob_store.h"],
    "tools": [""],
    "tests": [""],
}

# Which folders may use a library. A header that uses one, itself or through others, is for its own folder only, unless the
# library is in OPEN: no library's type crosses from one folder to another.
LIBRARIES = {
    "caf/": ["actors"],
    "CLI/": ["tools"],
    "httplib.h": ["http", "actors", "tools"],
    "nlohmann/": ["storage", "ml", "actors", "http", "tools"],
    "openssl/": ["storage", "actors", "http", "tools"],
    "rocksdb/": ["storage"],
    "seccomp.h": ["ml/execution"],
    "sodium.h": ["storage", "actors"],
    "spdlog/": ["storage", "ml", "actors", "http", "tools"],
    "toml++/": ["config"],
    "torch/": ["ml/execution"],
    "ATen/": ["ml/execution"],
    "c10/": ["ml/execution"],
    "caffe2/": ["ml/execution"],
    "zlib.h": ["ml", "http"],
    "jpeglib.h": ["ml"],
    "png.h": ["ml"],
    "gtest/": [],
    "gmock/": [],
}
OPEN = ("nlohmann/", "gtest/", "gmock/")

# The domain does no I/O, reads no clock and draws no random numbers.
NOT_IN_DOMAIN = {"fstream", "iostream", "filesystem", "random", "thread", "mutex", "future", "atomic"}

SYSTEM = re.compile(
    r"(sys|linux|netinet|arpa|net|asm|bits)/.*"
    r"|(cxxabi|dirent|dlfcn|endian|errno|fcntl|grp|immintrin|limits|netdb|poll|pthread|pwd|sched|semaphore|setjmp|signal|spawn"
    r"|malloc|stddef|stdint|stdio|stdlib|string|syscall|sysexits|syslog|termios|time|ucontext|unistd|x86intrin)\.h"
    r"|[a-z_]+"  # the standard library
)
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)
LINES_MAX = 400


class House:
    def __init__(self, root):
        self.root = pathlib.Path(root)
        self.faults = []
        self.includes = {}  # file -> [(line, bracket, name)], files by their path from the root

    def fault(self, where, text):
        self.faults.append(f"{where}: {text}")

    def check(self):
        folders = self.folders()
        for folder in folders:
            for path in sorted((self.root / folder).rglob("*")):
                if path.suffix in (".cpp", ".h", ".py") and path.is_file():
                    self.read(path)
        for file in self.includes:
            for line, bracket, name in self.includes[file]:
                check = self.check_own if bracket == '"' else self.check_foreign
                check(file, f"{file}:{line}", name)
        self.check_readme(folders)
        return self.faults

    def folders(self):
        ignored = self.root / ".gitignore"
        lines = ignored.read_text().split() if ignored.exists() else []
        outside = {line.strip("/") for line in lines if line.startswith("/")}
        return sorted(
            path.name
            for path in self.root.iterdir()
            if path.is_dir() and not path.name.startswith((".", "__")) and path.name not in outside
        )

    def read(self, path):
        file = path.relative_to(self.root).as_posix()
        text = path.read_text()
        if text.count("\n") > LINES_MAX:
            self.fault(file, f"{text.count(chr(10))} lines; at most {LINES_MAX}: is it one thing?")
        if path.suffix == ".py":
            return
        if path.suffix == ".h" and "#pragma once" not in text:
            self.fault(file, "a header without #pragma once")
        self.includes[file] = [
            (text.count("\n", 0, match.start(1)) + 1, match[1], match[2]) for match in INCLUDE.finditer(text)
        ]

    def check_own(self, file, where, name):
        folder, own = top(file), top(name)
        if name not in self.includes:
            self.fault(where, f'"{name}" is no header of ours, as a path from the repository\'s root')
        elif folder not in MAY_INCLUDE:
            self.fault(where, f"{folder}/ has no row in the table of who may include whom")
        elif own != folder:
            if not any(name.startswith(allowed) for allowed in MAY_INCLUDE[folder]):
                self.fault(where, f'{folder}/ may not include "{name}"')
            elif folder != "tests":
                for library, through in self.libraries_behind(name, []):
                    self.fault(where, f'"{name}" brings <{library}> to another folder, through {through}')

    def libraries_behind(self, header, seen):
        """The closed libraries that a header uses, and the header that includes each."""
        seen.append(header)
        for _, bracket, name in self.includes[header]:
            if bracket == '"' and name in self.includes and name not in seen:
                yield from self.libraries_behind(name, seen)
            elif bracket == "<" and library_of(name) and not name.startswith(OPEN):
                yield name, header

    def check_foreign(self, file, where, name):
        folder = top(file)
        library = library_of(name)
        if library:
            allowed = LIBRARIES[library]
            if folder != "tests" and not any(file.startswith(place + "/") for place in allowed):
                self.fault(where, f"<{name}> belongs in {', '.join(allowed) or 'tests'} only")
        elif not SYSTEM.fullmatch(name):
            self.fault(where, f"<{name}> is of no library in the table of tools/check_house.py")
        elif folder == "domain" and (name in NOT_IN_DOMAIN or name.endswith(".h")):
            self.fault(where, f"<{name}>: the domain does no I/O, and has no clock and no threads")

    def check_readme(self, folders):
        readme = self.root / "README.md"
        if not readme.exists():
            self.fault("README.md", "is missing")
            return
        rows = re.findall(r"^\|\s*\[?`([a-z_]+)/`", readme.read_text(), re.MULTILINE)
        for folder in folders:
            if rows.count(folder) != 1:
                self.fault("README.md", f"{rows.count(folder)} rows for `{folder}/` in the table of folders, not 1")
        for row in sorted(set(rows) - set(folders)):
            self.fault("README.md", f"a row for `{row}/`, which is no top-level folder")


def top(file):
    return file.split("/", 1)[0]


def library_of(name):
    return next((library for library in LIBRARIES if name.startswith(library)), None)


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent.parent
    faults = House(root).check()
    print("\n".join(faults) or "The house is in order.")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
