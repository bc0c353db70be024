"""Child processes for what may crash, hang or run out of memory: kept warm, and there again at once."""
