"""Sample data of any size, and what must become of every row of it.

`generate` makes portal data, dumps and orders from a seed; `oracle` judges them in plain Python from
the rules alone, so that tests can compare it with the database; `bulk` writes millions of rows.
"""
