"""Chains on other machines: what is carried there and back where no file system is shared, by Ray, and by Slurm."""
