"""A synthetic corpus in MIDI-B's style: patients who never lived, planted everywhere, with an answer key.

Made anew from its seed, byte for byte. Its key presumes the policy preset `tcia`.
"""
