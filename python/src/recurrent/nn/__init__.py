"""Networks over whole sequences."""
