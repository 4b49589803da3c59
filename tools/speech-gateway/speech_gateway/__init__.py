"""A voice gateway that really listens and speaks, on the processor alone.

A caller's audio is recognised by PocketSphinx while it comes in, a paced generator of words stands
in for the language model, and espeak-ng or Piper speaks its sentences.
"""

import os

# Read when gRPC is loaded: what goes wrong is said in a sentence, not in lines of its log as well.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
