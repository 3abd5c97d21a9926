"""A published checkpoint in Hugging Face transformers: same greedy text, same log-probabilities within 1e-4.

    python check_checkpoint.py CHECKPOINT SHARD.arrow [BASE]

A checkpoint with an adapter is loaded by peft, on the Hugging Face folder BASE.
SHARD holds greedy rollouts of that checkpoint in f32 (rollbook generate --temperature 0 --precision f32): bf16 rounds
by more than 1e-4. Exit 1 if anything differs, 64 for a shard of another kind.
"""
import json
import os
import sys

import pyarrow as pa
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

folder, shard = sys.argv[1:3]
with open(shard.removesuffix(".arrow") + ".json") as manifest:
    made = json.load(manifest)["action"]["parameters"]
if float(made["temperature"]) != 0 or made.get("precision", "f32") != "f32":
    print(f"{shard}: expected --temperature 0 --precision f32, found temperature {made['temperature']}, "
          f"precision {made.get('precision')}", file=sys.stderr)
    sys.exit(64)
tokenizer = AutoTokenizer.from_pretrained(folder)
if os.path.exists(f"{folder}/model.safetensors"):
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
else:
    from peft import PeftModel

    base = AutoModelForCausalLM.from_pretrained(sys.argv[3], dtype=torch.float32)
    model = PeftModel.from_pretrained(base, folder).eval()
rows = pa.ipc.open_file(shard).read_all().to_pylist()
worst, different, texts, prompts = 0.0, 0, 0, 0
for row in rows:
    prompt, response = row["prompt_tokens"], row["response_tokens"]
    if tokenizer.encode(row["prompt_text"], add_special_tokens=False) != prompt:
        prompts += 1
    with torch.no_grad():
        logits = model(torch.tensor([prompt + response])).logits[0, len(prompt) - 1 : -1]
        logprobs = torch.log_softmax(logits, -1)
        ours = torch.tensor(row["logprobs"])
        theirs = logprobs.gather(-1, torch.tensor(response)[:, None]).squeeze(-1)
        worst = max(worst, (ours - theirs).abs().max().item())
        generated = model.generate(torch.tensor([prompt]), attention_mask=torch.ones(1, len(prompt)),
                                   max_new_tokens=len(response), do_sample=False)[0, len(prompt):].tolist()
    if generated != response:
        different += 1
    if tokenizer.decode(generated, skip_special_tokens=True) != row["response_text"]:
        texts += 1
print(f"{len(rows)} rollouts: log-probabilities within {worst:.2e}, {different} greedy continuations differ, "
      f"{texts} texts differ, {prompts} prompts encode differently")
sys.exit(1 if worst > 1e-4 or different or texts or prompts else 0)
