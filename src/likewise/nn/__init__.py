"""The parts of an autoencoder: layers, losses, corruption, and the training loop."""
