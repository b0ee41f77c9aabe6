"""The backends, the only code that uses transformers, torch.distributed and the engines."""

import os

# oneDNN, which multiplies bfloat16 on a CPU, keeps the kernels of the last 1,024 shapes in each of two caches, about half a MiB a shape.
# Rows have ever new lengths here, so that is memory without end for a hit now and then. Read at the first product.
for _cache in ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY"):
    os.environ.setdefault(_cache, "128")
