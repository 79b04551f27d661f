"""Convolutional variational autoencoders of images."""
