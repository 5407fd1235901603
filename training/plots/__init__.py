"""What `training.inspect` draws: each module gathers the data of one figure and draws it."""
