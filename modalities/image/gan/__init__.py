"""Generative adversarial networks of images, with frozen networks as further discriminators."""
