"""Drive the protocol in real time: greenlets, links, the store's thread, keys and counters."""
