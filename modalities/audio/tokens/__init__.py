"""Clips as tokens of a learned codebook, by causal language models."""
