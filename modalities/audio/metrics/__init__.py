"""What clips are measured by."""
