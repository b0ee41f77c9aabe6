"""The machine: the only home of transformers, torch.distributed and the engines."""
