#!/usr/bin/env python3
"""Reads Arrow files of Rollbook's with other people's libraries and compares every value of every column.

    read_shards.py FOLDER [--ours PROGRAM]

FOLDER is a buffer, or what `rollbook-bench interop make` wrote. Each *.arrow in it is read by pyarrow (file, stream,
column by column), polars (read and scan), pandas, DuckDB and Hugging Face datasets, as far as they are installed, and
compared with FILE.arrow.jsonl where that is there (what Rollbook's own reader finds), else with pyarrow; shards also
with their manifests. With --ours, pyarrow writes files of random schemas, which `PROGRAM interop dump FILE` reads.
Exits 1 if anything differs or cannot be read, 2 if there is nothing to read.
"""

import argparse
import functools
import io
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile

os.environ.update(HF_HUB_OFFLINE="1", HF_DATASETS_OFFLINE="1", HF_DATASETS_DISABLE_PROGRESS_BARS="1")
scratch = tempfile.TemporaryDirectory()
os.environ["HF_HOME"] = scratch.name

import pyarrow as pa
import pyarrow.ipc as ipc


def optional(name):
    try:
        return __import__(name)
    except ImportError:
        return None


polars, pandas, duckdb, datasets = map(optional, ("polars", "pandas", "duckdb", "datasets"))


def plain(value, kind):
    """A value as the JSON Lines have it: hex for binary, text for what JSON has no number for."""
    if value is None or value is getattr(pandas, "NA", None):
        return None
    if pa.types.is_list(kind):
        return [plain(item, kind.value_type) for item in value]
    if pa.types.is_binary(kind) or pa.types.is_fixed_size_binary(kind):
        return bytes(value).hex()
    if kind == pa.uint64():
        return str(int(value))
    if pa.types.is_floating(kind):
        value = float(value)
        return str(value) if value != value or value in (float("inf"), float("-inf")) else value
    if pa.types.is_boolean(kind):
        if value not in (True, False):
            raise ValueError(f"{value!r} is no boolean")
        return bool(value)
    return int(value) if pa.types.is_integer(kind) else str(value)


def compare(reader, schema, columns, expected):
    """`columns` gives a column's values by its name."""
    for field in schema:
        found = [plain(value, field.type) for value in columns[field.name]]
        if found != expected[field.name]:
            row = next((i for i, pair in enumerate(zip(found, expected[field.name])) if pair[0] != pair[1]), None)
            where = f"{len(found)} rows, not {len(expected[field.name])}" if row is None else (
                f"row {row}: {found[row]!r:.80}, expected {expected[field.name][row]!r:.80}")
            raise ValueError(f"{reader} reads column {field.name!r} differently: {where}")


def with_pyarrow(path, schema):
    yield "pyarrow", ipc.open_file(path).read_all().to_pydict()
    with pa.memory_map(path) as file:
        yield "pyarrow mapped", ipc.open_file(file).read_all().to_pydict()
    yield "pyarrow stream", ipc.open_stream(io.BytesIO(pathlib.Path(path).read_bytes()[8:])).read_all().to_pydict()
    single = {}
    for index, name in enumerate(schema.names):
        chosen = ipc.open_file(path, options=ipc.IpcReadOptions(included_fields=[index])).read_all()
        if chosen.column_names != [name]:
            raise ValueError(f"pyarrow reads columns {chosen.column_names} instead of {name!r}")
        single.update(chosen.to_pydict())
    yield "pyarrow by column", single


def with_polars(path, schema):
    if polars is None:
        return
    yield "polars", polars.read_ipc(path).to_dict(as_series=False)
    scan = functools.partial(polars.scan_ipc, path)
    yield "polars scan", scan().collect().to_dict(as_series=False)
    yield "polars scan by column", {
        name: scan().select(name).collect().to_dict(as_series=False)[name] for name in schema.names}


def with_pandas(path, schema):
    if pandas is None:
        return
    frame = pandas.read_feather(path, dtype_backend="pyarrow")
    yield "pandas", {name: frame[name].tolist() for name in schema.names}
    name = schema.names[-1]
    frame = pandas.read_feather(path, columns=[name], dtype_backend="pyarrow")
    if list(frame.columns) != [name]:
        raise ValueError(f"pandas reads columns {list(frame.columns)} instead of {name!r}")


def with_duckdb(path, schema):
    if duckdb is None:
        return
    with duckdb.connect() as connection:
        connection.register("shard", ipc.open_file(path).read_all())
        rows = connection.execute("SELECT * FROM shard").fetchall()
        yield "DuckDB", {name: [row[index] for row in rows] for index, name in enumerate(schema.names)}
        (count,) = connection.execute("SELECT count(*) FROM shard").fetchone()
        if count != len(rows):
            raise ValueError(f"DuckDB counts {count} rows, not {len(rows)}")


def with_datasets(path, schema):
    if datasets is None:
        return
    found = datasets.load_dataset("arrow", data_files=path, split="train", cache_dir=scratch.name)
    yield "datasets", {name: found.with_format("arrow")[:][name].to_pylist() for name in schema.names}
    rows = list(found)
    yield "datasets by row", {name: [row[name] for row in rows] for name in schema.names}


READERS = [with_pyarrow, with_polars, with_pandas, with_duckdb, with_datasets]


def check_manifest(path, table, batches):
    manifest = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    kind = (table.schema.metadata or {}).get(b"rollbook.kind", b"").decode()
    for what, found, expected in [
        ("kind", kind, manifest["kind"]),
        ("rows", table.num_rows, manifest["rows"]),
        ("batches", batches, manifest["batches"]),
        ("columns", table.column_names, manifest["columns"]),
        ("bytes", path.stat().st_size, manifest["bytes"]),
    ]:
        if found != expected:
            raise ValueError(f"{what}: {found}, but the manifest says {expected}")
    return kind


