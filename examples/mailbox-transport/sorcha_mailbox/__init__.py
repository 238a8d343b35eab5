"""Links through the mailboxes of an HTTP relay, for networks in which nobody can be dialled."""
