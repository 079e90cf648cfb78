"""De-identification: ours beside four others, by the same judge and the same clock."""
