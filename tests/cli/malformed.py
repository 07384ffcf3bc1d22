#!/usr/bin/env python3
"""Some hundreds of malformed and hostile files, one by one: `clmlp data info` refuses each with one sentence and exit code
1, takes less than 200 MB, runs nothing that a file asks for, and writes nothing.

Files are made from the formats' descriptions with Python's own modules, so no writer of the program's hides a mistake of
its reader. A file that the program takes more than a minute over counts as one that hangs.
"""

import argparse
import gzip
import io
import os
import pathlib
import pickle
import shutil
import signal
import struct
import subprocess
import sys
import tarfile
import tempfile
import zipfile
import zlib

MEGABYTE = 1_000_000
HANGS = 7200  # seconds: kills a run that hangs, but not one on a busy machine

IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"


# Well-formed pieces


def idx(kind, dimensions, body):
    return bytes([0, 0, kind, len(dimensions)]) + struct.pack(f">{len(dimensions)}I", *dimensions) + body


def npy_header(text, version=1, length=None):
    text = text + b" " * (-(len(text) + 11) % 64) + b"\n"
    size = len(text) if length is None else length
    return b"\x93NUMPY" + bytes([version, 0]) + struct.pack("<H" if version == 1 else "<I", size) + text


def npy(kind, shape, body, fortran="False", version=1):
    text = f"{{'descr': '{kind}', 'fortran_order': {fortran}, 'shape': {shape}, }}"
    return npy_header(text.encode(), version) + body


def zipped(members, method=zipfile.ZIP_DEFLATED):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return file.getvalue()


def tarred(members, compress=True):
    """A tar file of (name, content) or (name, type, target)."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name, *what in members:
            entry = tarfile.TarInfo(name)
            if len(what) == 1:
                entry.size = len(what[0])
                archive.addfile(entry, io.BytesIO(what[0]))
            else:
                entry.type, entry.linkname = what
                archive.addfile(entry)
    return gzip.compress(file.getvalue(), mtime=0) if compress else file.getvalue()


def png_chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(width=8, height=8, depth=8, colour=0, rows=None):
    rows = (b"\0" + bytes(range(8))) * 8 if rows is None else rows
    return (b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
            + png_chunk(b"IDAT", zlib.compress(rows)) + png_chunk(b"IEND", b""))


def python_batch(**changes):
    """A batch of CIFAR-10's python layout, whose bytes of data NumPy would write as a pickle; a value of None is left out."""
    batch = {"batch_label": "one", "labels": list(range(5)), "filenames": ["a.png"] * 5, "data": None}
    batch.update(changes)
    dictionary = b"}("
    for key, value in batch.items():
        if key == "data":
            value = array_pickle() if value is None else value
        elif value is None:
            continue
        dictionary += pickled_string(key) + (value if isinstance(value, bytes) else pickle.dumps(value, 2)[2:-1])
    return b"\x80\x02" + dictionary + b"u."


def pickled_string(text):
    return b"X" + struct.pack("<I", len(text)) + text.encode()


def pickled_bytes(content):
    return b"T" + struct.pack("<I", len(content)) + content


def array_pickle(rows=5, columns=3072, content=None, kind=b"u1", module=b"numpy.core.multiarray", function=b"_reconstruct"):
    content = bytes(5 * 3072) if content is None else content
    integer = lambda value: b"J" + struct.pack("<i", value)
    return (b"c" + module + b"\n" + function + b"\ncnumpy\nndarray\n" + integer(0) + b"\x85" + pickled_bytes(b"b")
            + b"\x87R(" + integer(1) + integer(rows) + integer(columns) + b"\x86cnumpy\ndtype\n" + pickled_bytes(kind)
            + integer(0) + integer(1) + b"\x87R(" + integer(3) + pickled_bytes(b"|") + b"NNN"
            + integer(-1) + integer(-1) + integer(0) + b"tb\x89" + pickled_bytes(content) + b"tb")


