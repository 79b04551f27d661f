"""What images are compared by: networks that turn an image into a vector."""
