"""What is billed: drafts, numbers, credit notes, and the documents made of them."""
