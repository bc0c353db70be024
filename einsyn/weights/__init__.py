"""Trained weights: files of them, and what one network takes over from another."""
