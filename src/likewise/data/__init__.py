"""From a purchase log to interactions and splits."""
