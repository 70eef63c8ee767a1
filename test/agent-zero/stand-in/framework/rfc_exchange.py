"""Upstream has a module of this name that must not run where tools run."""

raise AssertionError("the framework itself was loaded")
