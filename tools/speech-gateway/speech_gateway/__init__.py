"""A voice gateway that really listens and speaks, on the processor alone.

A caller's audio is recognised by PocketSphinx while it comes in, a paced generator of words stands
in for the language model, and espeak-ng or Piper speaks its sentences.
"""
