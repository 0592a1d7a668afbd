"""Sales made by phone, mail or stall: every row is paid for and gives its buyer a product."""
