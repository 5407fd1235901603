"""Labels made by other recognisers: recordings -> pieces -> texts -> the texts that can be trusted."""
