"""Causal language models: tokenizer, network, training with checkpoints, and regeneration."""
