"""The rate of math-verify on a JSON Lines file of responses and answers, one core, and how many it finds right."""
import json
import logging
import sys
import time

from math_verify import parse, verify

logging.disable(logging.CRITICAL)
rows = [json.loads(line) for line in open(sys.argv[1])]
right = 0
start = time.perf_counter()
for row in rows:
    gold = parse("$" + row["answer"] + "$")
    right += bool(verify(gold, parse(row["response"])))
seconds = time.perf_counter() - start
print(f"{len(rows)} answers, {right} right: {len(rows) / seconds:.0f} a second on one core")
