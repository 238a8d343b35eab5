"""The shipped protocol in virtual time.

A simulation runs the very same ``protocol.core.Core`` and ``protocol.sendqueue.SendQueue`` as a node does, thousands of them
in one process, over a network that is a model: ``profile`` and ``places`` say how far nodes are from each other, ``pipe`` what
a link does to a batch, ``machine`` what receiving and sending cost a node. ``network`` holds them together over a ``calendar``
of events; ``overlay`` chooses the links, ``disturbance`` and ``repair`` break and mend them. An ``experiment`` goes through a
``scenario``, ``finding`` and ``report`` sum it up, ``bounds`` computes what no protocol can beat on the same graph.

Nothing here looks at a clock, and every random number comes from one seed: a scenario always gives the same report.
"""
