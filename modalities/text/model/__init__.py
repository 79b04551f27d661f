"""Causal language models: tokenizer, network, training, checkpoints and regeneration."""
