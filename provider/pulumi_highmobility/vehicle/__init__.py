"""What a vehicle is: its VIN, its brand, what is checked of it, and how that is worded."""
