"""Autoencoders of tables: reduction, features, anomalies."""
