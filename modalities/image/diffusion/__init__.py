"""Denoising diffusion models of images."""
