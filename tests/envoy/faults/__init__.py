"""What breaks around a real Envoy, and what clients, the record and the counters show of it: docs/faults.md."""