def check(path):
    """Reads one file with everything; returns its description, raises on any difference."""
    reader = ipc.open_file(str(path))
    table, batches, kind = reader.read_all(), reader.num_record_batches, "a file"
    table.validate(full=True)
    if path.parent.parent.name == "shards":
        if not path.with_suffix(".json").exists():
            raise ValueError("no manifest: a killed run left it")
        kind = check_manifest(path, table, batches)
    lines = path.with_name(path.name + ".jsonl")
    if lines.exists():
        with open(lines, encoding="utf-8", newline="\n") as file:
            rows = [json.loads(line) for line in file]
        expected = {name: [row[name] for row in rows] for name in table.column_names}
    else:
        expected = {f.name: [plain(v, f.type) for v in table[f.name].to_pylist()] for f in table.schema}
    names = []
    for read in READERS:
        for name, columns in read(str(path), table.schema):
            compare(name, table.schema, columns, expected)
            names.append(name)
    return f"{kind}, {table.num_rows} rows, {batches} batches, {table.num_columns} columns: {', '.join(names)}"


def random_type(source, depth=0):
    simple = [pa.bool_(), pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(),
              pa.uint64(), pa.float32(), pa.float64(), pa.utf8(), pa.binary(), pa.binary(source.randint(1, 9))]
    if depth < 3 and source.random() < 0.35:
        return pa.list_(pa.field("item", random_type(source, depth + 1), nullable=source.random() < 0.5))
    return source.choice(simple)


def random_value(source, kind, nullable):
    if nullable and source.random() < 0.3:
        return None
    if pa.types.is_list(kind):
        field = kind.value_field
        return [random_value(source, field.type, field.nullable) for _ in range(source.randint(0, 4))]
    if pa.types.is_fixed_size_binary(kind):
        return source.randbytes(kind.byte_width)
    if pa.types.is_binary(kind):
        return source.randbytes(source.randint(0, 6))
    if pa.types.is_boolean(kind):
        return source.random() < 0.5
    if pa.types.is_floating(kind):
        return source.choice([0.0, -1.5, 2.0**-100, float("inf"), float("nan"), source.randint(-999, 999) / 8])
    if pa.types.is_integer(kind):
        low, high = (-(2 ** (kind.bit_width - 1)), 2 ** (kind.bit_width - 1) - 1)
        if pa.types.is_unsigned_integer(kind):
            low, high = 0, 2**kind.bit_width - 1
        return source.choice([low, high, 0, source.randint(low, high)])
    return source.choice(["", "a", "é🙂", "日本", "longer than fifteen bytes", "a\0b"])


def check_ours(program, count, seed=1):
    """Files of pyarrow's of random schemas, sliced so that offsets do not start at zero, read by Rollbook."""
    source = random.Random(seed)
    for number in range(count):
        fields = [pa.field(f"c{i}", random_type(source), nullable=source.random() < 0.5)
                  for i in range(source.randint(1, 7))]
        schema, rows = pa.schema(fields), source.randint(1, 60)
        columns = [[random_value(source, f.type, f.nullable) for _ in range(rows)] for f in fields]
        table = pa.table([pa.array(c, f.type) for c, f in zip(columns, fields)], schema=schema)
        path = os.path.join(scratch.name, f"{number}.arrow")
        options = ipc.IpcWriteOptions(compression="lz4" if number % 3 else None)
        with ipc.new_file(path, schema, options=options) as writer:
            for batch in table.slice(rows // 3).to_batches(max_chunksize=source.randint(1, 40)):
                writer.write_batch(batch)
        output = subprocess.run([program, "interop", "dump", path], capture_output=True, check=False)
        if output.returncode:
            raise ValueError(f"schema {schema}: {output.stderr.decode()}")
        found = [json.loads(line) for line in output.stdout.decode().splitlines()]
        expected = {f.name: [plain(v, f.type) for v in c[rows // 3:]] for c, f in zip(columns, fields)}
        for field in fields:
            if [row[field.name] for row in found] != expected[field.name]:
                raise ValueError(f"Rollbook reads column {field.name} of {schema} differently")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--ours", metavar="PROGRAM", help="rollbook-bench")
    parser.add_argument("--files", type=int, default=40, help="files for --ours")
    arguments = parser.parse_args()
    failures = 0
    paths = sorted(path for path in arguments.folder.rglob("*.arrow") if "staging" not in path.parts)
    for path in paths:
        name = path.relative_to(arguments.folder)
        try:
            print(f"{name}: {check(path)}", flush=True)
        except Exception as error:
            failures += 1
            print(f"{name}: FAILED: {type(error).__name__}: {error}", file=sys.stderr)
    for path in sorted(arguments.folder.glob("**/shards/*/*.json")):
        if not path.with_suffix(".arrow").exists():
            failures += 1
            print(f"{path}: FAILED: the shard is missing", file=sys.stderr)
    if arguments.ours:
        try:
            check_ours(arguments.ours, arguments.files)
            print(f"{arguments.files} files of random schemas that pyarrow wrote: Rollbook reads every value")
        except Exception as error:
            failures += 1
            print(f"files of pyarrow's: FAILED: {error}", file=sys.stderr)
    missing = [n for n, m in (("polars", polars), ("pandas", pandas), ("duckdb", duckdb), ("datasets", datasets)) if not m]
    if missing:
        print(f"not installed, so not compared: {', '.join(missing)}", file=sys.stderr)
    if not paths:
        print(f"{arguments.folder}: no shards", file=sys.stderr)
        return 2
    print(f"{len(paths)} files, {failures} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
