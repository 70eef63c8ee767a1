"""A shell elsewhere."""

import paramiko  # noqa: F401
