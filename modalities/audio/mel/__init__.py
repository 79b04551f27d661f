"""Clips as log-mel pictures, by the autoencoder of images."""
