"""A model of Qwen2's shape and vocabulary with random weights, and a byte-level tokenizer learned from the problems it is asked."""

from __future__ import annotations

import json
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from aha.backends.local_backend import write_fresh

VOCABULARY = 151_936  # of Qwen2's head
NAMED = 37_713  # entries of the tokenizer; as with Qwen2's, the model may say ids that it does not know, only far more often
END = "<|endoftext|>"
LEARNED = 2_000
SHAPE = {
    "model_type": "qwen2",
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 2048,
    "tie_word_embeddings": True,
}
THINKS = (
    "{% for message in messages %}{{ '[' + message['role'] + ']' + message['content'] }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '[assistant]<think>\\n' }}{% endif %}"
)


def write(folder: Path, text: list[str], vocabulary: int = VOCABULARY, chat_template: str | None = None) -> str:
    """The model and its tokenizer in Hugging Face format."""
    folder.mkdir(parents=True)
    _tokenizer(text).save(str(folder / "tokenizer.json"))
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": END, "pad_token": END, "chat_template": chat_template}
    (folder / "tokenizer_config.json").write_text(json.dumps({name: value for name, value in settings.items() if value is not None}))
    write_fresh({**SHAPE, "vocab_size": vocabulary, "eos_token_id": 0, "bos_token_id": None}, folder, seed=0)
    return str(folder)


def _tokenizer(text: list[str]) -> Tokenizer:
    """Byte pairs learned from `text`, then names that no text is cut into but that a random model says."""
    learned = Tokenizer(models.BPE())
    learned.pre_tokenizer, learned.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(vocab_size=LEARNED, special_tokens=[END], initial_alphabet=alphabet, show_progress=False)
    learned.train_from_iterator(text, trainer)
    written = json.loads(learned.to_str())
    known = written["model"]["vocab"]
    known |= {f"Ġname{number}": number for number in range(len(known), NAMED)}
    return Tokenizer.from_str(json.dumps(written))
