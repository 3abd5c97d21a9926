#!/usr/bin/env python3
"""Writes the rows of Parquet or Arrow files as JSON Lines, for `rollbook import`.

    python3 scripts/interop/parquet_to_jsonl.py completions_00010.parquet [MORE ...] > completions.jsonl

Needs pyarrow. Reads batch by batch. NaN and infinity become null: JSON has no word for them, and a reward function
of TRL that had nothing to say leaves NaN. Bytes that are not UTF-8 become hex digits, times text.
"""

import json
import math
import sys

import pyarrow as pa
import pyarrow.ipc as ipc
import pyarrow.parquet as pq


def plain(value):
    """A value as JSON can say it."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(entry) for entry in value]
    if isinstance(value, bytes):
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError:
            return value.hex()
    if value is None or isinstance(value, (bool, int, str)):
        return value
    return str(value)


def batches(path):
    with open(path, "rb") as file:
        magic = file.read(6)
    if magic == b"ARROW1":
        with pa.OSFile(path) as file:
            reader = ipc.open_file(file)
            for index in range(reader.num_record_batches):
                yield reader.get_batch(index)
    else:
        yield from pq.ParquetFile(path).iter_batches(batch_size=256)


def main(paths):
    if not paths:
        sys.exit("usage: parquet_to_jsonl.py FILE.parquet [MORE ...] > FILE.jsonl")
    for path in paths:
        for batch in batches(path):
            for row in batch.to_pylist():
                # pandas stores its row numbers beside the columns.
                row.pop("__index_level_0__", None)
                sys.stdout.write(json.dumps(plain(row), ensure_ascii=False, allow_nan=False) + "\n")


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8")
    main(sys.argv[1:])
