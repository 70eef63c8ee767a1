"""Strings."""

from framework import files  # noqa: F401


def tidy(text):
    return text.strip("\n")
