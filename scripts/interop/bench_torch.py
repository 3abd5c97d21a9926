"""PyTorch's speed at the work of rollbook-bench, on the same weights: python bench_torch.py FOLDER [--threads N]

Sampling 64 sequences of 64 new tokens at temperature 1, then forward + backward + AdamW over 16 x 109 tokens.
"""
import argparse
import resource
import time

import torch
from transformers import AutoModelForCausalLM

parser = argparse.ArgumentParser()
parser.add_argument("model")
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--dtype", default="float32")
arguments = parser.parse_args()
torch.set_num_threads(arguments.threads)
model = AutoModelForCausalLM.from_pretrained(arguments.model, dtype=getattr(torch, arguments.dtype)).eval()
vocabulary = model.config.vocab_size

prompts = torch.randint(5, vocabulary, (8, 45)).repeat_interleave(8, 0)
with torch.no_grad():
    for _ in range(2):
        start = time.perf_counter()
        model.generate(input_ids=prompts, attention_mask=torch.ones_like(prompts), max_new_tokens=64,
                       min_new_tokens=64, do_sample=True, temperature=1.0, top_k=0)
        took = time.perf_counter() - start
print(f"torch {arguments.dtype} generate 64 x 64: {64 * 64 / took:.0f} tokens/s", flush=True)

ids = torch.randint(5, vocabulary, (16, 109))
model.train()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-6)
for _ in range(3):
    start = time.perf_counter()
    logits = model(ids).logits[:, :-1].float()
    logprobs = torch.log_softmax(logits, -1).gather(-1, ids[:, 1:, None]).squeeze(-1)
    (-logprobs.mean()).backward()
    optimizer.step()
    optimizer.zero_grad()
    took = time.perf_counter() - start
print(f"torch {arguments.dtype} train 16 x 109: {ids.numel() / took:.0f} tokens/s", flush=True)
print(f"torch peak memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB")
