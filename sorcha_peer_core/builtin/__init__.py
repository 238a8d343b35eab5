"""What a node has without plugins: stores, the filter in front of them, an in-memory transport, address sources."""
