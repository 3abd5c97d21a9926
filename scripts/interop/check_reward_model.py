"""Reward models of transformers, scored by Rollbook and by transformers: the same within 1e-5.

    python check_reward_model.py BIN

BIN is the folder of the programs (.build/release). Makes tiny random Llama, Qwen2 and Qwen3 classifiers with one label,
in one file and in several, with and without a pad token that also ends responses, and scores the rollouts of the
sorting example with each. Log-probabilities of the policy are compared as well. Exit 1 if anything differs.
"""
import glob
import os
import subprocess
import sys
import tempfile

import pyarrow as pa
import torch
from transformers import (
    AutoModelForCausalLM,
    LlamaConfig,
    LlamaForSequenceClassification,
    Qwen2Config,
    Qwen2ForSequenceClassification,
    Qwen3Config,
    Qwen3ForSequenceClassification,
)

LIMIT = 1e-5
programs = os.path.abspath(sys.argv[1])
example = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../examples/sort")
sizes = dict(vocab_size=64, hidden_size=48, intermediate_size=96, num_hidden_layers=3, num_attention_heads=4,
             num_key_value_heads=2, max_position_embeddings=128, num_labels=1, bos_token_id=0, eos_token_id=1)


def run(program, *flags):
    done = subprocess.run([f"{programs}/rollbook-{program}", *flags, "--quiet"], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"rollbook-{program} {' '.join(flags)}: {done.returncode}\n{done.stderr}")


def rows(pattern):
    """All rows of some shards."""
    return [row for path in sorted(glob.glob(pattern)) for row in pa.ipc.open_file(path).read_all().to_pylist()]


def models():
    torch.manual_seed(1)
    for name, config, kind, pad in [
        ("llama", LlamaConfig, LlamaForSequenceClassification, None),
        ("llama, pad is the end token", LlamaConfig, LlamaForSequenceClassification, 1),
        ("qwen2", Qwen2Config, Qwen2ForSequenceClassification, None),
        ("qwen2, pad is the end token", Qwen2Config, Qwen2ForSequenceClassification, 1),
        ("qwen3", Qwen3Config, Qwen3ForSequenceClassification, None),
    ]:
        model = kind(config(**sizes, pad_token_id=pad)).eval()
        with torch.no_grad():
            for parameter in model.parameters():  # far from the small numbers that models begin with
                parameter.add_(torch.randn_like(parameter) * (0.3 if parameter.dim() > 1 else 0.1))
        yield name, model


def main(folder):
    buffer = f"{folder}/run"
    run("train", "--buffer", buffer, "--step", "0", "--init", f"{example}/config.json", "--seed", "1")
    run("generate", "--buffer", buffer, "--step", "0", "--model", "latest", "--prompts", f"{example}/train.jsonl",
        "--prompts-per-step", "16", "--group-size", "4", "--max-new-tokens", "24", "--seed", "1", "--precision", "f32")
    rollouts = rows(f"{buffer}/shards/rollouts/*.arrow")
    worst_of_all = 0.0
    for index, (name, model) in enumerate(models()):
        path = f"{folder}/model-{index}"
        model.save_pretrained(path, max_shard_size="100KB" if index % 2 else "1GB")
        run("score", "--buffer", buffer, "--step", "0", "--scores", f"m{index}", "--reward",
            f"model:path={path},tokens=stored,precision=f32")
        worst, spread = 0.0, []
        for rollout, row in zip(rollouts, rows(f"{buffer}/shards/scores/m{index}-*.arrow")):
            with torch.no_grad():
                theirs = model(torch.tensor([rollout["prompt_tokens"] + rollout["response_tokens"]])).logits[0, 0].item()
            spread.append(theirs)
            worst = max(worst, abs(theirs - row["reward"]) / max(1.0, abs(theirs)))
        ended = sum(rollout["response_tokens"][-1] == 1 for rollout in rollouts)
        print(f"{name}: {len(spread)} scores from {min(spread):.3f} to {max(spread):.3f}, {ended} with an end token, "
              f"within {worst:.1e}")
        worst_of_all = max(worst_of_all, worst)
    policy = AutoModelForCausalLM.from_pretrained(f"{buffer}/checkpoints/step-000000", dtype=torch.float32).eval()
    run("score", "--buffer", buffer, "--step", "0", "--scores", "lp", "--reward", "logprob:path=step:0,per=token")
    worst = 0.0
    for rollout, row in zip(rollouts, rows(f"{buffer}/shards/scores/lp-*.arrow")):
        prompt, response = rollout["prompt_tokens"], rollout["response_tokens"]
        with torch.no_grad():
            logits = policy(torch.tensor([prompt + response])).logits[0, len(prompt) - 1:-1]
            theirs = torch.log_softmax(logits, -1).gather(-1, torch.tensor(response)[:, None]).mean().item()
        worst = max(worst, abs(theirs - row["reward"]))
    print(f"log-probabilities per token: {len(rollouts)} rollouts within {worst:.1e}")
    return max(worst_of_all, worst)


with tempfile.TemporaryDirectory() as folder:
    sys.exit(1 if main(folder) > LIMIT else 0)
