"""Labels made by other recognisers: recordings -> pieces -> texts -> those that can be trusted, as they come."""
