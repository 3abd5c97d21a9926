#!/usr/bin/env python3
"""Write the tokenizer and the configuration of the sorting example, a tiny model trained from scratch.

    python3 scripts/make_sort_tokenizer.py                # writes examples/sort/
    python3 scripts/make_sort_tokenizer.py --out DIR

The tokenizer is a byte-level BPE of 64 entries over a reduced alphabet: digits, small letters, a little punctuation.
Every digit is one token, with a space in front or without, so a prompt "6 7 4 2" takes seven tokens with all that
stands around it:  <|bos|> <|user|> 6 " 7" " 4" " 2" <|assistant|>. What the alphabet lacks becomes <|unk|>.

Standard library only. The same command gives the same bytes again.
"""
import argparse
import json
from pathlib import Path

SPECIAL = ["<|bos|>", "<|eos|>", "<|unk|>", "<|system|>", "<|user|>", "<|assistant|>"]
DIGITS = "0123456789"
# In the byte alphabet of GPT-2 a space is written U+0120 and a line end U+010A; the rest stand for themselves.
SPACE, LINE_END = "\u0120", "\u010a"
ALPHABET = [SPACE, LINE_END, *DIGITS, *"abcdefghijklmnopqrstuvwxyz", *".,:?-="]
MERGES = [(SPACE, digit) for digit in DIGITS] + [("s", "o"), ("r", "t"), ("so", "rt"), (SPACE, "sort")]

CHAT_TEMPLATE = (
    "{{ bos_token }}"
    "{% for message in messages %}"
    "{{ '<|' + message['role'] + '|>' + message['content'] }}"
    "{% if message['role'] == 'assistant' %}{{ eos_token }}{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)


def tokenizer():
    """tokenizer.json as the tokenizers library writes it."""
    entries = SPECIAL + ALPHABET + [left + right for left, right in MERGES]
    assert len(entries) == len(set(entries)) == 64
    vocabulary = {entry: index for index, entry in enumerate(entries)}
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    text, begin = {"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "<|bos|>", "type_id": 0}}
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{"id": vocabulary[name], "content": name, **flags} for name in SPECIAL],
        "normalizer": None,
        "pre_tokenizer": byte_level,
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [begin, text],
            "pair": [begin, text, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {"<|bos|>": {"id": "<|bos|>", "ids": [0], "tokens": ["<|bos|>"]}},
        },
        "decoder": byte_level,
        "model": {
            "type": "BPE", "dropout": None, "unk_token": "<|unk|>", "continuing_subword_prefix": None,
            "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
            "vocab": vocabulary, "merges": [list(pair) for pair in MERGES],
        },
    }


def tokenizer_config():
    """tokenizer_config.json: the roles of tokens and the chat template."""
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": "<|bos|>",
        "eos_token": "<|eos|>",
        "pad_token": "<|eos|>",
        "unk_token": "<|unk|>",
        "clean_up_tokenization_spaces": False,
        "model_max_length": 128,
        "chat_template": CHAT_TEMPLATE,
    }


def model_config():
    """config.json: a Llama of 115,136 parameters."""
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": 64,
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 16,
        "max_position_embeddings": 128,
        "hidden_act": "silu",
        "rms_norm_eps": 1e-05,
        "rope_theta": 10000.0,
        "rope_scaling": None,
        "attention_bias": False,
        "mlp_bias": False,
        "attention_dropout": 0.0,
        "tie_word_embeddings": True,
        "initializer_range": 0.02,
        "bos_token_id": 0,
        "eos_token_id": 1,
        "pad_token_id": 1,
        "torch_dtype": "float32",
        "use_cache": True,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    here = Path(__file__).resolve().parent
    parser.add_argument("--out", type=Path, default=here.parent / "examples" / "sort", help="folder to write to")
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    for name, make in [
        ("tokenizer.json", tokenizer), ("tokenizer_config.json", tokenizer_config), ("config.json", model_config)
    ]:
        text = json.dumps(make(), indent=2, ensure_ascii=False) + "\n"
        (out / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
