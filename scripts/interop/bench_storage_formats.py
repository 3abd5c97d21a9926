#!/usr/bin/env python3
"""Writes the rollouts of a buffer in other formats and compares speed and size: bench_storage_formats.py BUFFER

JSON Lines, Parquet with zstd, an uncompressed Arrow file, a compressed one and one pickle per step, all through
pyarrow and the standard library, one thread, one file a shard. Reads end in pyarrow tables, or in Python objects for
JSON Lines and pickle, which have no other form. Random access is one row of one file, opened anew. Times are the best
of --repeats; the folder is removed.
"""

import argparse
import glob
import json
import os
import pickle
import random
import shutil
import tempfile
import time

import pyarrow as pa
import pyarrow.ipc as ipc
import pyarrow.parquet as pq

parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
parser.add_argument("buffer")
parser.add_argument("--shards", type=int, default=20)
parser.add_argument("--folder", default=None, help="where the files go (default: beside the buffer)")
parser.add_argument("--repeats", type=int, default=3)
parser.add_argument("--ours", default="", help="write MB/s, read MB/s, ms for one rollout, from rollbook-bench")
arguments = parser.parse_args()
pa.set_cpu_count(1)
pa.set_io_thread_count(1)
shards = sorted(glob.glob(os.path.join(glob.escape(arguments.buffer), "shards/rollouts/*.arrow")))[: arguments.shards]
tables = [ipc.open_file(path).read_all() for path in shards]
raw = sum(table.nbytes for table in tables)
rows = sum(table.num_rows for table in tables)
BATCH = 64


def as_json(row):
    return json.dumps({k: v.hex() if isinstance(v, bytes) else v for k, v in row.items()}, ensure_ascii=False)


def write_jsonl(table, path):
    with open(path, "w", encoding="utf-8") as file:
        for row in table.to_pylist():
            file.write(as_json(row) + "\n")


def read_jsonl(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def one_jsonl(path, row):
    with open(path, encoding="utf-8") as file:
        for _ in range(row):
            file.readline()
        return json.loads(file.readline())


def write_parquet(table, path):
    pq.write_table(table, path, compression="zstd", row_group_size=BATCH * 4)


def one_parquet(path, row):
    file = pq.ParquetFile(path)
    group = file.read_row_group(row // (BATCH * 4), use_threads=False)
    return group.slice(row % (BATCH * 4), 1).to_pylist()[0]


def write_arrow(compression, table, path):
    options = ipc.IpcWriteOptions(compression=compression, use_threads=False)
    with ipc.new_file(path, table.schema, options=options) as file:
        file.write_table(table, max_chunksize=BATCH)


def read_arrow(path):
    return ipc.open_file(path, options=ipc.IpcReadOptions(use_threads=False)).read_all()


def one_arrow(path, row):
    file = ipc.open_file(path, options=ipc.IpcReadOptions(use_threads=False))
    return file.get_batch(row // BATCH).slice(row % BATCH, 1).to_pylist()[0]




def write_pickle(table, path):
    with open(path, "wb") as file:
        pickle.dump(table.to_pylist(), file, protocol=5)


def read_pickle(path):
    with open(path, "rb") as file:
        return pickle.load(file)


FORMATS = {
    "JSON Lines": (write_jsonl, read_jsonl, one_jsonl),
    "Parquet, zstd": (write_parquet, lambda path: pq.read_table(path, use_threads=False), one_parquet),
    "Arrow, uncompressed": (lambda t, p: write_arrow(None, t, p), read_arrow, one_arrow),
    "Arrow, LZ4 (pyarrow)": (lambda t, p: write_arrow("lz4", t, p), read_arrow, one_arrow),
    "pickle per step": (write_pickle, read_pickle, lambda path, row: read_pickle(path)[row]),
}


def seconds(work):
    best = float("inf")
    for _ in range(arguments.repeats):
        start = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - start)
    return best


def measure(write, read, one, folder):
    paths = [os.path.join(folder, str(index)) for index in range(len(tables))]

    def write_all():
        for table, path in zip(tables, paths):
            write(table, path)

    def read_all():
        for path in paths:
            read(path)

    written, fetched = seconds(write_all), seconds(read_all)
    source, times = random.Random(1), []
    for _ in range(30):
        path, table = source.choice(list(zip(paths, tables)))
        start = time.perf_counter()
        one(path, source.randrange(table.num_rows))
        times.append(time.perf_counter() - start)
    size = sum(map(os.path.getsize, paths))
    return raw / 1e6 / written, raw / 1e6 / fetched, sorted(times)[len(times) // 2] * 1000, size


lines = []
own_size = sum(map(os.path.getsize, shards))
if arguments.ours:
    lines.append(("Rollbook", *map(float, arguments.ours.split(",")), own_size))
own = seconds(lambda: [read_arrow(path) for path in shards])
lines.append(("Rollbook's, read by pyarrow", None, raw / 1e6 / own, None, own_size))
parent = arguments.folder or os.path.dirname(os.path.abspath(arguments.buffer))
for name, functions in FORMATS.items():
    folder = tempfile.mkdtemp(dir=parent)
    try:
        lines.append((name, *measure(*functions, folder)))
    finally:
        shutil.rmtree(folder)
print(f"{rows} rollouts in {len(tables)} shards, {raw / 1e6:.0f} MB as columns in memory; one thread")
print(f"| {'format':27} | write, MB/s | read, MB/s | one rollout, ms | bytes per rollout | of raw |")
print(f"|{'-' * 29}|{'-' * 12}:|{'-' * 11}:|{'-' * 16}:|{'-' * 18}:|{'-' * 7}:|")
for name, write, read, one, size in lines:
    def cell(value, places=0):
        return "–" if value is None else f"{value:.{places}f}"
    print(f"| {name:27} | {cell(write):>11} | {cell(read):>10} | {cell(one, 2):>15} | {size / rows:17.0f} | {size / raw:6.2f} |")