IDX_IMAGES = idx(8, [10, 4, 4], bytes(range(160)))
IDX_LABELS = idx(8, [10], bytes(i % 3 for i in range(10)))
NPY_X = npy("<f4", "(10, 6)", struct.pack("<60f", *range(60)))
NPY_Y = npy("<i8", "(10,)", struct.pack("<10q", *[i % 3 for i in range(10)]))
CIFAR10 = b"".join(bytes([i]) + bytes(3072) for i in range(5))
CIFAR100 = b"".join(bytes([i, i]) + bytes(3072) for i in range(5))
CSV = b"a,b,label\n" + b"".join(b"%d,%d.5,%d\n" % (i, i, i % 3) for i in range(20))
LIBSVM = b"".join(b"%d 1:%d 7:0.5\n" % (i % 3, i) for i in range(20))
PYTHON = python_batch()

# Right files must be read: otherwise all files below could be refused for a wrong reason.
RIGHT = {
    "idx": {IMAGES: IDX_IMAGES, LABELS: IDX_LABELS},
    "idx.gz": {IMAGES + ".gz": gzip.compress(IDX_IMAGES, mtime=0), LABELS + ".gz": gzip.compress(IDX_LABELS, mtime=0)},
    "npy": {"x.npy": NPY_X, "y.npy": NPY_Y},
    "npz": {"a.npz": zipped([("x.npy", NPY_X), ("y.npy", NPY_Y)])},
    "npz-stored": {"a.npz": zipped([("x.npy", NPY_X), ("y.npy", NPY_Y)], zipfile.ZIP_STORED)},
    "cifar10": {"data_batch_1.bin": CIFAR10},
    "cifar100": {"train.bin": CIFAR100},
    "python": {"data_batch_1": PYTHON},
    "tar.gz": {"c.tar.gz": tarred([("cifar-10-batches-py/data_batch_1", PYTHON)])},
    "tar.gz-binary": {"c.tar.gz": tarred([("cifar-10-batches-bin/data_batch_1.bin", CIFAR10)])},
    "images": {"a/1.png": png(), "b/2.png": png()},
    "csv": {"t.csv": CSV},
    "libsvm": {"t.libsvm": LIBSVM},
}


def with_file(kind, name, content):
    return {**RIGHT[kind], name: content}


# Wrong files: each generator yields (name, files); a function as a file's content makes it at a path.


