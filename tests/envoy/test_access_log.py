"""In work by another helper since 14:40: configuration mistakes (6), reload (7), validate and capabilities (8), access log (9) of the list are taken; helper of affinity and TLS: leave these four."""
