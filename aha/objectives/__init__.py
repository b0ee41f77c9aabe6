"""The objective as settings and plain lists: advantages, aggregation, losses, importance correction, filters. No tensor."""
