// placeholder until the batch endpoints are merged
