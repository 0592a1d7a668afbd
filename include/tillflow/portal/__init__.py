"""What operators maintain: channels, lotteries, customers, machines, planograms, users, grants."""
