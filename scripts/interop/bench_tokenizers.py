#!/usr/bin/env python3
"""Compares our tokenizer's speed with the `tokenizers` package: bench_tokenizers.py [TOKENIZER_FOLDER ...]

Both encode the same text on one thread, as one piece and line by line, and decode it; in turn, several times, the best
of each counts. The package's `encode_batch_fast` (without offsets) is taken where it is faster than `encode`. "fresh"
is the first encoding in a new process, with empty caches on both sides. Numbers of tokens must be equal. A ratio above 1 means that
ours is faster. Needs a release build of rollbook-bench.
"""

import argparse
import glob
import json
import os
import subprocess
import sys
import tempfile
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def best(repeats, work):
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        result = work()
        times.append(time.perf_counter() - start)
    return min(times), times[0], result


def theirs(folder, text_path, repeats):
    """Runs in a process of its own."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(os.path.join(folder, "tokenizer.json"))
    with open(text_path, encoding="utf-8", newline="") as file:
        text = file.read()
    lines = [line for line in text.split("\n") if line]
    fast = getattr(tokenizer, "encode_batch_fast", tokenizer.encode_batch)
    options = {"add_special_tokens": False}
    one, first, ids = best(repeats, lambda: tokenizer.encode(text, **options).ids)
    one_fast, _, _ = best(repeats, lambda: fast([text], **options)[0].ids)
    many, _, count = best(repeats, lambda: sum(len(tokenizer.encode(line, **options).ids) for line in lines))
    many_fast, _, _ = best(repeats, lambda: sum(len(e.ids) for e in fast(lines, **options)))
    back, _, _ = best(repeats, lambda: tokenizer.decode(ids, skip_special_tokens=False))
    return {"first": first, "long": min(one, one_fast), "short": min(many, many_fast), "decode": back,
            "tokens": len(ids), "line_tokens": count}


def sample(path):
    """Prose, code and many scripts: what is in this project, and the texts of the goldens."""
    names = sorted(glob.glob(ROOT + "/*.md") + glob.glob(ROOT + "/docs/*.md") + glob.glob(ROOT + "/Sources/**/*.swift",
                                                                                          recursive=True))
    with open(path, "w", encoding="utf-8", newline="") as out:
        for name in names:
            with open(name, encoding="utf-8") as file:
                out.write(file.read() + "\n")
        for name in sorted(glob.glob(ROOT + "/Tests/Golden/tokenizer/*/golden.jsonl")):
            with open(name, encoding="utf-8") as file:
                for line in file:
                    out.write(json.loads(line)["text"].replace("\r", " ").replace("\n", " ") + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("folders", nargs="*", help="default: all of Tests/Golden/tokenizer")
    parser.add_argument("--text", help="a UTF-8 file (default: this project's documents and code, and golden texts)")
    parser.add_argument("--bench", default=ROOT + "/.build/release/rollbook-bench")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--theirs", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.theirs:
        print(json.dumps(theirs(*arguments.theirs, arguments.repeats)))
        return
    with tempfile.TemporaryDirectory() as scratch:
        text = arguments.text or os.path.join(scratch, "text")
        if not arguments.text:
            sample(text)
        size = os.path.getsize(text) / 1e6
        print(f"{size:.2f} MB of text; MB/s of ours, theirs, and ours / theirs; one thread, best of "
              f"{arguments.rounds} x {arguments.repeats}")
        for folder in arguments.folders or sorted(glob.glob(ROOT + "/Tests/Golden/tokenizer/*/")):
            compare(folder.rstrip("/"), text, size, arguments)


def compare(folder, text, size, arguments):
    ours, other = [], []
    for _ in range(arguments.rounds):
        repeats = str(arguments.repeats)
        command = [arguments.bench, "tokenizer", "--model", folder, "--text", text, "--repeats", repeats]
        ours.append(json.loads(subprocess.run(command, check=True, capture_output=True).stdout))
        command = [sys.executable, __file__, "--repeats", repeats, "--theirs", folder, text]
        other.append(json.loads(subprocess.run(command, check=True, capture_output=True).stdout))
    for key in ("tokens", "line_tokens"):
        if ours[0][key] != other[0][key]:
            sys.exit(f"{folder}: {key} differ: {ours[0][key]} of ours, {other[0][key]} of theirs")
    cells = []
    for name, key in (("long", "long"), ("lines", "short"), ("fresh", "first"), ("decode", "decode")):
        mine, them = (size / min(run[key] for run in runs) for runs in (ours, other))
        cells.append(f"{name} {mine:.1f} {them:.1f} {mine / them:.2f}x")
    print(f"{os.path.basename(folder)}: " + "; ".join(cells))


if __name__ == "__main__":
    main()
