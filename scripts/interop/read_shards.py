#!/usr/bin/env python3
"""Reads every shard of a buffer with other people's Arrow libraries.

    python3 scripts/interop/read_shards.py BUFFER

Needs pyarrow; compares with polars too when it is installed. For each shard: pyarrow's file reader with full
validation, its stream reader from byte 8, polars, and the row and batch counts of the manifest. Prints one line a
shard; exits 1 if anything differs or cannot be read, 2 if there is nothing to read.
"""

import glob
import io
import json
import os
import sys

import pyarrow as pa
import pyarrow.ipc as ipc

try:
    import polars
except ImportError:
    polars = None


def same(a, b):
    """Equality of rows in which NaN equals NaN."""
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b or (a != a and b != b)


def check(path):
    """Reads one shard; returns its description, raises on any difference."""
    manifest_path = path[: -len(".arrow")] + ".json"
    if not os.path.exists(manifest_path):
        raise ValueError("no manifest: a killed run left it")
    with open(manifest_path, encoding="utf-8") as file:
        manifest = json.load(file)
    with pa.OSFile(path) as file:
        reader = ipc.open_file(file)
        table, batches = reader.read_all(), reader.num_record_batches
    table.validate(full=True)
    kind = (table.schema.metadata or {}).get(b"rollbook.kind", b"").decode()
    for what, found, expected in [
        ("kind", kind, manifest["kind"]),
        ("rows", table.num_rows, manifest["rows"]),
        ("batches", batches, manifest["batches"]),
        ("columns", table.column_names, manifest["columns"]),
        ("bytes", os.path.getsize(path), manifest["bytes"]),
    ]:
        if found != expected:
            raise ValueError(f"{what}: {found}, but the manifest says {expected}")

    with open(path, "rb") as file:
        whole = file.read()
    if not ipc.open_stream(io.BytesIO(whole[8:])).read_all().equals(table):
        raise ValueError("the stream reader finds other rows than the file reader")
    readers = "pyarrow"
    if polars is not None:
        rows = [tuple(row.values()) for row in table.to_pylist()]
        if not same(polars.read_ipc(path).rows(), rows):
            raise ValueError("polars finds other rows than pyarrow")
        readers += ", polars"
    columns = " ".join(f"{field.name}:{field.type}" for field in table.schema)
    return f"{kind} {table.num_rows} rows {batches} batches ({readers}) {columns}"


def main(arguments):
    if len(arguments) != 1:
        sys.exit("usage: read_shards.py BUFFER")
    root = arguments[0]
    shards = sorted(glob.glob(os.path.join(glob.escape(root), "shards", "*", "*.arrow")))
    failures = 0
    for path in shards:
        try:
            print(f"{os.path.relpath(path, root)}: {check(path)}")
        except Exception as error:
            failures += 1
            print(f"{os.path.relpath(path, root)}: FAILED: {error}", file=sys.stderr)
    manifests = glob.glob(os.path.join(glob.escape(root), "shards", "*", "*.json"))
    for path in sorted(manifests):
        if path[: -len(".json")] + ".arrow" not in shards:
            failures += 1
            print(f"{os.path.relpath(path, root)}: FAILED: the shard is missing", file=sys.stderr)
    if not shards and not manifests:
        print(f"{root}: no shards", file=sys.stderr)
        return 2
    print(f"{len(shards)} shards, {failures} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
