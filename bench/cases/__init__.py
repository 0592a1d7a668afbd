"""What is compared. Each module: `run(given) -> Figures`, called in a process of its own."""
