import json, re, sys

for line in sys.stdin:
    row = json.loads(line)
    numbers = re.findall(r"-?\d+", row["response"])
    last = numbers[-1] if numbers else None
    right = last is not None and last == row["answer"]
    reward = None if row["answer"] is None else 1.0 if right else 0.0
    print(json.dumps({"id": row["id"], "reward": reward, "extracted": last}), flush=True)
