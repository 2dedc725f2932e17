"""The configuration file that ``init`` writes, with its comments."""

from __future__ import annotations

from node.toml_reader import Address

_TEMPLATE = """\
# One node of {organisation}. Relative paths start at this file's folder.

organisation = "{organisation}"
data = "data"                  # database, record of own votes, lock; never copy it to a second machine
genesis = "genesis.bin"        # the file that all founders agreed on
keys = "keys"                  # validator.key, transport.key, transport.crt
read_tokens = "read_tokens"    # lines "name token": readers beside the node, for instance the explorer

peer_listen = "{peer_listen}"  # the other nodes, mutual TLS 1.3
api_listen = "{api_listen}"    # HTTP for members and the public; put TLS in front of it

# tree_versions = 64           # heights back as of which answers are proven, or "all"
# tree_keys_in_memory = 1500000 # records up to which the whole state tree is in memory; 0: its pages always in a file
# check_threads = 0            # threads that check signatures; 0: none, the event loop does

# Where the other nodes are, if not where their cards say:
# [peers]
# "org:other" = "10.0.0.2:7101"

# [timing]
# idle_block_ms = 60000       # longest silence of an idle chain; as genesis says if not given

# [storage]
# keep_blocks = "all"         # or the number of newest blocks to keep; headers and proofs of the state stay
# snapshot_every = 10000      # heights between two snapshots for members that join; 0: none

[log]
level = "info"                 # debug, info, warning, error
format = "text"                # text for people, json for machines
"""


def render_config(organisation: str, peer_listen: Address, api_listen: Address) -> str:
    """The text of ``node.toml``; every value was checked before, so none needs quoting."""
    return _TEMPLATE.format(organisation=organisation, peer_listen=peer_listen, api_listen=api_listen)
