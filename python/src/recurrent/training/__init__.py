"""Training runs: options, text, batches, history."""
