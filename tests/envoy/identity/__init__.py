"""Who is asking: tokens, keys and providers."""
