"""What a session is worth byte for byte: its cookies, who may use it, what it opens and what it never tells."""
