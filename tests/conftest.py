"""Lies here so that tests can import the helpers beside it."""
