"""From files to batches: decoding, audio store, splits, and the pipeline of training batches."""
