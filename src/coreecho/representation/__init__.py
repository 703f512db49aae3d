"""What the embeddings of recordings are like: who lies near whom, in which order, and what it is made of."""
