"""The judge of de-identification: MIDI-B's ten types of check, and what they leave out."""
