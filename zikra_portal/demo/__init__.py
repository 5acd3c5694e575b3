"""Demo data: a believable month of a small team that sells houseplants and brings them by its own vans."""
