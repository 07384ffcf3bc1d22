#!/usr/bin/env python3
"""Prints names that two places of the tree share, and fails if there is one.

    names.py ROOT

Three kinds of names are looked at: tags of structs, unions and enumerations; functions and variables that other files
see; static functions of src, so that a backtrace says which module a function belongs to.
"""
import collections
import fnmatch
import pathlib
import re
import sys

FOLDERS = ["include", "src", "tools", "tests"]

# A name, two patterns of files that may share it, and why.
SHARED = [
    ("LLVMFuzzer*", "tests/fuzz/*", "tests/fuzz/*", "libFuzzer calls them; each fuzzer is a program of its own"),
    ("blas_open", "src/compute/blas/blas.c", "src/compute/blas/missing.c", "a build has one of them"),
    ("clm_openblas_version", "src/compute/blas/version.c", "src/compute/blas/missing.c", "a build has one of them"),
    ("cl[A-Z]*", "tests/*", "tests/*", "a program's own function in place of the driver's"),
    ("clock_seconds", "tests/test_*.c", "tests/test_*.c", "each test has a clock of its own"),
    ("clock_seconds", "tests/test_*.c", "src/base/clock.c", "a test's own clock takes the place of it"),
    ("sheet_write", "tests/test_augment.c", "src/data/pictures/sheet.c", "a test looks at the pictures instead of drawing them"),
    ("*", "tests/fuzz/fuzz_options.c", "src/cli/arguments.c", "takes the place of it"),
    ("*", "tests/install/names.c", "src/*", "the library keeps its names to itself"),
    ("main", "*", "*", "each program has one"),
]

SKIPPED = re.compile(r"""/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|^[ \t]*\#(?:[^\n]*\\\n)*[^\n]*""",
                     re.S | re.M)
ATTRIBUTE = re.compile(r"__attribute__\s*\(\((?:[^()]|\([^()]*\))*\)\)|\b_Noreturn\b|\b[A-Z_]+_MUST_CHECK\b")
TAG = re.compile(r"\b(?:struct|union|enum)\s+(\w+)\s*\{")


def outside(text):
    """What stands outside of braces: a definition up to its { or ; and which of both follows."""
    depth = begin = 0
    for at, sign in enumerate(text):
        if sign in "{;" and depth == 0:
            yield text[begin:at].strip(), sign
            begin = at + 1
        depth += (sign == "{") - (sign == "}")
        if sign == "}" and depth == 0:
            begin = at + 1


def defined(text):
    """Functions and variables that a file defines: the name, whether it is a function, and whether it is static."""
    for words, sign in outside(text):
        words = ATTRIBUTE.sub(" ", words)
        if re.match(r"START_TEST|END_TEST|(extern|typedef)\b", words):
            continue
        function = re.match(r"([\w\s*]*?)\b(\w+)\s*\(", words)
        variable = re.match(r"([\w\s*]*?)\b(\w+)\s*(\[[^=]*\]\s*)*(=|$)", words)
        if function and "=" not in words and sign == "{":
            yield function.group(2), True, "static" in function.group(1).split()
        elif variable and variable.group(1).strip() and ("=" in words or sign == ";") and not re.match(
                r"(struct|union|enum)\s+\w+$", words):
            yield variable.group(2), False, "static" in variable.group(1).split()


def may_share(name, one, other):
    return any(fnmatch.fnmatchcase(name, pattern) and
               ((fnmatch.fnmatch(one, a) and fnmatch.fnmatch(other, b)) or
                (fnmatch.fnmatch(one, b) and fnmatch.fnmatch(other, a))) for pattern, a, b, _ in SHARED)


def main(root):
    tags, symbols, statics = (collections.defaultdict(list) for _ in range(3))
    for file in sorted(f for folder in FOLDERS for f in (root / folder).rglob("*.[ch]")):
        text = SKIPPED.sub(" ", file.read_text())
        name = str(file.relative_to(root))
        for tag in TAG.findall(text):
            tags[tag].append(name)
        for symbol, is_function, is_static in defined(text):
            if not is_static:
                symbols[symbol].append(name)
            if is_function and name.startswith("src/") and name.endswith(".c"):
                statics[symbol].append(name)
    found = 0
    for what, names in ("tag", tags), ("symbol", symbols), ("static function", statics):
        for name, files in sorted(names.items()):
            pairs = [(a, b) for i, a in enumerate(files) for b in files[i + 1:] if not may_share(name, a, b)]
            for one, other in pairs[:1]:
                print("%s %s: %s and %s" % (what, name, one, other))
                found += 1
    return 1 if found else 0


sys.exit(main(pathlib.Path(sys.argv[1])))
