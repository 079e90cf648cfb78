"""Who may do what: roles, tiers and the rule that makes rights of them. Pure: rows in, rights out."""
