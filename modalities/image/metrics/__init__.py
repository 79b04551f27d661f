"""The metrics of images."""
