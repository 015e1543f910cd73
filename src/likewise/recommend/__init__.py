"""Recommendations from any autoencoder, and what they are compared with."""
