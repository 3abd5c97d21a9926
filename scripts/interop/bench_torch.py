"""PyTorch's speed at the work of rollbook-bench, on the same weights:

    python bench_torch.py FOLDER [--threads N] [--precision f32|bf16]

Sampling 64, 8 and 1 sequences of 64 new tokens at temperature 1, then forward + backward + AdamW over 16 x 109 tokens.
In bf16 the weights themselves are bfloat16 for sampling; training keeps them in f32 under autocast.
"""
import argparse
import contextlib
import resource
import time

import torch
from transformers import AutoModelForCausalLM

parser = argparse.ArgumentParser()
parser.add_argument("model")
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--precision", choices=["f32", "bf16"], default="f32")
arguments = parser.parse_args()
torch.set_num_threads(arguments.threads)
half = arguments.precision == "bf16"


def load(dtype):
    return AutoModelForCausalLM.from_pretrained(arguments.model, dtype=dtype)


model = load(torch.bfloat16 if half else torch.float32).eval()
vocabulary = model.config.vocab_size
for prompts, samples in [(8, 8), (1, 8), (1, 1)]:
    ids = torch.randint(5, vocabulary, (prompts, 45)).repeat_interleave(samples, 0)
    best = 1e9
    with torch.no_grad():
        for _ in range(2):
            start = time.perf_counter()
            model.generate(input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=64, min_new_tokens=64,
                           do_sample=True, temperature=1.0, top_k=0)
            best = min(best, time.perf_counter() - start)
    print(f"torch generate {len(ids)} x 64: {64 * len(ids) / best:.0f} tokens/s", flush=True)

del model
model = load(torch.float32).train()
ids = torch.randint(5, vocabulary, (16, 109))
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-6)
best = 1e9
for _ in range(3):
    start = time.perf_counter()
    with torch.autocast("cpu", torch.bfloat16) if half else contextlib.nullcontext():
        logits = model(ids).logits[:, :-1].float()
    logprobs = torch.log_softmax(logits, -1).gather(-1, ids[:, 1:, None]).squeeze(-1)
    (-logprobs.mean()).backward()
    optimizer.step()
    optimizer.zero_grad()
    best = min(best, time.perf_counter() - start)
print(f"torch train 16 x 109: {ids.numel() / best:.0f} tokens/s", flush=True)
print(f"peak memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB")
