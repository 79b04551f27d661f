"""What generations of images are measured by: distances, neighbourhoods, classes and spread."""
