"""The shipped protocol in virtual time: what is found out here is true of the nodes that run.

Two halves ask two questions. How transactions spread, over links that are given: ``network`` runs the very same
``protocol.core.Core`` and ``protocol.sendqueue.SendQueue`` as a node does, thousands of them in one process, over a model
of the network. ``profile`` and ``places`` say how far nodes are from each other, ``pipe`` what a link does to a batch,
``machine`` what receiving and sending cost a node, and a ``calendar`` holds the events in order. ``overlay`` chooses the
links, ``disturbance`` and ``repair`` break and mend them. An ``experiment`` goes through a ``scenario``, ``finding`` and
``report`` sum it up, ``bounds`` computes what no protocol can beat on the same graph.

Who finds and links whom, without any transaction: ``meeting`` runs the very same ``protocol.discovery.Discovery``, one in each
``meeting_node``, on the clock of ``clock``. Its nodes come and go by the hundred, and events are few; so a heap does.

Nothing here looks at a clock, and every random number comes from one seed: the same scenario always gives the same report.
"""
