"""From files to batches: decoding, splits, the store of decoded audio, and the pipeline."""
