"""Streaming gRPC for Sorcha Peer: one long-lived stream per link, the first choice between nodes."""
