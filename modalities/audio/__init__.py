"""Spoken clips."""
