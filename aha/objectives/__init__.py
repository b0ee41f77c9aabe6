"""The mathematics: advantages, aggregation, losses, importance correction, filters."""
