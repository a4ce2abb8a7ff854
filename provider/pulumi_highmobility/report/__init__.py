"""How long clearance takes: episodes from changelogs, their statistics, and the page, JSON and CSV that show them."""