def truncated():
    for kind, files in RIGHT.items():
        if kind in ("csv", "libsvm"):
            continue  # each whole line before the cut is data
        for name, content in files.items():
            if kind == "images" and name != "a/1.png":
                continue
            for tenth in range(10):
                cut = len(content) * tenth // 10
                if kind.startswith("cifar") and cut and cut % (len(content) // 5) == 0:
                    cut += 1  # whole records are data
                yield f"{kind}-{tenth}0%-of-{name.replace('/', '-')}", with_file(kind, name, content[:cut])


def lying_idx():
    huge = 2**32 - 1
    for what, content in {
        "more-images-than-bytes": idx(8, [11, 4, 4], bytes(160)),
        "fewer-images-than-bytes": idx(8, [9, 4, 4], bytes(160)),
        "2^32-images": idx(8, [huge, 4, 4], bytes(160)),
        "2^96-bytes": idx(8, [huge, huge, huge], bytes(160)),
        "no-rows": idx(8, [0, 4, 4], b""),
        "no-pixels": idx(8, [10, 0, 4], b""),
        "type-0": idx(0, [10, 4, 4], bytes(160)),
        "type-7": idx(7, [10, 4, 4], bytes(160)),
        "255-dimensions": bytes([0, 0, 8, 255]) + bytes(1020),
        "no-dimensions": bytes([0, 0, 8, 0]) + bytes(160),
        "not-zero-before": b"\1" + IDX_IMAGES[1:],
    }.items():
        yield "idx-" + what, with_file("idx", IMAGES, content)
    for what, content in {
        "one-label-less": idx(8, [9], bytes(9)),
        "one-label-more": idx(8, [11], bytes(11)),
        "labels-of-two-dimensions": idx(8, [10, 2], bytes(20)),
        "no-labels": idx(8, [0], b""),
        "2^32-labels": idx(8, [huge], bytes(10)),
    }.items():
        yield "idx-" + what, with_file("idx", LABELS, content)
    compressed = RIGHT["idx.gz"][IMAGES + ".gz"]
    for what, content in {
        "wrong-crc": compressed[:-8] + bytes(4) + compressed[-4:],
        "wrong-length": compressed[:-4] + bytes(4),
        "broken-data": compressed[:20] + b"\xff" * 20 + compressed[40:],
        "method-0": compressed[:2] + b"\0" + compressed[3:],
        "rubbish-after": gzip.compress(IDX_IMAGES + b"x", mtime=0),
    }.items():
        yield "idx.gz-" + what, with_file("idx.gz", IMAGES + ".gz", content)


def lying_npy():
    values = struct.pack("<60f", *range(60))
    for what, content in {
        "not-a-number": npy("<f4", "(10, 6)", struct.pack("<60f", *[float("nan")] * 60)),
        "infinity": npy("<f4", "(10, 6)", struct.pack("<60f", *[float("inf")] * 60)),
        "beyond-float": npy("<f8", "(10, 6)", struct.pack("<60d", *[1e300] * 60)),
        "objects": npy("|O", "(10, 6)", values),
        "text": npy("<U1", "(10, 6)", values),
        "complex": npy("<c8", "(10, 3)", values),
        "unknown": npy("<q9", "(10, 6)", values),
        "negative-shape": npy("<f4", "(-10, -6)", values),
        "huge-shape": npy("<f4", "(18446744073709551615, 2)", values),
        "overflowing-shape": npy("<f4", "(4294967296, 4294967296)", values),
        "beyond-64-bit-shape": npy("<f4", "(99999999999999999999999, 1)", values),
        "no-rows": npy("<f4", "(0, 6)", b""),
        "no-columns": npy("<f4", "(10, 0)", b""),
        "scalar": npy("<f4", "()", values[:4]),
        "more-rows-than-bytes": npy("<f4", "(11, 6)", values),
        "fewer-rows-than-bytes": npy("<f4", "(9, 6)", values),
        "other-order": npy("<f4", "(10, 6)", values, "Maybe"),
        "code-for-a-shape": npy("<f4", "(__import__('os').system('touch pwned'), 6)", values),
        "version-9": npy("<f4", "(10, 6)", values, version=9),
        "header-longer-than-file": npy_header(b"{'descr': '<f4', 'fortran_order': False, 'shape': (10, 6), }", 1, 65535),
        "header-of-4-GB": npy_header(b"{'descr': '<f4', 'fortran_order': False, 'shape': (10, 6), }", 2, 2**32 - 1),
        "header-empty": b"\x93NUMPY\1\0\0\0",
        "header-no-dictionary": npy_header(b"[1, 2, 3]") + values,
        "header-no-shape": npy_header(b"{'descr': '<f4', 'fortran_order': False, }") + values,
        "header-nested": npy_header(b"{" * 500) + values,
        "header-unclosed-string": npy_header(b"{'descr': '<f4") + values,
        "100-dimensions": npy("<f4", "(10, 6" + ", 1" * 98 + ", )", values),
    }.items():
        yield "npy-" + what, with_file("npy", "x.npy", content)
    for what, content in {
        "labels-huge": npy("<i8", "(10,)", struct.pack("<10q", *[2**62] * 10)),
        "labels-with-fractions": npy("<f4", "(10,)", struct.pack("<10f", *[0.5] * 10)),
        "labels-of-two-columns": npy("<i8", "(10, 2)", bytes(160)),
        "labels-too-few": npy("<i8", "(9,)", bytes(72)),
        "labels-missing": b"",
    }.items():
        yield "npy-" + what, with_file("npy", "y.npy", content)


def lying_npz():
    right = RIGHT["npz-stored"]["a.npz"]
    deflated = RIGHT["npz"]["a.npz"]
    directory = right.index(b"PK\1\2")
    for what, content in {
        "without-arrays": zipped([("readme.txt", b"hello")]),
        "empty": zipped([]),
        "wrong-crc": right[:60] + b"\xff" + right[61:],
        "broken-deflate": deflated[:50] + b"\xff" * 20 + deflated[70:],
        "encrypted": right[:6] + b"\1" + right[7:directory + 8] + b"\1" + right[directory + 9:],
        "unknown-method": right[:8] + b"c" + right[9:directory + 10] + b"c" + right[directory + 11:],
        "no-directory": right[:directory],
        "array-no-npy": zipped([("x.npy", b"not an array"), ("y.npy", NPY_Y)]),
        "x-truncated-inside": zipped([("x.npy", NPY_X[:-1]), ("y.npy", NPY_Y)]),
        "objects": zipped([("x.npy", npy("|O", "(10, 6)", pickle.dumps([1]))), ("y.npy", NPY_Y)]),
    }.items():
        yield "npz-" + what, {"a.npz": content}


def wrong_cifar():
    yield "cifar10-label-10", {"data_batch_1.bin": b"\x0a" + bytes(3072)}
    yield "cifar100-fine-label-100", {"train.bin": b"\0\x64" + bytes(3072)}
    yield "cifar100-coarse-label-20", {"train.bin": b"\x14\0" + bytes(3072)}
    for extra in (1, 1536, 3072):
        yield f"cifar10-{extra}-bytes-too-many", {"data_batch_1.bin": CIFAR10 + bytes(extra)}
    for what, batch in {
        "a-label-too-few": python_batch(labels=[0, 1, 2, 3]),
        "a-label-too-many": python_batch(labels=[0] * 6),
        "label-10": python_batch(labels=[0, 1, 2, 3, 10]),
        "label-negative": python_batch(labels=[0, 1, 2, 3, -1]),
        "label-text": python_batch(labels=["0"] * 5),
        "labels-missing": python_batch(labels=None),
        "labels-nested": python_batch(labels=[[0], [1], [2], [3], [4]]),
        "data-text": python_batch(data=pickled_string("hello")),
        "data-of-3073-columns": python_batch(data=array_pickle(columns=3073)),
        "data-of-6-rows": python_batch(data=array_pickle(rows=6)),
        "data-of-no-rows": python_batch(data=array_pickle(rows=0), labels=[]),
        "data-of-negative-rows": python_batch(data=array_pickle(rows=-5)),
        "data-of-2^31-rows": python_batch(data=array_pickle(rows=2**31 - 1)),
        "data-of-floats": python_batch(data=array_pickle(kind=b"f8")),
        "data-of-objects": python_batch(data=array_pickle(kind=b"O8")),
        "data-short": python_batch(data=array_pickle(content=bytes(100))),
        "a-list": pickle.dumps([1, 2, 3], 2),
        "an-empty-dictionary": pickle.dumps({}, 2),
        "a-number": pickle.dumps(7, 2),
        "rubbish-after": PYTHON + b"x",
        "no-stop": PYTHON[:-1],
    }.items():
        yield "python-" + what, {"data_batch_1": batch}


class Hostile:
    """Asks whoever unpickles it to call a function."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def hostile_pickles():
    for protocol in range(6):
        for what, call in {
            "os.system": Hostile(os.system, "touch pwned"),
            "eval": Hostile(eval, "open('pwned', 'w')"),
            "open": Hostile(open, "pwned", "w"),
            "Popen": Hostile(subprocess.Popen, ["touch", "pwned"]),
        }.items():
            yield f"pickle-{what}-protocol-{protocol}", {"data_batch_1": pickle.dumps({"data": call}, protocol)}
    laugh = b"\x80\x02]q\0" + b"(" + b"h\0" * 10 + b"e" + b"".join(
        b"]q" + bytes([n]) + b"(" + bytes([ord("h"), n - 1]) * 10 + b"e" for n in range(1, 60)) + b"."
    for what, content in {
        "numpy-load": python_batch(data=b"cnumpy\nload\nX\5\0\0\0pwned\x85R"),
        "other-reconstruct": python_batch(data=array_pickle(module=b"os", function=b"system")),
        "inst": b"(S'touch pwned'\nios\nsystem\n.",
        "obj": b"(cos\nsystem\nS'touch pwned'\no.",
        "newobj": b"\x80\x02cos\nsystem\nX\5\0\0\0pwned\x85\x81.",
        "stack-global": b"\x80\x04\x8c\2os\x8c\6system\x93\x8c\x0btouch pwned\x85R.",
        "persistent": b"Ppwned\n.",
        "binary-persistent": b"\x80\x02K\1Q.",
        "extension": b"\x80\x02\x82\1.",
        "build": b"\x80\x02}}b.",
        "framed-past-the-end": b"\x80\x04\x95" + struct.pack("<Q", 2**63) + b"N.",
        "underflow": b"\x80\x02R.",
        "mark-missing": b"\x80\x02t.",
        "memo-missing": b"\x80\x02h\7.",
        "memo-far": b"\x80\x02Nr\xff\xff\xff\xff.",
        "long-of-2-GB": b"\x80\x02\x8b\xff\xff\xff\x7f1.",
        "long-negative": b"\x80\x02\x8b\xff\xff\xff\xff1.",
        "string-of-4-GB": b"\x80\x02X\xff\xff\xff\xffa.",
        "string-of-2^63": b"\x80\x04\x8d" + struct.pack("<Q", 2**63) + b"a.",
        "bytes-of-2^64": b"\x80\x04\x8e" + b"\xff" * 8 + b"a.",
        "bytearray-of-2^64": b"\x80\x05\x96" + b"\xff" * 8 + b"a.",
        "out-of-band": b"\x80\x05\x97.",
        "not-utf-8": b"\x80\x02X\2\0\0\0\xff\xfe.",
        "protocol-9": b"\x80\x09N.",
        "opcode-unknown": b"\x80\x02\xf0.",
        "deep": b"\x80\x02" + b"]" * 100_000 + b"a" * 99_999 + b".",
        "in-itself": b"\x80\x02]q\0h\0a.",
        "laughs": laugh,
        "no-values": b"\x80\x02.",
        "marks": b"(" * 1_000_000 + b".",
    }.items():
        yield "pickle-" + what, {"data_batch_1": content}


def hostile_archives():
    batch = "cifar-10-batches-py/data_batch_1"
    plain = tarred([(batch, PYTHON)], compress=False)
    for what, members in {
        "parent": [("../data_batch_1", PYTHON)],
        "parent-inside": [("cifar-10-batches-py/../../data_batch_1", PYTHON)],
        "absolute": [("/tmp/cifar-10-batches-py/data_batch_1", PYTHON)],
        "symlink": [(batch, tarfile.SYMTYPE, "/etc/passwd")],
        "symlink-to-parent": [("cifar-10-batches-py", tarfile.SYMTYPE, "../.."), (batch, tarfile.SYMTYPE, "/etc/passwd")],
        "hard-link": [(batch, tarfile.LNKTYPE, "/etc/passwd")],
        "device": [(batch, tarfile.CHRTYPE, "")],
        "fifo": [(batch, tarfile.FIFOTYPE, "")],
        "folder-for-a-batch": [(batch, tarfile.DIRTYPE, "")],
        "nothing-known": [("readme.txt", b"hello")],
        "nothing": [],
        "batch-empty": [(batch, b"")],
        "batch-hostile": [(batch, pickle.dumps({"data": Hostile(os.system, "touch pwned")}, 2))],
    }.items():
        yield "tar-" + what, {"c.tar.gz": tarred(members)}
    for what, content in {
        "size-lies": plain[:124] + b"77777777777\0" + plain[136:],
        "size-base-256": plain[:124] + b"\x80" + b"\xff" * 11 + plain[136:],
        "size-no-number": plain[:124] + b"hello world\0" + plain[136:],
        "wrong-sum": plain[:148] + b"0000000\0" + plain[156:],
        "header-cut": plain[:300],
    }.items():
        yield "tar-" + what, {"c.tar.gz": gzip.compress(content, mtime=0)}


def gzip_bomb(header, count=1024):
    """A gzip file of header and count MiB of zeros, which are compressed once and repeated."""
    chunk = bytes(1 << 20)
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    content = compressor.compress(header) + compressor.flush(zlib.Z_FULL_FLUSH)
    content += (compressor.compress(chunk) + compressor.flush(zlib.Z_FULL_FLUSH)) * count + compressor.flush()
    crc = zlib.crc32(header)
    for _ in range(count):
        crc = zlib.crc32(chunk, crc)
    return b"\x1f\x8b\x08" + bytes(7) + content + struct.pack("<II", crc, (len(header) + (count << 20)) % 2**32)


def zip_bomb(header, count=1024):
    """An npz file with an x of header and count MiB of zeros."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        with archive.open("x.npy", "w", force_zip64=True) as member:
            member.write(header)
            chunk = bytes(1 << 20)
            for _ in range(count):
                member.write(chunk)
        archive.writestr("y.npy", NPY_Y)
    return file.getvalue()


def bombs():
    floats = npy("<f8", "(131072, 1024)", b"")
    yield "bomb-images.gz", {IMAGES + ".gz": gzip_bomb(idx(8, [1 << 20, 32, 32], b"")), LABELS: IDX_LABELS}
    yield "bomb-labels.gz", {IMAGES: IDX_IMAGES, LABELS + ".gz": gzip_bomb(idx(8, [1 << 30], b""))}
    yield "bomb-x.npz", {"a.npz": zip_bomb(floats)}
    yield "bomb-x-without-header.npz", {"a.npz": zip_bomb(b"")}
    member = tarfile.TarInfo("cifar-10-batches-bin/data_batch_1.bin")
    member.size = 1 << 30
    yield "bomb-batch.tar.gz", {"c.tar.gz": gzip_bomb(member.tobuf())}
    member.name = "cifar-10-batches-py/data_batch_1"
    yield "bomb-pickle.tar.gz", {"c.tar.gz": gzip_bomb(member.tobuf())}
    member.name = "readme"
    yield "bomb-readme.tar.gz", {"c.tar.gz": gzip_bomb(member.tobuf())}
    yield "bomb-zeros.tar.gz", {"c.tar.gz": gzip_bomb(b"", 64)}
    yield "bomb-png", {"a/1.png": png(2**31 - 1, 2**31 - 1), "b/2.png": png()}
    wide = 30_000
    yield "bomb-png-deflated", {"a/1.png": png(wide, wide, rows=bytes(64 << 20)), "b/2.png": png()}


def wrong_images():
    right = png()
    for what, content in {
        "width-0": png(width=0),
        "height-0": png(height=0),
        "depth-3": png(depth=3),
        "colour-5": png(colour=5),
        "rows-missing": png(rows=b"\0" + bytes(8)),
        "filter-9": png(rows=(b"\x09" + bytes(8)) * 8),
        "crc": right[:29] + b"\0\0\0\0" + right[33:],
        "no-header": right[:8] + right[33:],
        "no-data": right[:33] + png_chunk(b"IEND", b""),
        "chunk-of-4-GB": right[:33] + b"\xff\xff\xff\xffIDAT" + right[41:],
        "text": b"hello, I am a picture\n",
        "gif": b"GIF89a" + bytes(100),
        "jpeg-header-alone": b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0",
        "jpeg-of-65535-squared": b"\xff\xd8\xff\xc0\0\x0b\x08\xff\xff\xff\xff\1\1\x11\0\xff\xd9",
        "jpeg-segment-short": b"\xff\xd8\xff\xdb\0\1\xff\xd9",
    }.items():
        yield "image-" + what, with_file("images", "a/1.png", content)
    yield "image-other-size", with_file("images", "a/1.png", png(7, 8, rows=bytes(64)))
    yield "image-folder-empty", {"a/readme.txt": b"no picture", "b/2.png": png()}


def repeated(start, piece, millions):
    """Makes a file of start and so many million pieces."""

    def write_at(path):
        with open(path, "wb") as file:
            file.write(start)
            for _ in range(millions):
                file.write(piece * 1_000_000)

    return write_at


def with_lines(kind, name, wrong):
    """The table of this kind, with one line more in its midst: each of those that are wrong."""
    lines = RIGHT[kind][name].split(b"\n")
    for what, line in wrong.items():
        yield f"{kind}-{what}", {name: b"\n".join(lines[:5] + [line] + lines[5:])}


def wrong_csv():
    yield from with_lines("csv", "t.csv", {
        "quote-unclosed": b'"1,2,3',
        "field-missing": b"1,2",
        "field-too-many": b"1,2,3,4",
        "text": b"1,two,3",
        "nan-label": b"1,2,nan",
        "infinity": b"1,inf,2",
        "beyond-float": b"1,1e999,2",
        "percent": b"1,2%,2",
        "empty-label": b"1,2,",
        "nul": b"1,\x002,3",
        "quote-inside": b'1,2"3,1',
        "text-after-quote": b'1,"2"x,1',
        "hexadecimal": b"1,0x10,1",
        "spaces-as-label": b"1,2,   ",
        "not-utf-8": b"1,\xff\xfe,1",
        "thousands": b"1,2,000,1",
        "two-points": b"1,1.2.3,1",
    })
    yield "csv-header-alone", {"t.csv": b"a,b,label\n"}
    yield "csv-empty", {"t.csv": b""}
    yield "csv-newlines", {"t.csv": b"\n" * 1000}
    yield "csv-one-column", {"t.csv": b"label\n1\n2\n"}
    yield "csv-one-line-of-50-MB", {"t.csv": repeated(CSV, b"1", 50)}
    yield "csv-fields-of-50-MB", {"t.csv": repeated(CSV, b"1,", 25)}
    yield "csv-utf-16-without-mark", {"t.csv": CSV.decode().encode("utf-16-le")}


def wrong_libsvm():
    yield from with_lines("libsvm", "t.libsvm", {
        "two-colons": b"1 1::2",
        "no-index": b"1 :2",
        "no-value": b"1 1:",
        "text": b"1 1:x",
        "nan": b"1 1:nan",
        "infinity": b"1 1:inf",
        "beyond-float": b"1 1:1e999",
        "index-0-and-more": b"1 0:1 0:2",
        "index-negative": b"1 -1:2",
        "index-with-fraction": b"1 1.5:2",
        "index-huge": b"1 99999999999999999999:1",
        "index-of-2^32": b"1 4294967296:1",
        "indices-descend": b"1 7:1 1:2",
        "index-twice": b"1 3:1 3:2",
        "label-text": b"cat 1:2",
        "label-missing": b"1:2 2:3",
        "nul": b"1 1:\x002",
    })


def model(header, data=b"", length=None):
    """A safetensors file."""
    return {"m.safetensors": struct.pack("<Q", len(header) if length is None else length) + header + data}


def wrong_models():
    tensor = b'{"layers.0.weight":{"dtype":"F32","shape":%s,"data_offsets":[0,%d]}}'
    yield "model-empty", {"m.safetensors": b""}
    yield "model-length", model(b"{}", length=2 ** 63)
    yield "model-long-length", model(b"{}", length=99_000_000)
    yield "model-nothing", model(b"{}")
    yield "model-deep", model(b'{"a":' + b"[" * 30_000_000)
    yield "model-lists", model(b'{"a":[' + b"[]," * 10_000_000 + b"[]]}")
    yield "model-numbers", model(b'{"a":[' + b"0," * 15_000_000 + b"0]}")
    yield "model-objects", model(b"{" + b",".join(b'"%d":{}' % n for n in range(3_000_000)) + b"}")
    yield "model-shape", model(tensor % (b"[" + b"1," * 400_000 + b"1]", 4), bytes(4))
    yield "model-large", model(tensor % (b"[4294967296,4294967296]", 4), bytes(4))
    yield "model-after-its-end", model(tensor % (b"[1000000,1000000]", 4 * 10 ** 12), bytes(4))
    yield "model-half", model(tensor % (b"[2,2]", 16), bytes(16))
    yield "model-quotes", model(b'{"a' + b'\\"' * 1_000_000 + b"[]" * 1_000_000)


def no_data():
    yield "nothing", {}
    yield "readme", {"readme.txt": b"hello\n"}
    yield "fifo", {"x.npy": os.mkfifo, "y.npy": NPY_Y}
    yield "full", {"t.csv": lambda path: os.symlink("/dev/full", path)}
    yield "zeros", {"t.csv": lambda path: os.symlink("/dev/zero", path)}
    yield "loop", {IMAGES: lambda path: os.symlink(path, path), LABELS: IDX_LABELS}
    yield "folder-for-a-file", {"x.npy": os.mkdir, "y.npy": NPY_Y}
    yield "lost-link", {"x.npy": lambda path: os.symlink("nowhere", path), "y.npy": NPY_Y}
    yield "elf", {"t.csv": b"\x7fELF" + bytes(range(256)) * 10}
    yield "xz", {"c.tar.xz": b"\xfd7zXZ\0" + bytes(100)}


MALFORMED = (truncated, lying_idx, lying_npy, lying_npz, wrong_cifar, hostile_pickles, hostile_archives, bombs, wrong_images,
             wrong_csv, wrong_libsvm, wrong_models, no_data)


# Running the program on them


def write(files, folder):
    folder.mkdir(parents=True)
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if callable(content):
            content(path)
        else:
            path.write_bytes(content)


def what_to_open(files, folder):
    """A table, an archive and an npz file are named themselves; the rest is a folder."""
    names = list(files)
    is_file = len(names) == 1 and names[0].startswith(("t.", "a.", "c.", "m."))
    return folder / names[0] if is_file else folder


def reading(path):
    """The command that reads it: data info, or of a model eval."""
    if path.suffix == ".safetensors":
        return ["eval", path, "--backend", "reference", "--data", "right/idx", "--split", "train"]
    return ["data", "info", "--data", path]


def look(program, path):
    """Exit code, message, bytes of memory at most, and seconds of the processor of what reads path."""
    with tempfile.TemporaryFile() as message:
        child = subprocess.Popen([program, *reading(path)], stdin=subprocess.DEVNULL,
                                 stdout=subprocess.DEVNULL, stderr=message, preexec_fn=lambda: signal.alarm(HANGS))
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        message.seek(0)
        return child.returncode, message.read(), usage.ru_maxrss * 1024, usage.ru_utime + usage.ru_stime


def complaints(code, message, memory, limit):
    """What is wrong with the way in which a malformed file was refused."""
    if code != 1:
        yield f"exit code {code}, not 1"
    lines = message.rstrip(b"\n").split(b"\n")
    if len(lines) != 1 or not lines[0].startswith(b"clmlp: "):
        yield f"not one sentence: {message[:300]!r}"
    if any(byte < 32 or byte == 127 for byte in lines[0]):
        yield f"unprintable bytes in {message[:300]!r}"
    if memory > limit * MEGABYTE:
        yield f"{memory / MEGABYTE:.0f} MB, not below {limit}"
    if os.path.exists("pwned"):
        yield "what the file asked for was run"


def check_right(program):
    """The number of well-formed sets that are refused."""
    failures = 0
    for kind, files in RIGHT.items():
        folder = pathlib.Path("right", kind)
        write(files, folder)
        code, message, _, _ = look(program, what_to_open(files, folder))
        if code != 0:
            failures += 1
            print(f"{kind}: right data is refused: {message.decode(errors='replace')}")
    return failures


def check_malformed(program, name, files, limit, keep):
    """Whether the set is refused as it should be, and the memory and time that took."""
    folder = pathlib.Path("malformed")
    write(files, folder)
    code, message, memory, seconds = look(program, what_to_open(files, folder))
    if keep:
        shutil.copytree(folder, keep / name, symlinks=True, copy_function=copy_plain)
    shutil.rmtree(folder)
    found = list(complaints(code, message, memory, limit))
    if name.startswith("model-") and b"m.safetensors" not in message:
        found.append(f"not the model is refused: {message[:300]!r}")
    if found:
        print(f"{name}: {'; '.join(found)}")
    return not found, memory, seconds


def copy_plain(source, target):
    """Copies a plain file; a fifo would be waited for."""
    if os.path.isfile(source):
        shutil.copy(source, target)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("program", type=pathlib.Path)
    parser.add_argument("--memory", type=int, default=200, metavar="MB",
                        help="what the program may take at most (default 200); a sanitizer takes more")
    parser.add_argument("--keep", type=pathlib.Path, metavar="FOLDER", help="keep a copy of each set in FOLDER/NAME")
    options = parser.parse_args()
    program, keep = options.program.resolve(), options.keep and options.keep.resolve()

    os.environ.pop("CLMLP_DATA", None)
    checks, most_memory, most_time = len(RIGHT) + 1, (0, "none"), (0, "none")
    with tempfile.TemporaryDirectory() as place:
        os.chdir(place)
        failures = check_right(program)
        for name, files in (case for make in MALFORMED for case in make()):
            is_refused, memory, seconds = check_malformed(program, name, files, options.memory, keep)
            checks, failures = checks + 1, failures + (not is_refused)
            most_memory, most_time = max(most_memory, (memory, name)), max(most_time, (seconds, name))
        left = sorted(set(os.listdir()) - {"right"})
        if left:
            failures += 1
            print(f"written beside the files: {', '.join(left)}")
        os.chdir("/")
    print(f"most memory {most_memory[0] / MEGABYTE:.1f} MB ({most_memory[1]}), most time {most_time[0]:.2f} s ({most_time[1]})")
    print(f"{100 * (checks - failures) // checks}%: Checks: {checks}, Failures: {failures}, Errors: 0")
    return failures > 0


if __name__ == "__main__":
    sys.exit(main())
